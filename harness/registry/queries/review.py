"""What an editor needs to decide: the queue, and of each record completeness, consistency, physics, likeness, and its row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from harness.device_kinds import SERVERS
from harness.errors import BadInput, RecordInvalid, ReproError
from harness.measure.plural import count
from harness.record import settings
from harness.record.later import CODE as SIGNED_LATER
from harness.record.schema import Finding, Record, Workload
from harness.registry.db import device_digests, records
from harness.registry.db import rows as rows_table
from harness.registry.db.databases import Failure
from harness.registry.db.elsewhere import Elsewhere
from harness.registry.db.reader import Reader
from harness.registry.facts import FailureFact, OperatorFact, RecordFact, RequestFact
from harness.registry.intake.ingest import recomputed
from harness.registry.intake.plausibility import possible
from harness.registry.queries import cautions, durations, preview, rows
from harness.registry.queries.active_policy import in_force
from harness.registry.queries.alike import Seen, sought
from harness.registry.queries.intervals import gaps_of
from harness.registry.queries.secondary import beside, record_in
from harness.registry.rules.records import WANTED
from harness.registry.rules.triples import OPEN
from harness.tiers.gaps import Gaps
from harness.tiers.likeness import compared
from harness.tiers.oddities import oddities
from harness.tiers.policy import Policy

MOST_COMPARED = 200  # of a rig's other records, the newest
MOST_EXAMINED = 100  # of the queue, where it is listed: one takes a second
MOST_NAMED = 5  # records that a remark lists


@dataclass(frozen=True, slots=True)
class Remark:
    """Something to look at, with what shows it."""

    kind: str
    text: str
    records: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Dossier:
    """One record before its editor."""

    id: str
    title: str
    operator: str
    verified: bool
    status: str
    why: str
    place: str
    submitted: str
    headline: str
    challenged: bool
    approvals: tuple[str, ...]
    effect: str
    remarks: tuple[Remark, ...]
    beside: tuple[str, ...]
    similar: tuple[str, ...]
    fresh: tuple[str, ...] = ()  # workloads whose words or ids the challenge drew
    settings: tuple[
        str, ...
    ] = ()  # the record's that change the computation, then each in which it is not as its row's record


def held(reader: Reader, identity: str) -> None:
    """Raises `RecordInvalid` unless every number of the record's summary follows from its samples, and the table agrees."""
    fact = reader.need(RecordFact, identity)
    data, samples = reader.body(fact.envelope_sha256), reader.body(fact.samples_sha256)
    if data is None or samples is None:
        raise RecordInvalid("its bytes are gone", where=identity[:12])
    found = recomputed(data, samples, identity[:12])
    if isinstance(reader, Elsewhere):  # its table is its own; what is approved is the record
        if found.id != identity:
            raise RecordInvalid("is another record than its submission names", where=identity[:12])
        return
    fresh = found.measured.row({"editorial": int(fact.editorial)})
    stored = records.line(reader, identity)
    differing = sorted(name for name, value in fresh.items() if stored is None or stored[name] != value)
    if differing:
        raise RecordInvalid(
            f"the table says otherwise of {', '.join(differing)}", where=identity[:12], fix="run: repro audit"
        )


def queue(reader: Reader) -> list[str]:
    """Ids of the records that wait, oldest first."""
    return list(records.waiting(reader))


def first_examined(reader: Reader, waiting: Sequence[str], most: int = MOST_EXAMINED) -> set[str]:
    """Which of the queue a list examines: the oldest record of every operator, then the second of each, …: a flood by one handle
    displaces nobody else's.
    """
    return set(waiting) if len(waiting) <= most else set(in_turn(waiting, records.waiting(reader))[:most])


