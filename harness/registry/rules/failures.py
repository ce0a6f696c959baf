"""Records of runs that failed: submitted, withdrawn, and what editors decide. They are in no row, and no row's rule asks them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from harness.errors import Conflict
from harness.record.outcome import WORDS
from harness.registry.facts import (
    EditorsFact,
    FailureFact,
    IdempotencyFact,
    Named,
    PolicyFact,
    RecordFact,
)
from harness.registry.rules.acts import decided, idempotency_of, seen, submitting_key
from harness.registry.rules.base import Place, Signed, View, known, operator_of, refuse_unless
from harness.registry.rules.records import before_rotation, run_times
from harness.tiers.values import Status
from harness.tlog.event import HEX, Event


def submitted(event: Event, signed: Signed, place: Place, view: View) -> list[Named]:
    """It enters the queue. The limits are those of any submission."""
    operator_of(view, event.by, signed)
    detail = event.detail
    for name in ("envelope_sha256", "samples_sha256", "subject_sha256", "device_sha256"):
        refuse_unless(HEX.fullmatch(detail[name]) is not None, f"its {name} must be a digest", "submission")
    refuse_unless(HEX.fullmatch(event.subject) is not None, "names no record", "submission")
    there = view.get(FailureFact, event.subject) is not None or view.get(RecordFact, event.subject) is not None
    refuse_unless(not there, "the registry has this record already", event.subject[:12], "submit another one", Conflict)
    refuse_unless(
        detail["outcome_reason"] in WORDS, "gives no reason that is known", "submission", "update repro-harness"
    )
    name = idempotency_of(event, view)
    key, entry = submitting_key(event, view)
    facts = run_times(event, place, view)
    before_rotation(event, entry)
    fact = FailureFact(
        status=Status.PENDING,
        operator=event.by,
        rig_key=detail["rig_key"],
        key=key,
        index=place.index,
        submitted=place.at,
        subject_sha256=detail["subject_sha256"],
        device_sha256=detail["device_sha256"],
        envelope_sha256=detail["envelope_sha256"],
        samples_sha256=detail["samples_sha256"],
        reason=detail["outcome_reason"],
        challenged=bool(detail["challenge"]),
        approvals=(),
        public_from=None,
        why="",
    )
    return [*facts, (event.subject, fact), (name, IdempotencyFact(event.subject))]


def withdrawn(event: Event, signed: Signed, place: Place, view: View) -> list[Named]:
    """Its operator takes it back; the log keeps that it was there."""
    operator_of(view, event.by, signed)
    failure = known(view, FailureFact, event.subject)
    refuse_unless(failure.operator == event.by, "is somebody else's record", event.subject[:12], "withdraw your own")
    refuse_unless(failure.status is not Status.WITHDRAWN, "is withdrawn already", event.subject[:12])
    seen(event, failure)
    return [(event.subject, replace(failure, changed=place.index, status=Status.WITHDRAWN, why=event.reason))]


def approved(event: Event, signed: Signed, place: Place, view: View) -> list[Named]:
    """It is shown when as many editors have said so as the policy asks for. It opens no row and closes none."""
    failure = decided(FailureFact, event, signed, place, view, (Status.PENDING, Status.REJECTED))
    refuse_unless(not failure.dropped, "its body was taken down", event.subject[:12])
    present = known(view, EditorsFact, "").editors
    approvals = tuple(sorted({*(handle for handle in failure.approvals if handle in present), event.by}))
    enough = len(approvals) >= known(view, PolicyFact, "").approvals
    fact = replace(
        failure,
        status=Status.ACCEPTED if enough else Status.PENDING,
        approvals=approvals,
        why=event.reason,
        public_from=place.index if enough and failure.public_from is None else failure.public_from,
    )
    return [(event.subject, fact)]


def rejected(event: Event, signed: Signed, place: Place, view: View) -> list[Named]:
    """With a reason; one that is shown can be rejected later."""
    failure = decided(FailureFact, event, signed, place, view, (Status.PENDING, Status.ACCEPTED))
    return [(event.subject, replace(failure, status=Status.REJECTED, approvals=(), why=event.reason))]


def dropped(event: Event, signed: Signed, place: Place, view: View) -> list[Named]:
    """For the sake of privacy the bytes of one that is out go; digests, decisions and proofs stay."""
    failure = decided(FailureFact, event, signed, place, view, (Status.REJECTED, Status.WITHDRAWN))
    return [(event.subject, replace(failure, dropped=True))]


RULES: dict[str, Callable[[Event, Signed, Place, View], list[Named]]] = {
    "failure-submitted": submitted,
    "failure-withdrawn": withdrawn,
    "failure-approved": approved,
    "failure-rejected": rejected,
    "failure-dropped": dropped,
}
