"""Records at the registry: submitted, withdrawn, and what editors decide. Records alone earn a row its state; no event does."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import datetime
from typing import Any

from harness.errors import Conflict
from harness.registry.facts import (
    ChallengeFact,
    EditorsFact,
    Evidence,
    EvidenceFact,
    FailureFact,
    IdempotencyFact,
    KeyFact,
    Named,
    PolicyFact,
    RecordFact,
    RegistryFact,
    RequestFact,
    RequestStatus,
)
from harness.registry.rules.acts import decided, idempotency_of, seen, submitting_key
from harness.registry.rules.base import Place, Signed, View, editor_of, known, operator_of, refuse_unless
from harness.registry.rules.requests import let_go
from harness.registry.rules.times import FIRST_RUN, SKEW
from harness.registry.rules.triples import OPEN, named, open_row, taken_along
from harness.tiers.values import Status
from harness.tlog.event import HEX, Event, is_time

EVIDENCE = {field.name for field in fields(Evidence)}
WANTED = (RequestStatus.ACCEPTED, RequestStatus.CLAIMED)  # requests that a record may answer


def submitted(event: Event, signed: Signed, place: Place, view: View) -> list[Named]:
    """A record enters the queue. It opens a row of its own, or names the row that it reproduces."""
    operator_of(view, event.by, signed)
    detail = event.detail
    for name in ("envelope_sha256", "samples_sha256", "subject_sha256"):
        refuse_unless(HEX.fullmatch(detail[name]) is not None, f"its {name} must be a digest", "submission")
    refuse_unless(HEX.fullmatch(event.subject) is not None, "names no record", "submission")
    refuse_unless(
        view.get(RecordFact, event.subject) is None and view.get(FailureFact, event.subject) is None,
        "the registry has this record already",
        event.subject[:12],
        "submit another one",
        Conflict,
    )
    name = idempotency_of(event, view)
    row = detail["row"] or event.subject
    if row != event.subject:
        subject = detail["subject_sha256"]
        open_row(view, row, subject, "submit without naming a row", "submit it as a row of its own")
    key, entry = submitting_key(event, view)
    facts = run_times(event, place, view)
    before_rotation(event, entry)
    facts += named(event, place, view)
    fact = RecordFact(
        status=Status.PENDING,
        row=row,
        operator=event.by,
        rig_key=detail["rig_key"],
        key=key,
        index=place.index,
        submitted=place.at,
        subject_sha256=detail["subject_sha256"],
        envelope_sha256=detail["envelope_sha256"],
        samples_sha256=detail["samples_sha256"],
        challenged=bool(detail["challenge"]),
        request=detail["request"],
        approvals=(),
        public_from=None,
        public_by=(),
        why="",
        revoked=False,
        dropped=False,
        editorial=event.by in known(view, EditorsFact, "").editors,
        device_sha256=detail.get("device_sha256"),
    )
    if detail["request"]:
        request = known(view, RequestFact, detail["request"])
        refuse_unless(request.status in WANTED, f"the request is {request.status}", "request")
        refuse_unless(
            request.claimed_by in ("", event.by),
            f"{request.claimed_by} has claimed the request",
            "request",
            "submit without --request, or ask the editors to release it",
        )
    return [*facts, (event.subject, fact), (name, IdempotencyFact(event.subject))]


def run_times(event: Event, place: Place, view: View) -> list[Named]:
    """A run ends before it is submitted; with a challenge it begins after that was issued. The log's order is the clock."""
    detail = event.detail
    refuse_unless(
        all(is_time(detail[name]) for name in ("started", "finished")),
        "has no proper times",
        "submission",
    )
    started, finished = (datetime.fromisoformat(detail[name]) for name in ("started", "finished"))
    now = datetime.fromisoformat(place.at)
    refuse_unless(
        started >= FIRST_RUN,
        f"claims to begin on {started.date()}, before any runtime existed",
        "record",
        "set the machine's clock, and measure again",
    )
    refuse_unless(started <= finished, "ends before it begins", "record", "measure again")
    refuse_unless(finished <= now + SKEW, "ends in the future", "record", "set the machine's clock")
    nonce = detail["challenge"]
    if not nonce:
        return []
    challenge = known(view, ChallengeFact, nonce)
    refuse_unless(challenge.handle == event.by, "the challenge was issued to somebody else", "challenge", "ask for one")
    refuse_unless(challenge.used == "", "the challenge was used before", "challenge", "ask for a new one")
    refuse_unless(place.at <= challenge.expires, "the challenge has expired", "challenge", "ask for a new one")
    refuse_unless(
        detail["started"] >= challenge.issued,
        "began before its challenge was issued",
        "record",
        "measure again, with the challenge",
    )
    return [(nonce, replace(challenge, used=event.subject))]