def in_turn(waiting: Sequence[str], operators: Mapping[str, str]) -> list[str]:
    """The queue as it is looked at: the oldest record of every operator, then the second of each, … `operators`: by record."""
    counts: dict[str, int] = {}
    places = []
    for place, identity in enumerate(waiting):
        own = operators.get(identity, "")
        counts[own] = counts.get(own, 0) + 1
        places.append((counts[own], place, identity))
    return [identity for _, _, identity in sorted(places)]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A record of the queue that was not examined."""

    id: str
    title: str
    operator: str
    submitted: str
    place: str


def glance(reader: Reader, identity: str) -> Waiting:
    """What the table says of it. Raises `RecordInvalid` where it is not in the log's facts."""
    fact = reader.need(RecordFact, identity)
    place = "a row of its own" if fact.row == identity else f"reproduces {fact.row[:12]}"
    return Waiting(identity, title(reader, identity), fact.operator, fact.submitted, place)


def dossier(reader: Reader, identity: str, seen: Seen | None = None) -> Dossier:
    """All that is known of one record; `seen`: what was read for those before. Raises `BadInput` for one that the registry lacks,
    `RecordInvalid` where looking at it fails: whatever it is, it is this record's, and the queue goes on.
    """
    try:
        return _dossier(reader, identity, seen or Seen())
    except (ReproError, Failure):
        raise
    except Exception as error:
        raise RecordInvalid(
            f"cannot be examined ({type(error).__name__}: {error})",
            where=identity[:12],
            fix="reject it, or send it back",
        ) from error


def _dossier(reader: Reader, identity: str, seen: Seen) -> Dossier:
    fact = reader.need(RecordFact, identity)
    hub = reader.get(RecordFact, fact.row)
    if hub is None or hub.dropped:
        raise BadInput(
            "the record of its row was taken down",
            where=identity[:12],
            fix=f"reject it, or take it out of that row: repro review move {identity[:12]}",
        )
    row = rows.read(reader, fact.row)
    one = next(measured for measured in rows.members(row) if measured.id == identity)
    record = record_in(reader, identity)
    policy = in_force(reader).policy
    effect = preview.falls(reader, fact.row, one, policy, date.fromisoformat(fact.submitted[:10]))
    operator = reader.get(OperatorFact, fact.operator)
    remarks: list[Remark] = []
    if one.missing:
        remarks.append(Remark("incomplete", f"lacks {', '.join(one.missing)}: low at most"))
    if one.failed:
        remarks.append(Remark("inconsistent", f"fails {', '.join(one.failed)}: low at most"))
    if record is None:
        remarks.append(Remark("taken down", "its bytes are gone"))
    else:
        try:
            held(reader, identity)
        except ReproError as error:
            remarks.append(Remark("inconsistent", error.what))
        open_ = [check.code for check in record.checks if check.status not in ("pass", "fail")]
        if open_:
            remarks.append(
                Remark("unchecked", f"{len(open_)} of its {count(len(record.checks), 'check')}: {', '.join(open_)}")
            )
        remarks += [Remark("finding", _finding(f)) for f in record.findings if f.severity != "note"]
        remarks += [Remark("impossible", text) for text in possible(record)]
        remarks += _times(reader, record, fact)
        remarks += _likeness(reader, identity, fact, seen)
    if hub.status not in OPEN and fact.row != identity:
        text = f"it was {hub.status}: take this record out of it with repro review move {identity[:12]}"
        remarks.append(Remark("closed row", text, (fact.row,)))
    remarks += _came(fact)
    said = cautions.with_record(reader, row, one, policy, date.fromisoformat(fact.submitted[:10]))
    remarks += [Remark(caution.kind, caution.text, caution.records) for caution in said]
    remarks += _answers(reader, fact)
    remarks += _ties(reader, identity, fact)
    remarks += _devices(reader, identity, fact, record)
    remarks += _chain(reader, identity, record)
    return Dossier(
        id=identity,
        title=title(reader, identity),
        operator=fact.operator,
        verified=operator is not None and operator.verified,
        status=fact.status.value,
        why=fact.why,
        place="a row of its own" if fact.row == identity else f"reproduces {fact.row[:12]}: {effect.text}",
        submitted=fact.submitted,
        headline=_headline(one.medians),
        challenged=fact.challenged,
        approvals=fact.approvals,
        effect=effect.effect,
        remarks=tuple(remarks),
        beside=_beside(reader, fact.row, record, policy) if record and fact.row != identity else (),
        similar=tuple(_similar(reader, identity)),
        fresh=() if record is None else tuple(one.id for one in record.workloads if _fresh(record, one)),
        settings=() if record is None else _settings(reader, fact.row, identity, record),
    )


