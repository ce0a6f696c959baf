"""What the last build made, and which rows to build again: those whose pages may show something that has changed since."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, fields, replace
from hashlib import sha256
from pathlib import Path

from harness import __version__, evidence, program
from harness.catalog.digest import hash_file
from harness.errors import BadInput
from harness.inside import proper
from harness.record import envelope
from harness.record.keys import HANDLE
from harness.registry.facts import EvidenceFact, FailureFact, RecordFact
from harness.registry.queries import Reader, failures, log, public, reports, rows
from harness.registry.queries.operators import rows_of
from harness.site.data import lines
from harness.site.data.public import Ground, Tally
from harness.site.data.values import FIELDS, Site, Summary, values
from harness.site.folder import FILE
from harness.tlog import event as events

# Events by what they touch: a record's row, all rows of an operator, one row named, nothing that a page of a row shows; any other
# kind touches everything.
_OF_RECORD = {
    "record-submitted", "record-withdrawn", "record-approved", "record-rejected", "record-sent-back", "body-dropped",
}  # fmt: skip
_OF_OPERATOR = {"operator-verified", "operator-unverified"}
_OF_EVIDENCE = {"evidence-imported", "evidence-removed"}
_OF_KEYS = {"operator-joined", "operator-rotated"}
_OF_NOTHING = {
    "challenge-issued", "limits-raised", "limits-ended", "row-reported", "report-withdrawn",
    "reports-closed", "witness-added", "witness-removed",
}  # fmt: skip
_OF_FAILURE = {"failure-submitted", "failure-withdrawn", "failure-approved", "failure-rejected", "failure-dropped"}
_MEMBERS = FIELDS.index("members")


@dataclass(slots=True)
class State:
    """Kept in the site's folder: what the next build goes on from."""

    made_by: str
    entries: int
    head: str
    as_of: str
    series: dict[str, list[str]]
    signed: int  # entries below the newest checkpoint
    cosigned: str = ""  # digest of what witnesses have added to that
    left_out: list[tuple[str, str, str, bool]] = field(
        default_factory=list
    )  # records that did not hold: id, row, why, whether public
    failures: dict[str, str] = field(default_factory=dict)  # row → digest of the failed runs that it shows
    frozen: dict[str, int] = field(default_factory=dict)  # row → the entry since which it is under review
    told: dict[str, str] = field(default_factory=dict)  # row → digest of what the database says of its accepted records
    rows: dict[str, Summary] = field(default_factory=dict)  # by id, in order
    records: dict[str, list[str]] = field(default_factory=dict)  # row → its public records
    tallies: dict[str, Tally] = field(default_factory=dict)
    handles: list[str] = field(default_factory=list)  # of who has a page
    repeated: list[str] = field(default_factory=list)  # records that a change of versions may show in
    digests: dict[str, str] = field(default_factory=dict)  # of the files that it takes up
    lines: dict[str, str] = field(default_factory=dict)  # row → its line in this very file

    def same(self, other: State) -> bool:
        """Whether nothing happened at the registry between the two."""
        names = (
            "made_by",
            "entries",
            "head",
            "as_of",
            "series",
            "signed",
            "cosigned",
            "left_out",
            "failures",
            "frozen",
            "told",
        )
        return all(getattr(self, name) == getattr(other, name) for name in names)

    def take(self, last: State | None, public: Collection[str], made: Iterable[tuple[Summary, list[str]]]) -> None:
        """The rows: those of the last build that are still public, and those that were made."""
        if last is not None:
            gone = last.rows.keys() - public
            self.rows = {row: one for row, one in last.rows.items() if row not in gone}
            self.records, self.lines = dict(last.records), dict(last.lines)
            for row in gone:
                del self.records[row], self.lines[row]
        before = len(self.rows)
        for one, own in made:
            self.rows[one.row], self.records[one.row] = one, own
            self.lines[one.row] = json.dumps([values(one), own], separators=(",", ":"))
        if len(self.rows) > before:
            self.rows = dict(sorted(self.rows.items()))

    def write(self, folder: Path) -> None:
        """Into the folder that is being made. A line a row, without names: there are many."""
        names = [one.name for one in fields(self) if one.name not in ("rows", "records", "lines")]
        head = json.dumps({name: getattr(self, name) for name in names}, separators=(",", ":"))
        (folder / FILE).write_text(lines.joined(f'{head[:-1]},"rows":[', self.rows, self.lines, {}, "]}"))


def unfinished(folder: Path) -> None:
    """Say in the folder that files are being laid over it: the next build starts from nothing, unless this one ends."""
    mark = folder / f"{FILE}.new"
    mark.write_text("{}")  # beside it: the file may have a second name, see `twin`
    os.replace(mark, folder / FILE)


def read(folder: Path) -> State | None:
    """What was kept; None where there is nothing, or nothing that can be read."""
    try:
        text = (folder / FILE).read_text()
        kept = json.loads(text)
        rows, records = dict[str, Summary](), dict[str, list[str]]()
        for line, own in kept.pop("rows"):
            line[_MEMBERS] = tuple(line[_MEMBERS])
            one = Summary(*line)
            rows[one.row], records[one.row] = one, own
        left_out = [(record, row, what, public) for record, row, what, public in kept.pop("left_out")]
        tallies = {handle: Tally(*numbers) for handle, numbers in kept.pop("tallies").items()}
        found = State(
            **kept, rows=rows, records=records, tallies=tallies, left_out=left_out, lines=lines.of(text, list(rows))
        )
        return found if _plain(found) else None
    except (OSError, ValueError, TypeError, LookupError):
        return None


