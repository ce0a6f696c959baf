"""One record as an editor's page shows it: what is known of it, its own numbers and samples, and those of its row's record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from harness.errors import NotFound, ReproError, one_line
from harness.measure.trial import Trial
from harness.record.samples import decode
from harness.record.schema import Record
from harness.registry.db import records
from harness.registry.db.reader import Reader
from harness.registry.facts import EvidenceFact, FailureFact, KeyFact, PolicyFact, RecordFact, RequestFact
from harness.registry.queries import failures
from harness.registry.queries.believed import Doubt
from harness.registry.queries.failures import Told
from harness.registry.queries.queue import Queue, shown
from harness.registry.queries.review import Dossier, title
from harness.registry.queries.secondary import record_in
from harness.registry.store import Registry
from harness.verify.trials import trials_of


@dataclass(frozen=True, slots=True)
class Examined:
    """A record before its editor. `size`: entries of the log when the question was asked."""

    id: str
    size: int
    status: str
    row: str
    approvals: tuple[str, ...]
    needed: int  # approvals
    dropped: bool
    changed: int  # entry of the newest decision, or of its submission
    dossier: Dossier | None = None
    trouble: str = ""  # why there is no dossier
    failure: Told | None = None  # of a run that failed
    record: Record | None = None
    hub: Record | None = None  # its row's own record, where that is another
    trials: Sequence[Trial] = ()
    doubts: tuple[Doubt, ...] = field(default=())  # records of its row that do not hold


def examined(registry: Registry, identity: str) -> Examined:
    """By its whole id. Raises `NotFound`."""
    with registry.reading() as reader:
        size, needed = reader.size(), reader.need(PolicyFact).approvals
        fact = reader.get(RecordFact, identity)
        if fact is None:
            return _failed(reader, identity, size, needed)
        record, hub = _read(reader, identity), None if fact.row == identity else _read(reader, fact.row)
        samples = None if record is None else reader.body(record.samples.sha256)
    dossier, doubts, trouble = None, tuple[Doubt, ...](), "Its bytes were taken down: the log alone tells of it."
    if not fact.dropped:
        try:
            (dossier, doubts), trouble = shown(registry, identity), ""
        except ReproError as error:
            trouble = one_line(f"cannot be examined: {error.what}")
    return Examined(
        id=identity,
        size=size,
        status=fact.status.value,
        row=fact.row,
        approvals=fact.approvals,
        needed=needed,
        dropped=fact.dropped,
        changed=fact.index if fact.changed is None else fact.changed,
        dossier=dossier,
        trouble=trouble,
        record=record,
        hub=hub,
        trials=() if record is None or samples is None else _trials(record, samples),
        doubts=doubts,
    )


def _failed(reader: Reader, identity: str, size: int, needed: int) -> Examined:
    found = failures.found(reader, identity) if len(identity) == 64 else None
    if found is None:
        raise NotFound("there is no such record", where=identity[:12], fix="see the queue")
    fact = failures.fact_of(reader, identity)
    return Examined(
        id=identity,
        size=size,
        status=found.status,
        row="",
        approvals=fact.approvals,
        needed=needed,
        dropped=fact.dropped,
        changed=fact.index if fact.changed is None else fact.changed,
        failure=found,
    )


def _read(reader: Reader, identity: str) -> Record | None:
    try:
        return record_in(reader, identity)
    except ReproError:
        return None  # what is examined says so


def _trials(record: Record, samples: bytes) -> Sequence[Trial]:
    try:
        return trials_of(decode(samples, record.samples.sha256, "samples"), "samples")
    except ReproError:
        return ()


Group = tuple[str, ...]


def group_of(one: Dossier) -> Group:
    """What records must share to be decided together: operator, effect on the row, kinds of what there is to look at."""
    return (one.operator, one.effect, *sorted({remark.kind for remark in one.remarks}))


def alike(queue: Queue) -> list[tuple[Dossier, ...]]:
    """Of the examined records those that may be decided together, at least two each, in the queue's order."""
    groups: dict[Group, list[Dossier]] = {}
    for one in queue.found:
        if isinstance(one, Dossier):
            groups.setdefault(group_of(one), []).append(one)
    return [tuple(own) for own in groups.values() if len(own) > 1]


def words_of(reader: Reader, identity: str) -> str:
    """What an act is about, in a line: a record or a run that failed, a request, an operator's key, another tool's numbers; ""
    for what says itself what it is.
    """
    if (record := reader.get(RecordFact, identity)) is not None:
        return f"{title(reader, identity)}, by {record.operator}"
    if (failed := reader.get(FailureFact, identity)) is not None:
        return f"a run that failed ({failed.reason.replace('_', ' ')}), by {failed.operator}"
    if (request := reader.get(RequestFact, identity)) is not None:
        return f"{request.model} on {request.hardware}, {request.runtime}, asked for by {request.by}"
    if (key := reader.get(KeyFact, identity)) is not None:
        return f"a key of {key.owner}, since entry {key.since}"
    if (imported := reader.get(EvidenceFact, identity)) is not None:
        one = imported.evidence
        return f"{one.tool}: {one.metric.replace('_', ' ')} of {one.model}, beside row {imported.row[:12]}"
    return ""


def page_of(reader: Reader, kind: str, subject: str) -> tuple[str, str]:
    """The page where the subject of such an act is shown, and its name there: of a key its operator, of other tools' numbers
    their row; ("", "") of any other.
    """
    if kind in ("key-revoked", "key-unrevoked") and (key := reader.get(KeyFact, subject)) is not None:
        return "operator", key.owner
    if kind == "evidence-removed" and (imported := reader.get(EvidenceFact, subject)) is not None:
        return "record", imported.row
    return "", ""


def waiting_after(reader: Reader, identity: str) -> str | None:
    """The next record of the queue; None after the last."""
    queue = list(records.waiting(reader))
    later = queue[queue.index(identity) + 1 :] if identity in queue else queue
    return later[0] if later else None