def _fresh(record: Record, one: Workload) -> bool:
    """Whether nobody could know the work before the challenge was issued."""
    return record.run.challenge is not None and (one.text_sha256 is not None or one.forced_sha256 is not None)


def _came(fact: RecordFact) -> Iterator[Remark]:
    """What the log's rule did with rows of the same subject and device that closed (docs/decisions/0038)."""
    if fact.came_from:
        stood = ", ".join(row[:12] for row in fact.came_from)
        text = f"it came along from row {stood}, which closed, when this row was approved"
        yield Remark("came along", text, fact.came_from)
    if fact.took:
        yield Remark("took along", f"records of closed rows that came along when it was approved: {fact.took}")


def _finding(one: Finding) -> str:
    return f"{one.code}{f' of {one.workload}' if one.workload else ''}: {one.text}"


def _times(reader: Reader, record: Record, fact: RecordFact) -> Iterator[Remark]:
    """What the run claims of its time, and its samples or the calendar don't allow."""
    samples = reader.body(record.samples.sha256)
    try:
        for text in () if samples is None else durations.doubts(record, samples, fact.submitted):
            yield Remark("claimed time", text)
    except (ReproError, ValueError) as error:
        yield Remark("claimed time", f"can't be checked: {error}")


def _settings(reader: Reader, row: str, identity: str, record: Record) -> tuple[str, ...]:
    """Settings for an editor's eye: what makes the subject, and how the record differs from its row's."""
    own = settings.shown(record)
    found = [f"{own} (part of the row: changes the computation)"] if own else []
    hub = None if row == identity else record_in(reader, row)
    if hub is not None:
        found += [f"{one}, row → record" for one in settings.differences(hub, record)]
        found += [f"{name} is not told by both: it may differ from the row's" for name in settings.unknown(hub, record)]
    if any(device.kind in SERVERS for device in record.runtime.devices):
        found.append("the server's own settings (cache types, threads, offload) are not known")
    return tuple(found)


def _beside(reader: Reader, row: str, record: Record, policy: Policy) -> tuple[str, ...]:
    hub = record_in(reader, row)
    return () if hub is None else tuple(map(str, beside(hub, record, policy)))


def title(reader: Reader, identity: str) -> str:
    """Model, engine, device and workload of a record, in a line."""
    name, quantisation, series, sku, workload = records.title(reader, identity)
    return f"{name or 'a model'} {quantisation}, {series}, {sku}, {workload.partition('/')[2]}"


def _headline(medians: tuple[float, ...]) -> str:
    return f"decode {min(medians):.2f} to {max(medians):.2f} tokens/s, medians of {count(len(medians), 'process', 'processes')}"


def _likeness(reader: Reader, identity: str, fact: RecordFact, seen: Seen) -> Iterator[Remark]:
    """Samples that another record has, too, or nearly: of its model in any row, and exact ones anywhere."""
    identical = records.with_samples(reader, fact.samples_sha256, identity)
    for other in identical[:MOST_NAMED]:
        yield Remark("same samples", f"the samples are those of {other[:12]}, byte for byte", (other,))
    if len(identical) > MOST_NAMED:
        text = f"the samples are those of {len(identical)} records in all, byte for byte"
        yield Remark("same samples", text, tuple(identical[:MOST_NAMED]))
    whole = _gaps(reader, identity)
    if whole is None:
        return
    own = compared(whole)
    if own.size < whole.size:
        text = f"has {whole.shape[0]} headline trials of {whole.shape[1]} gaps, more than are compared: {own.shape}"
        yield Remark("many trials", text)
    try:
        yield from (Remark("odd samples", oddity.text) for oddity in oddities(whole))
    except ReproError as error:
        yield Remark("odd samples", error.what)
        return
    alike = sought(reader, identity, whole, own, seen)
    for found in alike.found:
        if found.other not in identical:
            yield Remark(found.kind, found.text, (found.other,))
    if alike.compared < alike.of:
        text = f"its samples were compared with those of {alike.compared} of the {alike.of} other records of its model"
        yield Remark("not all compared", text)