def _plain(kept: State) -> bool:
    """Whether every name that becomes a file's is one: files are removed by them."""
    ids = (*kept.rows, *kept.records, *(one for own in kept.records.values() for one in own))
    good = all(map(events.HEX.fullmatch, ids)) and all(map(HANDLE.fullmatch, kept.handles))
    return good and all(map(proper, kept.digests))


def untouched(folder: Path, state: State) -> bool:
    """Whether the files that a build goes on from are those that the last one wrote."""
    try:
        return all(hash_file(folder / path) == known for path, known in state.digests.items())
    except BadInput:
        return False


def now(reader: Reader, site: Site) -> State:
    """The state that a build of this registry begins with."""
    series = rows.counted_series(reader)
    head = reader.head(site.entries) or ""
    signed = log.newest_size(reader)
    told = public.digests(reader)
    found = State(_made_by(site), site.entries, head, site.as_of.isoformat(), series, signed, told=told)
    found.cosigned = log.cosigned(reader)
    shown = failures.at_rows(reader, failures.public(reader))
    found.failures = {
        row: sha256("".join(one.record for one in own).encode()).hexdigest() for row, own in shown.items()
    }
    found.frozen = {row: one.since for row, one in reports.frozen(reader).items()}
    return found


def _made_by(site: Site) -> str:
    """Everything that all pages depend on: a rule that changed changes pages as much as a template."""
    parts = (
        __version__,
        program.digest(),
        evidence.digest(),
        site.origin,
        site.base_url,
        site.policy_name,
        site.policy_sha256,
        str(site.png),
    )
    return sha256("\n".join(parts).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Touched:
    """What a build has to make again; `since` is the entry from which the log is new."""

    rows: frozenset[str]
    operators: frozenset[str] | None  # None: all
    keys: bool  # whether an operator's may be another
    since: int

    def also(self, rows: frozenset[str]) -> Touched:
        """With these rows; who is named on them may read otherwise, too: then everybody."""
        return replace(self, rows=self.rows | rows, operators=None) if rows else self


def touched(reader: Reader, old: State | None, new: State, known: Ground) -> Touched:
    """Which public rows, and whose pages. All of them where the last build was another program's, or of another log."""
    everything = Touched(known.rows, None, keys=True, since=0)
    if old is None or old.made_by != new.made_by or old.as_of > new.as_of or not _goes_on(reader, old):
        return everything
    rows, operators, keys = set(known.rows - old.rows.keys()), set[str](), False
    submitters: set[str] = set()
    for index, _, data in list(reader.signed(old.entries)):
        if data is None:
            return everything
        act = events.read(envelope.read(data, f"entry {index}").payload, f"entry {index}")
        operators.add(act.by)
        if act.kind in _OF_RECORD:
            fact = reader.need(RecordFact, act.subject)
            if act.kind == "record-approved" and fact.took:
                return everything  # records of closed rows came along: their operators' pages and counts change
            rows.add(fact.row)
            operators.add(fact.operator)
            if act.kind == "record-submitted":
                submitters.add(act.by)
        elif act.kind in _OF_OPERATOR:
            operators.add(act.subject)
            rows |= rows_of(reader, [act.subject])
        elif act.kind in _OF_EVIDENCE:
            rows.add(reader.need(EvidenceFact, act.subject).row)
        elif act.kind in _OF_FAILURE:
            operators.add(reader.need(FailureFact, act.subject).operator)
            if act.kind == "failure-submitted":
                submitters.add(act.by)
        elif act.kind in _OF_KEYS:
            keys = True
        elif act.kind not in _OF_NOTHING and not act.kind.startswith("request-"):
            return everything
    # Whoever submits may turn out to share a machine with others: then all of them are one voice from now on.
    persons = known.persons
    named = {persons[handle] for handle in submitters if handle in persons}
    joined = [handle for handle, person in persons.items() if person in named]
    if len(joined) > len(named):
        rows |= rows_of(reader, joined)
        operators |= set(joined)
    drifted = {
        engine for engine in old.series.keys() | new.series.keys() if old.series.get(engine) != new.series.get(engine)
    }
    rows |= {row for row in old.failures.keys() | new.failures if old.failures.get(row) != new.failures.get(row)}
    rows |= {row for row in old.frozen.keys() | new.frozen if old.frozen.get(row) != new.frozen.get(row)}
    rows |= {row for row, one in old.rows.items() if one.engine in drifted or one.until <= new.as_of}
    # No entry tells of these: somebody wrote to the database. They are verified again, as every row that is made again.
    rows |= {row for row in known.rows if old.told.get(row) != new.told.get(row)}
    return Touched(frozenset(rows & known.rows), frozenset(operators), keys, old.entries)


def _goes_on(reader: Reader, old: State) -> bool:
    return old.entries <= reader.size() and reader.head(old.entries) == old.head
