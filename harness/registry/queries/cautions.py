"""What a row's operators have in common, from the registry's records and log: for its editor, its page and `repro explain`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from harness.measure.logs import logs_of
from harness.measure.plural import first
from harness.record.schema import Record
from harness.registry.db import rows as rows_table
from harness.registry.db import stored_facts
from harness.registry.db.reader import Reader
from harness.registry.facts import OperatorFact, RecordFact
from harness.registry.intake.facts_told import part_of, value_of
from harness.registry.intake.projection import parts_of
from harness.registry.queries import rows
from harness.registry.queries.coming import coming
from harness.registry.queries.secondary import record_in
from harness.registry.rules.handles import nearly_equal
from harness.tiers import cautions
from harness.tiers.cautions import Caution, HostFacts
from harness.tiers.policy import Policy
from harness.tiers.score import Score, score
from harness.tiers.values import UNLISTED, Mark, Measurement, Row, Status
from harness.tiers.verdict import too_wide
from harness.tiers.voices import chorus

MOST_COMPARED = 50  # of a row's records, the newest: pairs grow with the square
MOST_NAMED = 5  # handles that a caution lists
_HOST = ("kernel", "os", "libc", "python", "clock_source", "virtualisation")
_CPU = ("model", "microcode", "l3_bytes")


def of_row(
    reader: Reader, row: Row, scored: Score, people: Mapping[str, str], records: Mapping[str, Record]
) -> tuple[Caution, ...]:
    """Of a row as it is scored; `records`: those of it that can be read, by id."""
    voices = chorus(row.hub, row.others, {key: judged.mark for key, judged in scored.judged.items()}, people)
    joined = {voice.record.operator: _joined(reader, voice.record.operator) for voice in voices.inside}
    found = cautions.of_row(row.hub, voices, {name: at for name, at in joined.items() if at is not None})
    members = sorted((row.hub, *row.others), key=lambda one: (one.measured, one.id), reverse=True)
    hosts = [
        host_facts(one.id, people.get(one.operator, one.operator), records[one.id])
        for one in members
        if one.id in records and one.status in (Status.ACCEPTED, Status.PENDING)
    ]
    if len(hosts) > MOST_COMPARED:
        more = len(hosts) - MOST_COMPARED
        text = f"the machines of its newest {MOST_COMPARED} records were compared, those of {more} more were not"
        found.append(Caution("not-all-compared", text))
    return (*found, *cautions.same_machine(hosts[:MOST_COMPARED]))


def with_record(reader: Reader, row: Row, one: Measurement, policy: Policy, as_of: date) -> Iterator[Caution]:
    """What an editor should see before `one` is accepted into its row: as the row would stand then."""
    yield from _alike(reader, one.operator)
    if UNLISTED in one.hardware.sku:
        text = "its device is in no table: no bound of physics holds its rate, and it counts as distinct from nothing"
        yield Caution("unlisted-device", text, records=(one.id,))
    if one.id == row.hub.id:
        logs = one.logs or logs_of(one.medians)
        said = too_wide(logs.n, logs.variance, policy)
        if said:
            yield Caution("imprecise", said, records=(one.id,))
        yield from _earlier_rows(reader, one, policy, as_of)
        return
    others = (*(other for other in row.others if other.id != one.id), replace(one, status=Status.ACCEPTED))
    with_it = Row(replace(row.hub, status=Status.ACCEPTED), others)
    handles = [member.operator for member in rows.members(with_it)]
    people = rows.people(reader, handles, [(one.operator, one.rig)])
    accepted = [member.id for member in rows.members(with_it) if member.status is Status.ACCEPTED]
    records = {name: record for name in accepted if (record := record_in(reader, name)) is not None}
    yield from of_row(reader, with_it, score(with_it, policy, as_of, people=people), people, records)


def _earlier_rows(reader: Reader, one: Measurement, policy: Policy, as_of: date) -> Iterator[Caution]:
    """Closed rows of its subject and device: what others measured there counts here, once this one is approved."""
    others = coming(reader, one.id)
    along = {other.id for other in others}
    if along:
        approved = Row(replace(one, status=Status.ACCEPTED), others)
        people = rows.people(reader, [member.operator for member in rows.members(approved)])
        judged = score(approved, policy, as_of, people=people).judged
        against = sum(judged[name].mark is Mark.OUTSIDE for name in along if name in judged)
        stood = sorted({reader.need(RecordFact, name).row[:12] for name in along})
        text = (
            f"once it is approved, records of closed rows of its subject and device ({', '.join(stood)}) come along: "
            f"{len(along)}, outside its tolerance: {against}"
        )
        yield Caution("earlier-row", text, records=tuple(sorted(along)))
    for identity, status in rows_table.closed(reader, parts_of(one.subject), one.hardware.sku, one.id):
        left = set(rows_table.accepted_others(reader, identity)) - along
        if left:
            text = (
                f"an earlier row of its subject and device, {identity[:12]}, was {status}; {len(left)} approved records of it "
                f"can be taken here: repro review move"
            )
            yield Caution("earlier-row", text, records=(identity,))


def _alike(reader: Reader, handle: str) -> Iterator[Caution]:
    """Handles a keystroke away."""
    names = stored_facts.names(reader, OperatorFact)
    others = tuple(sorted(other for other in names if nearly_equal(handle, other)))
    if others:
        text = f"{handle} is nearly {first(others, MOST_NAMED)}"
        yield Caution("nearly-equal-handles", text, (handle, *others))


def host_facts(identity: str, person: str, record: Record) -> HostFacts:
    """What a record tells of its machine beside the hardware class."""
    found = {}
    for part, names in (("host", _HOST), ("cpu", _CPU), ("memory", ("tier_gib", "huge_pages"))):
        found.update({name: _told(part_of(record, part), name) for name in names})
    wheel = record.runtime.environment.get("built_wheel_sha256")
    return HostFacts(identity, person, wheel if isinstance(wheel, str) else "", found)


def _told(part: dict[str, Any], name: str) -> str:
    value = value_of(part, name)
    return "" if value is None or isinstance(value, bool) else str(value)


def _joined(reader: Reader, handle: str) -> datetime | None:
    fact = reader.get(OperatorFact, handle)
    entry = None if fact is None else reader.entry(fact.joined)
    return None if entry is None else datetime.fromisoformat(entry.at)