def _gaps(reader: Reader, identity: str) -> Gaps | None:
    record = record_in(reader, identity)
    samples = None if record is None else reader.body(record.samples.sha256)
    try:
        return None if record is None or samples is None else gaps_of(record, samples)
    except ReproError:
        return None


def _ties(reader: Reader, identity: str, fact: RecordFact) -> Iterator[Remark]:
    """Handles that share the machine."""
    people = rows.people(reader, [fact.operator])
    others = sorted(h for h, p in people.items() if p == people.get(fact.operator) and h != fact.operator)
    if others:
        yield Remark(
            "shared rig",
            f"{fact.operator} and {', '.join(others)} share a machine: they count as one operator",
            (identity,),
        )


def _answers(reader: Reader, fact: RecordFact) -> Iterator[Remark]:
    """What the request asked for: approving the record closes it, and only an editor can tell whether it fits."""
    request = reader.get(RequestFact, fact.request) if fact.request else None
    if request is not None and request.status in WANTED:
        asked = f"{request.model}, {request.hardware}, {request.runtime}"
        yield Remark("answers a request", f"approved, it closes request {fact.request[:12]}, which asks for: {asked}")


def _devices(reader: Reader, identity: str, fact: RecordFact, record: Record | None) -> Iterator[Remark]:
    """Handles with rig keys of their own that ran on the same device, or with the same build; a note that is missing."""
    data = reader.body(fact.envelope_sha256)
    unknown = "" if record is None or data is None else device_digests.missing(reader, identity, record, data)
    if unknown:
        yield Remark("no device note", unknown, (identity,))
    others = [handle for handle in device_digests.sharing(reader, fact.rig_key) if handle != fact.operator]
    if others:
        text = f"{fact.operator} and {', '.join(others)} ran on one device or build under several rig keys"
        yield Remark("same device", f"{text}; if they are one person: repro operator tie")


def _chain(reader: Reader, identity: str, record: Record | None) -> Iterator[Remark]:
    """The signed run of the rig before this one, where the registry has not seen it: was it worse."""
    operator = None if record is None else record.operator
    if record is None or operator is None:
        return
    if operator.run_number is None:
        if any(finding.code == SIGNED_LATER for finding in record.findings):
            yield Remark("signed later", "it has no number among the runs of its rig: what was left out can't show")
        return
    number, previous = operator.run_number, operator.previous
    if previous is not None and not any(reader.get(kind, previous) for kind in (RecordFact, FailureFact)):
        text = f"run {number} of its rig; the one before, {previous[:12]}, was not submitted"
        yield Remark("gap in the runs", text, (previous,))
    elif previous is None and number > 1:
        yield Remark("gap in the runs", f"run {number} of its rig names none before it")
    # Records may arrive in any order: their numbers and times say whether the rig counted anew.
    for other in records.of_rig(reader, operator.rig_key, identity, MOST_COMPARED):
        theirs = record_in(reader, other)
        count = None if theirs is None or theirs.operator is None else theirs.operator.run_number
        if theirs is None or count is None:
            continue
        began, ended = theirs.run.started_utc, theirs.run.finished_utc
        if count == number:
            yield Remark(
                "gap in the runs", f"run {number} of its rig is {other[:12]}, too: its count started again", (other,)
            )
        elif (count > number and ended <= record.run.started_utc) or (
            count < number and began >= record.run.finished_utc
        ):
            order = f"run {number} of its rig, and {other[:12]} is run {count}, in the other order of time"
            text = f"{order}: its count started again"
            yield Remark("gap in the runs", text, (other,))


def _similar(reader: Reader, identity: str) -> Iterator[str]:
    """Rows that differ in one thing only: other quantisation, engine or device of the same model."""
    for other in rows_table.similar(reader, identity, 8):
        yield f"{other[:12]}  {title(reader, other)}"
