"""Records at the registry: submitted, withdrawn, and what editors decide. Records alone earn a row its state; no event does."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from harness.registry.rules.base import Fact, Place, Signed, View, editor_of, id_of, known, operator_of, refuse_unless
from harness.registry.rules.requests import let_go
from harness.registry.rules.times import FIRST_RUN, SKEW
from harness.tlog.event import HEX, Event, is_time

EVIDENCE = {
    "tool", "tool_version", "engine", "model", "quantisation", "device", "metric", "prompt_tokens", "output_tokens",
    "depth", "samples_micro", "measured",
}  # fmt: skip
OPEN = ("pending", "accepted", "sent-back")


def submitted(event: Event, signed: Signed, place: Place, view: View) -> list[Fact]:
    """A record enters the queue. It opens a row of its own, or names the row that it reproduces."""
    operator_of(view, event.by, signed)
    detail = event.detail
    for name in ("envelope_sha256", "samples_sha256", "subject_sha256"):
        refuse_unless(HEX.fullmatch(detail[name]) is not None, f"its {name} must be a digest", "submission")
    refuse_unless(HEX.fullmatch(event.subject) is not None, "names no record", "submission")
    refuse_unless(
        view.get("record", event.subject) is None,
        "the registry has this record already",
        event.subject[:12],
        "submit another one",
    )
    name = f"{event.by}/{detail['idempotency']}"
    refuse_unless(
        0 < len(detail["idempotency"]) <= 128 and detail["idempotency"].isprintable(),
        "has no idempotency key",
        "submission",
    )
    refuse_unless(
        view.get("idempotency", name) is None,
        "the same idempotency key came with another record",
        "submission",
        "take a new one",
    )
    row = detail["row"] or event.subject
    if row != event.subject:
        hub = known(view, "record", row)
        refuse_unless(hub["row"] == row, "must name a row", "row", "name the row's own record")
        refuse_unless(hub["status"] in OPEN, f"the row is {hub['status']}", "row", "submit without naming a row")
        refuse_unless(
            hub["subject_sha256"] == detail["subject_sha256"],
            "differs from the row in model, quantisation, engine, workload or a setting that changes the computation",
            "row",
            "submit it as a row of its own",
        )
    # The record may be older than the key that submits it: any key of the handle that is not revoked.
    key = id_of(detail["operator_key"])
    entry = view.get("key", key)
    refuse_unless(
        entry is not None and entry["owner"] == event.by,
        "is signed by another key than the registry knows for its handle",
        event.subject[:12],
        "it is somebody else's record, or its key was rotated out before the registry knew the handle",
    )
    refuse_unless(
        entry is not None and entry["revoked_from"] is None, "its key is revoked", event.subject[:12], "measure again"
    )
    facts = _times(event, place, view)
    _before_rotation(event, entry)
    value = {
        "status": "pending",
        "row": row,
        "operator": event.by,
        "rig_key": detail["rig_key"],
        "key": key,
        "index": place.index,
        "submitted": place.at,
        "subject_sha256": detail["subject_sha256"],
        "envelope_sha256": detail["envelope_sha256"],
        "samples_sha256": detail["samples_sha256"],
        "challenged": bool(detail["challenge"]),
        "request": detail["request"],
        "approvals": [],
        "public_from": None,  # the entry that first accepted it, and the editors who had approved it then
        "public_by": [],
        "why": "",
        "revoked": False,
        "dropped": False,
        "editorial": event.by in known(view, "editors", "")["editors"],
    }
    if detail["request"]:
        request = known(view, "request", detail["request"])
        refuse_unless(request["status"] in ("accepted", "claimed"), f"the request is {request['status']}", "request")
        refuse_unless(
            request["claimed_by"] in ("", event.by),
            f"{request['claimed_by']} has claimed the request",
            "request",
            "submit without --request, or ask the editors to release it",
        )
    return [*facts, ("record", event.subject, value), ("idempotency", name, {"record": event.subject})]


def _times(event: Event, place: Place, view: View) -> list[Fact]:
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
    challenge = known(view, "challenge", nonce)
    refuse_unless(
        challenge["handle"] == event.by, "the challenge was issued to somebody else", "challenge", "ask for one"
    )
    refuse_unless(challenge["used"] == "", "the challenge was used before", "challenge", "ask for a new one")
    refuse_unless(place.at <= challenge["expires"], "the challenge has expired", "challenge", "ask for a new one")
    refuse_unless(
        detail["started"] >= challenge["issued"],
        "began before its challenge was issued",
        "record",
        "measure again, with the challenge",
    )
    return [("challenge", nonce, {**challenge, "used": event.subject})]


def _before_rotation(event: Event, key: dict[str, Any] | None) -> None:
    """A key that was rotated out vouches for what was measured while it held, never for what came later."""
    until = (key or {}).get("until")
    if until is None:
        return
    finished = datetime.fromisoformat(event.detail["finished"])
    refuse_unless(
        finished <= datetime.fromisoformat(until) + SKEW,
        f"was measured after its key was rotated out ({until})",
        event.subject[:12],
        "measure again: records are signed by the new key",
    )


def challenge_issued(event: Event, signed: Signed, place: Place, view: View) -> list[Fact]:
    """A single-use number with a time to live, signed by the registry itself."""
    registry = known(view, "registry", "")
    refuse_unless(signed.by(registry["key"]), "is not signed by the registry", "signature")
    refuse_unless(HEX.fullmatch(event.subject) is not None, "must be a number of 256 bits", "challenge")
    refuse_unless(view.get("challenge", event.subject) is None, "was issued before", "challenge")
    refuse_unless(is_time(event.detail["expires"]), "has no proper end", "challenge")
    value = {"handle": event.detail["handle"], "issued": place.at, "expires": event.detail["expires"], "used": ""}
    return [("challenge", event.subject, value)]


def withdrawn(event: Event, signed: Signed, place: Place, view: View) -> list[Fact]:
    """Its operator takes it back; the log keeps that it was there."""
    operator_of(view, event.by, signed)
    record = known(view, "record", event.subject)
    refuse_unless(record["operator"] == event.by, "is somebody else's record", event.subject[:12], "withdraw your own")
    refuse_unless(record["status"] != "withdrawn", "is withdrawn already", event.subject[:12])
    _seen(event, record)
    return [("record", event.subject, {**record, "changed": place.index, "status": "withdrawn", "why": event.reason})]


def _seen(event: Event, record: dict[str, Any]) -> None:
    """An act speaks of the record as its signer saw it: one that was put aside counts no more after another decision."""
    last = record.get("changed", record["index"])
    refuse_unless(
        event.after > last,
        f"was signed before what entry {last} says of it",
        event.subject[:12],
        "read it again, and sign again",
    )


def approved(event: Event, signed: Signed, place: Place, view: View) -> list[Fact]:
    """One editor's word; the record is accepted when as many have given it as the policy asks for."""
    record = _decided(event, signed, place, view, ("pending", "sent-back", "rejected"))
    present = known(view, "editors", "")["editors"]
    refuse_unless(not record["dropped"], "its body was taken down", event.subject[:12])
    refuse_unless(not record["revoked"], "its key was revoked", event.subject[:12], "it can't be approved any more")
    if record["row"] != event.subject:
        hub = known(view, "record", record["row"])
        refuse_unless(
            hub["status"] == "accepted",
            f"its row is {hub['status']}, not approved",
            event.subject[:12],
            "decide on the row first"
            if hub["status"] in OPEN
            else f"take it out of that row: repro review move {event.subject[:12]}",
        )
    approvals = sorted({*(handle for handle in record["approvals"] if handle in present), event.by})
    enough = len(approvals) >= known(view, "policy", "")["approvals"]
    status = "accepted" if enough else "pending"
    value = {**record, "status": status, "approvals": approvals, "why": event.reason}
    if enough and record["public_from"] is None:
        value |= {"public_from": place.index, "public_by": approvals}
    facts: list[Fact] = [("record", event.subject, value)]
    request = view.get("request", record["request"]) if enough and record["request"] else None
    if request is not None and request["status"] in ("accepted", "claimed"):
        answered = {"status": "measured", "record": event.subject, "claimed_by": "", "since": place.at}
        facts.append(("request", record["request"], {**request, **answered}))
        facts += let_go(view, record["request"], request)
    return facts