def before_rotation(event: Event, key: KeyFact | None) -> None:
    """A key that was rotated out vouches for what was measured while it held, never for what came later."""
    until = None if key is None else key.until
    if until is None:
        return
    finished = datetime.fromisoformat(event.detail["finished"])
    refuse_unless(
        finished <= datetime.fromisoformat(until) + SKEW,
        f"was measured after its key was rotated out ({until})",
        event.subject[:12],
        "measure again: records are signed by the new key",
    )


def challenge_issued(event: Event, signed: Signed, place: Place, view: View) -> list[Named]:
    """A single-use number with a time to live, signed by the registry itself."""
    registry = known(view, RegistryFact, "")
    refuse_unless(signed.by(registry.key), "is not signed by the registry", "signature")
    refuse_unless(HEX.fullmatch(event.subject) is not None, "must be a number of 256 bits", "challenge")
    refuse_unless(view.get(ChallengeFact, event.subject) is None, "was issued before", "challenge")
    refuse_unless(is_time(event.detail["expires"]), "has no proper end", "challenge")
    return [(event.subject, ChallengeFact(event.detail["handle"], place.at, event.detail["expires"], used=""))]


def withdrawn(event: Event, signed: Signed, place: Place, view: View) -> list[Named]:
    """Its operator takes it back; the log keeps that it was there."""
    operator_of(view, event.by, signed)
    record = known(view, RecordFact, event.subject)
    refuse_unless(record.operator == event.by, "is somebody else's record", event.subject[:12], "withdraw your own")
    refuse_unless(record.status is not Status.WITHDRAWN, "is withdrawn already", event.subject[:12])
    seen(event, record)
    # Of a revoked key's record the withdrawal is what it comes back to, should the revocation be withdrawn.
    before = Status.WITHDRAWN if record.revoked else record.status_before
    out = replace(record, changed=place.index, status=Status.WITHDRAWN, why=event.reason, status_before=before)
    return [(event.subject, out)]


def approved(event: Event, signed: Signed, place: Place, view: View) -> list[Named]:
    """One editor's word; the record is accepted when as many have given it as the policy asks for."""
    record = decided(RecordFact, event, signed, place, view, (Status.PENDING, Status.SENT_BACK, Status.REJECTED))
    present = known(view, EditorsFact, "").editors
    refuse_unless(not record.dropped, "its body was taken down", event.subject[:12])
    refuse_unless(not record.revoked, "its key was revoked", event.subject[:12], "it can't be approved any more")
    if record.row != event.subject:
        hub = known(view, RecordFact, record.row)
        refuse_unless(
            hub.status is Status.ACCEPTED,
            f"its row is {hub.status}, not approved",
            event.subject[:12],
            "decide on the row first"
            if hub.status in OPEN
            else f"take it out of that row: repro review move {event.subject[:12]}",
        )
    approvals = tuple(sorted({*(handle for handle in record.approvals if handle in present), event.by}))
    enough = len(approvals) >= known(view, PolicyFact, "").approvals
    status = Status.ACCEPTED if enough else Status.PENDING
    fact = replace(record, status=status, approvals=approvals, why=event.reason)
    if enough and record.public_from is None:
        fact = replace(fact, public_from=place.index, public_by=approvals)
    along = taken_along(event.subject, fact, place, view) if enough and record.row == event.subject else []
    fact = replace(fact, took=fact.took + len(along))
    facts: list[Named] = [(event.subject, fact), *along]
    request = view.get(RequestFact, record.request) if enough and record.request else None
    if request is not None and request.status in WANTED:
        answered = replace(request, status=RequestStatus.MEASURED, record=event.subject, claimed_by="", since=place.at)
        facts.append((record.request, answered))
        facts += let_go(view, record.request, request)
    return facts


