"""What happens at a registry, as signed statements: a kind, who did it, to what, why, what its signer had seen of the log. Pure.

An event is canonical JSON in a DSSE envelope of a payload type of its own, so that none can be passed off as a record. `after`
and `head` name the log that the signer saw: an event can't be moved into another history.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from harness.errors import RecordInvalid
from harness.record import envelope
from harness.record.canonical import canonical, parse
from harness.record.keys import HANDLE

PAYLOAD_TYPE = "application/vnd.repro.event.v1+json"
EVENT_TYPE = "urn:repro-harness:event:v1"
REASON_LIMIT = 2000
HEX = re.compile(r"[0-9a-f]{64}")
# To the letter: what a later Python's own reader takes besides (24:00), an earlier one's refuses, and a log must be one for both.
_TIME = re.compile(r"\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\dZ", re.ASCII)
TEXT_LIMIT = 4096  # of any text in a detail
SUBJECT_LIMIT = 200

# kind → the fields of its detail, with their types. Nothing else is taken.
KINDS: Mapping[str, Mapping[str, type]] = {
    "registry-created": {
        "registry_key": str,
        "editors": dict,
        "policy": str,
        "policy_sha256": str,
        "approvals": int,
        "demonstration": bool,
    },
    "registry-key-announced": {"next_key_sha256": str},
    "registry-key-rotated": {"registry_key": str},
    "policy-adopted": {"policy_sha256": str, "approvals": int},
    "editors-changed": {"editors": dict},
    "passkeys-allowed": {"rp_id": str},
    "operator-joined": {"operator_key": str, "next_key_sha256": str},
    "operator-rotated": {"operator_key": str, "next_key_sha256": str},
    "key-revoked": {"from_index": int},
    "key-unrevoked": {},
    "operator-verified": {},
    "operator-unverified": {},
    "limits-raised": {
        "events_per_hour": int,
        "events_per_day": int,
        "pending_records": int,
        "until": str,
    },
    "limits-ended": {},
    "operators-tied": {"other": str},
    "operators-untied": {"other": str},
    "record-submitted": {
        "envelope_sha256": str,
        "samples_sha256": str,
        "subject_sha256": str,
        "row": str,
        "operator_key": str,
        "rig_key": str,
        "started": str,
        "finished": str,
        "idempotency": str,
        "challenge": str,
        "request": str,
    },
    "record-withdrawn": {},
    "record-approved": {},
    "record-rejected": {},
    "record-sent-back": {},
    "record-moved": {"row": str},
    "failure-submitted": {
        "envelope_sha256": str,
        "samples_sha256": str,
        "subject_sha256": str,
        "device_sha256": str,
        "outcome_reason": str,
        "operator_key": str,
        "rig_key": str,
        "started": str,
        "finished": str,
        "idempotency": str,
        "challenge": str,
    },
    "failure-withdrawn": {},
    "failure-approved": {},
    "failure-rejected": {},
    "failure-dropped": {},
    "challenge-issued": {"handle": str, "expires": str},
    "row-reported": {},
    "report-withdrawn": {},
    "reports-closed": {},
    "request-opened": {"model": str, "hardware": str, "runtime": str},
    "request-accepted": {},
    "request-claimed": {},
    "request-released": {},
    "request-archived": {},
    "request-revived": {},
    "request-rejected": {},
    "request-marked-duplicate": {"of": str},
    "evidence-imported": {"row": str, "source_sha256": str, "evidence": dict},
    "evidence-removed": {},
    "body-dropped": {},
    "witness-added": {"url": str, "witness_key": str},
    "witness-removed": {},
}

# Fields that a detail may lack: logs from before they were there keep holding.
OPTIONAL: Mapping[str, Mapping[str, type]] = {"record-submitted": {"device_sha256": str}}


@dataclass(frozen=True, slots=True)
class Event:
    """One act. `subject` is what it is about: a record's id, a handle, a key's id, a request's id."""

    kind: str
    registry: str  # the origin, so that no event counts at another registry
    by: str  # a handle
    at: str  # the signer's clock, UTC; the log's order is what counts
    subject: str
    reason: str
    after: int  # entries of the log that the signer had seen
    head: str  # and the digest of the last of them; "" of none
    detail: Mapping[str, Any] = field(default_factory=dict)

    def payload(self) -> bytes:
        """The bytes that are signed."""
        return canonical({"_type": EVENT_TYPE, **asdict(self)})

    def signed(self, keys: Sequence[Ed25519PrivateKey]) -> envelope.Envelope:
        """In its envelope."""
        return envelope.sign(self.payload(), keys, PAYLOAD_TYPE)


def is_time(text: str) -> bool:
    """Whether it is a UTC time to the second, in the one form that sorts as text."""
    if _TIME.fullmatch(text) is None:
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def read(payload: bytes, where: str) -> Event:
    """The event in the bytes. Raises `RecordInvalid`: not one, or with fields that it should not have."""
    value = parse(payload, where)
    names = {"_type", *Event.__slots__}
    if not isinstance(value, dict) or value.get("_type") != EVENT_TYPE or set(value) != names:
        raise RecordInvalid("is not an event of this version", where=where, fix="update repro-harness")
    found = Event(**{name: value[name] for name in Event.__slots__})
    texts = (found.kind, found.registry, found.by, found.at, found.subject, found.reason, found.head)
    if not all(isinstance(text, str) for text in texts) or not _count(found.after):
        raise RecordInvalid("has a field of the wrong type", where=where)
    if found.kind not in KINDS:
        raise RecordInvalid(
            f"is an event of kind {found.kind!r}, which is unknown", where=where, fix="update repro-harness"
        )
    if HANDLE.fullmatch(found.by) is None:
        raise RecordInvalid(
            f"names {found.by[:40]!r} as its author", where=where, fix="a handle must be 2 to 32 of a-z, 0-9, - and _"
        )
    if not is_time(found.at):
        raise RecordInvalid(f"gives {found.at[:40]!r} as its time", where=where, fix="it must be YYYY-MM-DDThh:mm:ssZ")
    if len(found.reason) > REASON_LIMIT:
        raise RecordInvalid(
            f"its reason has {len(found.reason)} characters",
            where=where,
            fix=f"a reason must have at most {REASON_LIMIT}",
        )
    wanted = KINDS[found.kind]
    detail = found.detail
    more = OPTIONAL.get(found.kind, {})
    if not isinstance(detail, dict) or set(detail) - set(more) != set(wanted):
        raise RecordInvalid(f"{found.kind} needs {', '.join(wanted) or 'no detail'}", where=where)
    wanted = {**wanted, **{name: kind for name, kind in more.items() if name in detail}}
    for name, kind in wanted.items():
        good = _count(detail[name]) if kind is int else isinstance(detail[name], kind)
        if not good:
            raise RecordInvalid(f"its {name} must be {kind.__name__}", where=where)
        if isinstance(detail[name], str) and (len(detail[name]) > TEXT_LIMIT or "\0" in detail[name]):
            raise RecordInvalid(f"its {name} is too long, or holds a NUL", where=where)
    if not 0 < len(found.subject) <= SUBJECT_LIMIT or not found.subject.isprintable():
        raise RecordInvalid("names no proper subject", where=where)
    return found


def _count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
