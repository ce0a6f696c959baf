"""What the last build made, and which rows to build again: those whose pages may show something that has changed since."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from datetime import date
from functools import cache
from hashlib import sha256
from importlib import resources
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from harness import __version__
from harness.hub import entry as entries
from harness.hub import event as events
from harness.hub import tables
from harness.hub.reader import Reader
from harness.hub.rows import people
from harness.record import envelope
from harness.site.people import handles
from harness.site.values import Site, Summary, plain

FILE = ".site.json"

# Events by what they touch: a record's row, all rows of an operator, one row named, nothing that a page of a row shows; any other
# kind touches everything.
_OF_RECORD = {
    "record-submitted", "record-withdrawn", "record-approved", "record-rejected", "record-sent-back", "body-dropped",
}  # fmt: skip
_OF_OPERATOR = {"operator-verified", "operator-unverified"}
_OF_EVIDENCE = {"evidence-imported", "evidence-removed"}
_OF_NO_ROW = {"operator-joined", "operator-rotated", "challenge-issued"}


Kept = tuple[
    dict[str, Any], list[str], str
]  # of a row: its summary, the ids of its public records, a digest of the first


def kept(one: Summary, records: list[str]) -> Kept:
    """What is kept of a row."""
    values = plain(one)
    return values, records, sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


@dataclass(slots=True)
class State:
    """Kept in the site's folder."""

    made_by: str
    entries: int
    head: str
    as_of: str
    series: dict[str, list[str]]
    handles: list[str]  # of who has a page
    signed: int  # entries below the newest checkpoint
    rows: dict[str, Kept] = field(default_factory=dict)
    made: dict[str, str] = field(default_factory=dict)  # list → digest of what it was made of

    def summaries(self) -> dict[str, Summary]:
        """Of every row."""
        return {
            row: Summary(**{**values, "members": tuple(values["members"])}) for row, (values, *_) in self.rows.items()
        }

    def same_but_rows(self, other: State) -> bool:
        """Whether nothing happened between the two."""
        names = [one.name for one in fields(self) if one.name not in ("rows", "made")]
        return all(getattr(self, name) == getattr(other, name) for name in names)

    def differs(self, path: str, made_of: object, kept: State | None) -> bool:
        """Whether the file is made of something else than in the last build; this state keeps what it is made of now."""
        self.made[path] = sha256(repr(made_of).encode("utf-8", "surrogatepass")).hexdigest()
        return kept is None or kept.made.get(path) != self.made[path]

    def unfinished(self, folder: Path) -> None:
        """Say in the folder that files are being laid over it: the next build starts from nothing, unless this one ends."""
        held = self.made_by
        self.made_by = ""
        self.write(folder)
        self.made_by = held

    def write(self, folder: Path) -> None:
        """Into the folder that is being made."""
        kept = {one.name: getattr(self, one.name) for one in fields(self)}
        (folder / FILE).write_text(json.dumps(kept, separators=(",", ":"), sort_keys=True))


def read(folder: Path) -> State | None:
    """What was kept; None where there is nothing, or nothing that can be read."""
    try:
        return State(**json.loads((folder / FILE).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def now(reader: Reader, site: Site) -> State:
    """The state that a build of this hub begins with."""
    series: dict[str, list[str]] = {}
    table = tables.series.c
    for engine, name in reader.connection.execute(select(table.engine, table.series).order_by(table.series)):
        series.setdefault(engine, []).append(name)
    head = reader.head(site.entries) or ""
    signed = reader.connection.execute(select(func.max(tables.checkpoints.c.size))).scalar_one() or 0
    return State(_made_by(site), site.entries, head, site.as_of.isoformat(), series, sorted(handles(reader)), signed)


def _made_by(site: Site) -> str:
    """Everything that all pages depend on."""
    parts = (__version__, _code(), site.origin, site.base_url, site.policy_name, site.policy_sha256, str(site.png))
    return sha256("\n".join(parts).encode()).hexdigest()


@cache
def _code() -> str:
    """Of the whole program, templates and styles included: a rule that changed changes pages as much as a template."""
    found = sha256()
    waiting = [resources.files("harness")]
    while waiting:
        one = waiting.pop()
        if one.is_dir():
            waiting += sorted((i for i in one.iterdir() if i.name != "__pycache__"), key=lambda inner: inner.name)
        else:
            found.update(one.name.encode() + b"\0" + one.read_bytes())
    return found.hexdigest()


@dataclass(frozen=True, slots=True)
class Touched:
    """What a build has to make again; `since` is the entry from which the log is new."""

    rows: frozenset[str]
    operators: frozenset[str] | None  # None: all
    since: int


def touched(reader: Reader, old: State | None, new: State, public: set[str]) -> Touched:
    """Which public rows, and whose pages. All of them where the last build was another program's, or of another log."""
    if old is None or old.made_by != new.made_by or old.as_of > new.as_of or not _goes_on(reader, old):
        return Touched(frozenset(public), None, 0)
    rows, operators = set(public - old.rows.keys()), set[str]()
    submitters: set[str] = set()
    for index, payload in list(reader.payloads(old.entries)):
        line = entries.read(payload, f"entry {index}")
        data = reader.body(line.envelope_sha256)
        if data is None:
            return Touched(frozenset(public), None, 0)
        act = events.read(envelope.read(data, f"entry {index}").payload, f"entry {index}")
        operators.add(act.by)
        if act.kind in _OF_RECORD:
            fact = reader.get("record", act.subject) or {}
            rows.add(fact.get("row", ""))
            operators.add(fact.get("operator", ""))
            if act.kind == "record-submitted":
                submitters.add(act.by)
        elif act.kind in _OF_OPERATOR:
            operators.add(act.subject)
            rows |= _rows_of(reader, [act.subject])
        elif act.kind in _OF_EVIDENCE:
            rows.add((reader.get("evidence", act.subject) or {}).get("row", ""))
        elif act.kind not in _OF_NO_ROW and not act.kind.startswith("request-"):
            return Touched(frozenset(public), None, 0)
    # Whoever submits may turn out to share a machine with others: then all of them are one voice from now on.
    persons = people(reader)
    named = {persons[handle] for handle in submitters if handle in persons}
    joined = [handle for handle, person in persons.items() if person in named]
    if len(joined) > len(named):
        rows |= _rows_of(reader, joined)
        operators |= set(joined)
    drifted = {
        engine for engine in old.series.keys() | new.series.keys() if old.series.get(engine) != new.series.get(engine)
    }
    for row, (summary, *_) in old.rows.items():
        if summary["engine"] in drifted or date.fromisoformat(summary["until"]) <= date.fromisoformat(new.as_of):
            rows.add(row)
    return Touched(frozenset(rows & public), frozenset(operators), old.entries)


def _goes_on(reader: Reader, old: State) -> bool:
    return old.entries <= reader.size() and reader.head(old.entries) == old.head


def _rows_of(reader: Reader, handles: Iterable[str]) -> set[str]:
    table, wanted = tables.records.c, sorted(handles)
    found: set[str] = set()
    for first in range(0, len(wanted), 500):
        part = select(table.row).distinct().where(table.operator.in_(wanted[first : first + 500]))
        found |= set(reader.connection.execute(part).scalars())
    return found
