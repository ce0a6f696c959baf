"""What operators and editors do with records of runs that failed: submit, withdraw, approve, reject, take down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from harness.errors import BadInput, Conflict, NotFound
from harness.names import says_something
from harness.registry.actions.acts import Actor, act, event, utc
from harness.registry.db.transaction import Item
from harness.registry.facts import FailureFact, PolicyFact
from harness.registry.intake.failures import FailedRun
from harness.registry.queries import approvals, failures
from harness.registry.queries.desk import subject_of
from harness.registry.store import Registry


class Decision(StrEnum):
    """A decision, by the kind of its event."""

    APPROVE = "failure-approved"
    REJECT = "failure-rejected"
    TAKE_DOWN = "failure-dropped"


@dataclass(frozen=True, slots=True)
class Decided:
    """A failure after an act."""

    record: str
    status: str
    entry: int
    approvals: int
    needed: int
    dropped: bool


def send(
    registry: Registry, actor: Actor, found: FailedRun, idempotency: str = "", first: Sequence[Item] = ()
) -> int | None:
    """Put it into the queue, after `first`: the entry, or None where this operator's very record is there already.

    Raises why it may not be; nothing is written then.
    """
    with registry.reading() as reader:
        known = reader.get(FailureFact, found.id)
        if known is not None and known.operator == actor.handle:
            return None
        claims = found.claims
        detail = {
            "envelope_sha256": sha256(found.envelope).hexdigest(),
            "samples_sha256": claims.samples_sha256,
            "subject_sha256": found.subject_sha256,
            "device_sha256": found.device_sha256,
            "outcome_reason": found.failure.reason,
            "operator_key": claims.operator_key,
            "rig_key": claims.rig_key,
            "started": claims.started,
            "finished": claims.finished,
            "idempotency": idempotency or found.id,
            "challenge": claims.challenge,
        }
        made = event(reader, actor, "failure-submitted", found.id, detail=detail)
        item = Item(made.signed(actor.keys).to_bytes(), failure=found)
    taken = registry.append_all([*first, item], utc())[-1]
    if taken is None:
        raise Conflict("was submitted at the same time by somebody else", where=found.id[:12])
    return taken.entry.index


def is_one(registry: Registry, prefix: str) -> bool:
    """Whether the id's beginning is that of a failure and of no other record."""
    with registry.reading() as reader:
        try:
            return bool(failures.id_of(reader, prefix))
        except NotFound:
            return False


def withdraw(registry: Registry, actor: Actor, record: str, reason: str) -> Decided:
    """For ever. Raises `BadInput`: another's, out already, no reason."""
    with registry.reading() as reader:
        identity = failures.id_of(reader, record)
        fact = reader.need(FailureFact, identity)
    if fact.operator != actor.handle:
        raise BadInput("is somebody else's record", where=identity[:12], fix="withdraw your own: repro submissions")
    if not says_something(reason):
        raise BadInput("a withdrawal needs a reason", where="--reason", fix="add --reason TEXT; it is public")
    return _done(registry, actor, "failure-withdrawn", identity, reason)


def decide(registry: Registry, actor: Actor, decision: Decision, record: str, reason: str) -> Decided:
    """An editor's decision of the failure whose id begins so. Raises why it may not be; before an approval the record is checked
    again.
    """
    with registry.reading() as reader:
        identity = subject_of(reader, record).id
        if decision is Decision.APPROVE:
            approvals.add(reader, identity, reader.need(FailureFact, identity), actor.handle)
            failures.held(reader, identity)
    return _done(registry, actor, decision.value, identity, reason)


def _done(registry: Registry, actor: Actor, kind: str, identity: str, reason: str) -> Decided:
    taken = act(registry, actor, kind, identity, reason=reason)
    with registry.reading() as reader:
        fact, policy = reader.need(FailureFact, identity), reader.need(PolicyFact)
    given = len(fact.approvals)
    return Decided(identity, fact.status.value, taken.entry.index, given, policy.approvals, fact.dropped)
