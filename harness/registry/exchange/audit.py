"""A whole registry, checked from its bytes: every digest, link, signature and rule; every record against its samples; what the
database derives from them against what they give now. One fault never hides the next.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from harness.errors import RecordInvalid, ReproError, one_line
from harness.progress import Progress
from harness.registry.db import checkpoints, column_types, log, records, rigs, series, side_tables, stored_facts
from harness.registry.db.left_out import without
from harness.registry.db.lookups import missed
from harness.registry.db.reader import Reader
from harness.registry.exchange import witnessed
from harness.registry.exchange.record_checks import TOLD, Fault, Pending, verdicts
from harness.registry.exchange.witnessed import Cosigned, Quorum
from harness.registry.facts import FailureFact, PolicyFact, RecordFact, RegistryFact
from harness.registry.facts.stored import same
from harness.registry.intake import failures
from harness.registry.queries.active_policy import in_force
from harness.registry.queries.rows import readable
from harness.registry.queries.scores import standings
from harness.registry.rules import times
from harness.registry.rules.apply import Facts, applied
from harness.registry.rules.base import Place, public
from harness.registry.rules.times import MOST_AHEAD
from harness.registry.store import Registry
from harness.tiers.values import Status
from harness.tlog import checkpoint, entry, merkle
from harness.tlog.entry import Entry
from harness.tlog.event import Event


@dataclass(slots=True)
class Found:
    """What an audit saw."""

    entries: int = 0
    records: int = 0
    checkpoints: int = 0
    rows: int = 0
    until: str = ""  # when the registry took the last entry
    signed: int | None = None  # entries below the newest checkpoint
    withheld: int = 0  # entries of a public copy whose events it does not tell
    unseen: int = 0  # records whose events it tells, and whose bytes are not public
    cosigned: Cosigned | None = None  # the largest tree that the witnesses signed that were asked for
    faults: list[Fault] = field(default_factory=list)

    def add(self, where: str, error: object) -> None:
        """One more fault."""
        self.faults.append(Fault(where, one_line(error.what if isinstance(error, ReproError) else str(error), TOLD)))


def audit(registry: Registry, pool: Executor | None, progress: Progress, quorum: Quorum | None = None) -> Found:
    """Every fault of the registry; with a pool, records are checked in its processes. `quorum`: whose cosignatures it needs."""
    found = Found()
    with registry.reading(closed=False) as reader:  # scores leave records out by a view of its own
        facts, tree = Facts(), merkle.Tree()
        for where, what in (*side_tables.shape(reader), *column_types.wrong(reader)):
            found.add(where, what)
        named: dict[str, str] = {}
        pending = _log(reader, _Copy(facts, tree, named, registry.withheld), found, progress)
        for identity, row, errors in verdicts(pending, pool):
            found.records += 1
            for error in errors:
                found.faults.append(error)
            if row is not None:
                _row(reader, identity, row, found)
        _tree(reader, tree, facts, found)
        for where, what in witnessed.false_lines(reader, facts):
            found.add(where, what)
        if quorum is not None:
            found.cosigned, lacking = witnessed.look(reader, quorum, datetime.now(UTC))
            for where, what in lacking:
                found.add(where, what)
        _ahead(found)
        _derived(reader, facts, found)
        for where, what in side_tables.beside(reader, facts, named):
            found.add(where, what)
        if all(fault.record for fault in found.faults):
            try:
                policy = in_force(reader).policy
                asked = facts.get(PolicyFact, "")
                if asked is not None and asked.approvals < policy.approvals:
                    told = f"the log needs {asked.approvals}, the policy that it names for {policy.approvals} approvals"
                    found.add("policy", f"{told} of a record")
                with without(reader, _unreadable(reader, {fault.record for fault in found.faults})):
                    found.rows = sum(1 for _ in standings(reader, policy, datetime.now(UTC).date()))
            except ReproError as error:
                found.add("policy", error)
    return found


def _unreadable(reader: Reader, bad: set[str]) -> list[str]:
    """Those of the records that do not hold whose line nobody can read: no row could be scored with it."""
    lines = ((one, records.line(reader, one)) for one in bad)
    return [one for one, line in lines if line is not None and not readable(line)]


@dataclass(frozen=True, slots=True)
class _Copy:
    """What the log is folded into. `named`: every body that it speaks of; `withheld`: of a public copy, entries whose events it
    does not tell.
    """

    facts: Facts
    tree: merkle.Tree
    named: dict[str, str]
    withheld: Collection[int] | None


def _log(reader: Reader, copy: _Copy, found: Found, progress: Progress) -> Iterator[Pending]:
    """Fold the log; the records are still to be checked."""
    facts, tree, named = copy.facts, copy.tree, copy.named
    stored = list(reader.told_payloads())
    lines: list[Entry] = []
    heads: dict[int, str] = {0: ""}
    events: set[str] = set()
    told = reader.columns()
    for index, payload in stored:
        where = f"entry {index}"
        tree.append(merkle.leaf_hash(payload))
        found.entries += 1
        try:
            line = entry.read(payload, where)
            if told[index] != (line.digest(), line.event_sha256, line.envelope_sha256):
                found.add(where, "the database says otherwise of it than its own bytes")
            entry.follows(line, lines[-1] if lines else None, where)
        except ReproError as error:
            found.add(where, error)
            try:
                line = entry.read(payload, where)
            except ReproError:
                continue
        if line.event_sha256 in events:
            found.add(where, "repeats an event that is in the log already")
            continue
        events.add(line.event_sha256)
        lines.append(line)
        heads[index + 1] = line.digest()
        found.until = line.at
        if copy.withheld is not None and index in copy.withheld:
            found.withheld += 1
            facts.take(times.withheld(Place(line.index, line.at)))
            continue
        named[line.envelope_sha256] = "event"
        event = _event(reader, line, facts, heads, found)
        if event is not None and event.kind == "failure-submitted":
            found.records += _failure(reader, event, copy, where, found)
        if event is not None and event.kind == "record-submitted":
            named[event.detail["envelope_sha256"]] = "record"
            named[event.detail["samples_sha256"]] = "samples"
            demonstration = (registry := facts.get(RegistryFact, "")) is not None and registry.demonstration
            try:
                bodies = [reader.body(event.detail[name]) for name in ("envelope_sha256", "samples_sha256")]
            except ReproError as error:
                found.add(where, error)
                continue
            if None not in bodies:
                yield Pending(event.subject, where, event, bodies[0] or b"", bodies[1] or b"", demonstration)
            elif _dropped(reader, event.subject):
                pass
            elif copy.withheld is not None and not _must_be_there(reader, event.subject):
                found.unseen += 1
            else:
                found.add(
                    where, f"the record {event.subject[:12]} or its samples are gone, and the log does not say why"
                )
        progress.advance("checking entries", index + 1, len(stored))


def _failure(reader: Reader, event: Event, copy: _Copy, where: str, found: Found) -> int:
    """Check the record of a run that failed; how many were checked."""
    facts, named = copy.facts, copy.named
    named[event.detail["envelope_sha256"]] = "record"
    named[event.detail["samples_sha256"]] = "samples"
    data, samples = (reader.body(event.detail[name]) for name in ("envelope_sha256", "samples_sha256"))
    if data is None or samples is None:
        fact = reader.get(FailureFact, event.subject)
        if copy.withheld is not None and fact is not None and fact.status is not Status.ACCEPTED:
            found.unseen += not fact.dropped
        elif (
            fact is None or not fact.dropped
        ):  # of one that is, a copy of files has nothing, not even the empty samples
            found.add(where, f"the record {event.subject[:12]} or its samples are gone, and the log does not say why")
        return 0
    registry = facts.get(RegistryFact, "")
    try:
        for name, body in (("envelope", data), ("samples", samples)):
            if sha256(body).hexdigest() != event.detail[f"{name}_sha256"]:
                raise RecordInvalid(f"its {name} were changed")
        one = failures.checked(data, samples, event.subject[:12])
        failures.agrees(event, one)
        failures.taken_by(one, demonstration=registry is not None and registry.demonstration)
    except ReproError as error:
        said = one_line(f"record {event.subject[:12]}: {error.what}", TOLD)
        found.faults.append(Fault(where, said, event.subject))
    return 1


def _must_be_there(reader: Reader, record: str) -> bool:
    """Whether a public copy must have its bytes, as the database has it: see `harness.registry.exchange.public.allowed`."""
    try:
        fact = reader.get(RecordFact, record)
        row = None if fact is None else reader.get(RecordFact, fact.row)
    except ReproError:
        return True
    return fact is not None and row is not None and (fact.status, row.status) == (Status.ACCEPTED, Status.ACCEPTED)


def _dropped(reader: Reader, record: str) -> bool:
    """Whether its bytes were taken down, as the database has it; `_derived` says whether the log has it so, too."""
    try:
        fact = reader.get(RecordFact, record)
    except ReproError:
        return False
    return fact is not None and fact.dropped


def _ahead(found: Found) -> None:
    """No rule lets a log run further ahead of a right clock than this."""
    now = datetime.now(UTC)
    if found.until and datetime.fromisoformat(found.until) > now + MOST_AHEAD:
        found.add(
            "log", f"its last entry is of {found.until}, and this machine's clock says {now:%Y-%m-%d}: one is wrong"
        )


def _event(reader: Reader, line: Entry, facts: Facts, heads: dict[int, str], found: Found) -> Event | None:
    where = f"entry {line.index}"
    try:
        data = reader.body(line.envelope_sha256)
    except ReproError as error:
        found.add(where, error)
        return None
    if data is None or sha256(data).hexdigest() != line.envelope_sha256:
        found.add(where, "its event is gone" if data is None else "its event was changed")
        return None
    try:
        event, made, payload = applied(data, Place(line.index, line.at), facts, heads.get)
        if sha256(payload).hexdigest() != line.event_sha256:
            found.add(where, "names another event")
    except ReproError as error:
        found.add(where, error)
        return None
    except Exception as error:
        found.add(where, f"{type(error).__name__}: {error}")
        return None
    facts.take(made)
    return event


def _row(reader: Reader, identity: str, fresh: dict[str, Any], found: Found) -> None:
    stored = records.line(reader, identity)
    if stored is None:
        found.add(f"record {identity[:12]}", "is in the log and not in the table")
        return
    # Where it stands is the log's to say: `_derived` asks.
    differing = [name for name, value in fresh.items() if stored[name] != value]
    if differing:
        found.add(
            f"record {identity[:12]}",
            f"the table says otherwise of {', '.join(differing)} (made by an older version: repro registry rebuild)",
        )


def _tree(reader: Reader, tree: merkle.Tree, facts: Facts, found: Found) -> None:
    count = 0
    for level, index, value in log.nodes(reader):
        count += 1
        if not (0 <= level < 64 and index >= 0) or (index + 1) << level > tree.size or tree.node(level, index) != value:
            found.add(f"node {level}/{index}", "is not what the log gives")
    expected = sum(tree.size >> level for level in range(tree.size.bit_length()))
    if count != expected:
        found.add("tree", f"has {count} nodes, the log gives {expected}")
    registry = facts.get(RegistryFact, "")
    for size, note in checkpoints.told(reader):
        where = f"checkpoint {size}"
        found.checkpoints += 1
        found.signed = size
        try:
            keys = {} if registry is None else {registry.origin: next(iter(public(registry.key_of(size)).values()))}
            signed = checkpoint.read(note, keys, where)
            if signed.size != size or size > tree.size:
                found.add(where, "is of a log of another length: entries are missing")
            elif merkle.root(size, tree.node) != signed.root:
                found.add(where, "is of another history than the log")
        except ReproError as error:
            found.add(where, error)


def _derived(reader: Reader, facts: Facts, found: Found) -> None:
    submitted = facts.all(RecordFact)
    for name, own in submitted.items():
        if own.dropped and reader.has_body(own.envelope_sha256):
            found.add(f"record {name[:12]}", "was taken down, and its bytes are still there")
    for kind, name in sorted(_differing(reader, facts), key=lambda place: tuple(map(str, place))):
        found.add(f"{kind} {name[:24]}".strip(), "the database says otherwise than the log")
    failed = facts.all(FailureFact)
    for name, one in failed.items():
        if one.dropped and reader.body(one.envelope_sha256) is not None:
            found.add(f"failure {name[:12]}", "was taken down, and its bytes are still there")
    machines = {(own.operator, own.rig_key) for own in submitted.values()}
    machines |= {(own.operator, own.rig_key) for own in failed.values()}
    if machines != set(rigs.signed(reader)):
        found.add("rigs", "are not those that the log's submissions name")
    if series.of_accepted(reader) != set(series.listed(reader)):
        found.add("series", "are not those that accepted records have run")
    for identity, row, index, status in records.places(reader):
        fact = submitted.get(identity)
        if fact is None:
            found.add(f"record {identity[:12]}", "is in the table and not in the log")
        elif (row, index, status) != (fact.row, fact.index, fact.status):
            found.add(f"record {identity[:12]}", "has another place in the table than in the log")


def _differing(reader: Reader, facts: Facts) -> set[tuple[str, str]]:
    """Kind and name of each fact that the database lacks, has otherwise, or has without the log's word."""
    ours = {(fact.KIND, name): fact for name, fact in facts.named()}
    found, there = set[tuple[str, str]](), set[tuple[str, str]]()
    for kind, name, value in stored_facts.stored(reader):
        there.add((kind, name))
        fact = ours.get((kind, name))
        if fact is None or not same(value, fact):
            found.add((kind, name))
    return (found | (ours.keys() - there)) - _waiting(reader, ours)


def _waiting(reader: Reader, ours: Mapping[tuple[str, str], object]) -> set[tuple[str, str]]:
    """Facts that a program of before the schema's last step does not keep; whoever writes next makes them."""
    try:
        found = missed(reader)
    except RecordInvalid:  # a table that can't be read excuses nothing; what is wrong with it is found by itself
        return set()
    return {(one.KIND, name) for name, one in found.items() if ours.get((one.KIND, name)) == one}