def rejected(event: Event, signed: Signed, place: Place, view: View) -> list[Fact]:
    """With a reason; an accepted record can be rejected later."""
    record = _decided(event, signed, place, view, OPEN)
    return [("record", event.subject, {**record, "status": "rejected", "approvals": [], "why": event.reason})]


def sent_back(event: Event, signed: Signed, place: Place, view: View) -> list[Fact]:
    """Asks for something that the reason names."""
    record = _decided(event, signed, place, view, ("pending",))
    return [("record", event.subject, {**record, "status": "sent-back", "approvals": [], "why": event.reason})]


def moved(event: Event, signed: Signed, place: Place, view: View) -> list[Fact]:
    """Out of a row that is closed, into an open one of the same subject or a row of its own; it is decided anew there."""
    record = _decided(event, signed, place, view, OPEN)
    refuse_unless(record["row"] != event.subject, "is a row of its own", event.subject[:12], "nothing to move")
    closed = known(view, "record", record["row"])
    refuse_unless(
        closed["status"] not in OPEN,
        f"its row is {closed['status']}",
        event.subject[:12],
        "a record moves only when its row was withdrawn or rejected",
    )
    row = event.detail["row"]
    if row != event.subject:
        hub = known(view, "record", row)
        refuse_unless(hub["row"] == row, "must name a row", "row", "name the row's own record")
        refuse_unless(hub["status"] in OPEN, f"the row is {hub['status']}", "row", "name an open row")
        refuse_unless(
            hub["subject_sha256"] == record["subject_sha256"],
            "differs from the row in model, quantisation, engine or workload",
            "row",
            "move it to a row of its own",
        )
    return [
        ("record", event.subject, {**record, "row": row, "status": "pending", "approvals": [], "why": event.reason})
    ]