def rejected(event: Event, signed: Signed, place: Place, view: View) -> list[Named]:
    """With a reason; an accepted record can be rejected later."""
    record = decided(RecordFact, event, signed, place, view, OPEN)
    return [(event.subject, replace(record, status=Status.REJECTED, approvals=(), why=event.reason))]


def sent_back(event: Event, signed: Signed, place: Place, view: View) -> list[Named]:
    """Asks for something that the reason names."""
    record = decided(RecordFact, event, signed, place, view, (Status.PENDING,))
    return [(event.subject, replace(record, status=Status.SENT_BACK, approvals=(), why=event.reason))]


def moved(event: Event, signed: Signed, place: Place, view: View) -> list[Named]:
    """Out of a row that is closed, into an open one of the same subject or a row of its own; it is decided anew there."""
    record = decided(RecordFact, event, signed, place, view, OPEN)
    refuse_unless(record.row != event.subject, "is a row of its own", event.subject[:12], "nothing to move")
    closed = known(view, RecordFact, record.row)
    refuse_unless(
        closed.status not in OPEN,
        f"its row is {closed.status}",
        event.subject[:12],
        "a record moves only when its row was withdrawn or rejected",
    )
    row = event.detail["row"]
    if row != event.subject:
        open_row(view, row, record.subject_sha256, "name an open row", "move it to a row of its own")
    return [(event.subject, replace(record, row=row, status=Status.PENDING, approvals=(), why=event.reason))]


def body_dropped(event: Event, signed: Signed, place: Place, view: View) -> list[Named]:
    """For the sake of privacy the bytes of a record that is out go; digests, decisions and proofs stay."""
    record = decided(RecordFact, event, signed, place, view, (Status.REJECTED, Status.WITHDRAWN))
    return [(event.subject, replace(record, dropped=True))]


def evidence_imported(event: Event, signed: Signed, place: Place, view: View) -> list[Named]:
    """A log of another tool beside a row, brought in by an editor: shown as *imported*, never a voice and never a hub."""
    editor_of(view, event, signed, place)
    row = known(view, RecordFact, event.detail["row"])
    refuse_unless(row.row == event.detail["row"], "must name a row", "row")
    refuse_unless(view.get(EvidenceFact, event.subject) is None, "was imported before", "evidence")
    refuse_unless(HEX.fullmatch(event.detail["source_sha256"]) is not None, "its source has no digest", "evidence")
    told = event.detail["evidence"]
    refuse_unless(_is_evidence(told), "its evidence is malformed", "evidence")
    evidence = Evidence(**{**told, "samples_micro": tuple(told["samples_micro"])})
    return [(event.subject, EvidenceFact(event.detail["row"], event.by, evidence, event.reason, removed=False))]


def _is_evidence(value: dict[str, Any]) -> bool:
    samples = value.get("samples_micro")
    numbers = {"prompt_tokens", "output_tokens", "depth"}
    return (
        set(value) == EVIDENCE
        and isinstance(samples, list)
        and 0 < len(samples) <= 1000
        and all(type(one) is int and one > 0 for one in samples)
        and all(type(value[name]) is int and value[name] >= 0 for name in numbers)
        and all(isinstance(value[n], str) and len(value[n]) <= 200 for n in EVIDENCE - numbers - {"samples_micro"})
    )


def evidence_removed(event: Event, signed: Signed, place: Place, view: View) -> list[Named]:
    """It is shown no more."""
    editor_of(view, event, signed, place)
    return [(event.subject, replace(known(view, EvidenceFact, event.subject), removed=True, why=event.reason))]
