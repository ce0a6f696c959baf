"""What editors do with records: approve, reject, send back, take down, move."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from harness.registry.actions.acts import Actor, act
from harness.registry.facts import PolicyFact, RecordFact
from harness.registry.queries import approvals
from harness.registry.queries.desk import subject_of
from harness.registry.queries.review import held
from harness.registry.store import Registry


class Decision(StrEnum):
    """A decision, by the kind of its event."""

    APPROVE = "record-approved"
    REJECT = "record-rejected"
    SEND_BACK = "record-sent-back"
    TAKE_DOWN = "body-dropped"


@dataclass(frozen=True, slots=True)
class Decided:
    """A record after a decision."""

    record: str  # whole id
    status: str
    entry: int  # of the log
    approvals: int  # that it has, of the number that it needs
    needed: int
    dropped: bool  # its bytes are gone


def decide(registry: Registry, actor: Actor, decision: Decision, record: str, reason: str) -> Decided:
    """An editor's decision of the record whose id begins so. Raises why it may not be; before an approval every number of the
    record is derived again (`RecordInvalid`).
    """
    with registry.reading() as reader:
        identity = subject_of(reader, record).id
        fact = reader.need(RecordFact, identity)  # what can't be asked afterwards is refused before
        if decision is Decision.APPROVE:
            approvals.add(reader, identity, fact, actor.handle)
            held(reader, identity)
    taken = act(registry, actor, decision.value, identity, reason=reason)
    with registry.reading() as reader:
        fact, policy = reader.need(RecordFact, identity), reader.need(PolicyFact)
    return Decided(identity, fact.status.value, taken.entry.index, len(fact.approvals), policy.approvals, fact.dropped)


@dataclass(frozen=True, slots=True)
class Moved:
    """A record that waits in another row."""

    record: str
    row: str  # its own id: a row of its own
    entry: int


def move(registry: Registry, actor: Actor, record: str, to: str, reason: str) -> Moved:
    """Out of a closed row into the row that begins with `to`; "": the open row of its subject and device, or its own.

    Raises why it may not be.
    """
    with registry.reading() as reader:
        subject = subject_of(reader, record)
        identity, row = subject.id, subject_of(reader, to).id if to else subject.home or subject.id
    taken = act(registry, actor, "record-moved", identity, reason=reason, detail={"row": row})
    return Moved(identity, row, taken.entry.index)