def body_dropped(event: Event, signed: Signed, place: Place, view: View) -> list[Fact]:
    """For the sake of privacy the bytes of a record that is out go; digests, decisions and proofs stay."""
    record = _decided(event, signed, place, view, ("rejected", "withdrawn"))
    return [("record", event.subject, {**record, "dropped": True})]


def _decided(event: Event, signed: Signed, place: Place, view: View, before: tuple[str, ...]) -> dict[str, Any]:
    editor_of(view, event, signed, place)
    record = known(view, "record", event.subject)
    refuse_unless(
        record["status"] in before,
        f"is {record['status']}",
        event.subject[:12],
        f"this decision is for records that are {' or '.join(before)}",
    )
    _seen(event, record)
    return {**record, "changed": place.index}


def evidence_imported(event: Event, signed: Signed, place: Place, view: View) -> list[Fact]:
    """A log of another tool beside a row, brought in by an editor: shown as *imported*, never a voice and never a hub."""
    editor_of(view, event, signed, place)
    row = known(view, "record", event.detail["row"])
    refuse_unless(row["row"] == event.detail["row"], "must name a row", "row")
    refuse_unless(view.get("evidence", event.subject) is None, "was imported before", "evidence")
    refuse_unless(HEX.fullmatch(event.detail["source_sha256"]) is not None, "its source has no digest", "evidence")
    refuse_unless(_is_evidence(event.detail["evidence"]), "its evidence is malformed", "evidence")
    value = {
        "row": event.detail["row"],
        "by": event.by,
        "evidence": event.detail["evidence"],
        "why": event.reason,
        "removed": False,
    }
    return [("evidence", event.subject, value)]


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


def evidence_removed(event: Event, signed: Signed, place: Place, view: View) -> list[Fact]:
    """It is shown no more."""
    editor_of(view, event, signed, place)
    return [
        ("evidence", event.subject, {**known(view, "evidence", event.subject), "removed": True, "why": event.reason})
    ]
