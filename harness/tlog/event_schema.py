"""A JSON Schema for each kind of event: what `event.read` and the registry's rules ask of the payload's form. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.record.keys import HANDLE
from harness.record.outcome import WORDS
from harness.tlog.event import EVENT_TYPE, KINDS, OPTIONAL, REASON_LIMIT, SUBJECT_LIMIT, TEXT_LIMIT

DRAFT = "https://json-schema.org/draft/2020-12/schema"
_DIGEST = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_DIGEST_OR_EMPTY = {"type": "string", "pattern": "^([0-9a-f]{64})?$"}
_HANDLE = {"type": "string", "pattern": f"^{HANDLE.pattern.removeprefix('^').removesuffix('$')}$"}
_TIME = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"}
_TEXT = {"type": "string", "maxLength": TEXT_LIMIT}
_SHORT_TEXT = {"type": "string", "minLength": 1, "maxLength": 200}  # of a request
_EVIDENCE_TEXT = {"type": "string", "maxLength": 200}
_COUNT = {"type": "integer", "minimum": 0}
_DOMAIN = {"type": "string", "pattern": "^[a-z0-9.-]{1,253}$"}
_PASSKEY = r"passkey:(es256:04[0-9a-f]{128}|ed25519:[0-9a-f]{64}):([0-9a-f]{2}){1,1023}:[a-z0-9.-]{1,253}"
EDITOR_KEY = {
    "type": "string",
    "pattern": f"^([0-9a-f]{{64}}|{_PASSKEY})$",
    "description": "public key: of Ed25519 in hexadecimal, or of a passkey as docs/record-format.md writes it",
}


def _object(fields: Mapping[str, Any], optional: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {**fields, **(optional or {})},
        "required": sorted(fields),
        "additionalProperties": False,
    }


def _editors(key: Mapping[str, Any]) -> dict[str, Any]:
    return _object(
        {
            "version": {"type": "integer", "minimum": 1},
            "threshold": {"type": "integer", "minimum": 1},
            "expires": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\d$"},
            "editors": {
                "type": "object",
                "minProperties": 1,
                "maxProperties": 100,
                "propertyNames": _HANDLE,
                "additionalProperties": _object({"key": key, "next_key_sha256": _DIGEST}),
            },
        }
    )


_EVIDENCE = _object(
    {
        **dict.fromkeys(("tool", "tool_version", "engine", "model", "quantisation"), _EVIDENCE_TEXT),
        **dict.fromkeys(("device", "metric", "measured"), _EVIDENCE_TEXT),
        **dict.fromkeys(("prompt_tokens", "output_tokens", "depth"), _COUNT),
        "samples_micro": {
            "type": "array",
            "items": {"type": "integer", "minimum": 1},
            "minItems": 1,
            "maxItems": 1000,
            "description": "millionths of the metric's unit",
        },
    }
)  # fmt: skip
# A field of a detail → its schema; the same name is the same thing in every kind, but for those of `_OF_KIND`.
_FIELDS: dict[str, dict[str, Any]] = {
    "registry_key": {**_DIGEST, "description": "public key (Ed25519), hexadecimal"},
    "operator_key": {**_DIGEST, "description": "public key (Ed25519), hexadecimal"},
    "rig_key": {**_TEXT, "description": "public key (Ed25519) of the machine, hexadecimal"},
    "editors": _editors(EDITOR_KEY),
    "policy": {**_TEXT, "description": "name of the policy"},
    "policy_sha256": _DIGEST,
    "approvals": {"type": "integer", "minimum": 1, "maximum": 100, "description": "editors who must approve a record"},
    "demonstration": {"type": "boolean", "description": "whether synthetic records may enter"},
    "rp_id": {**_DOMAIN, "description": "domain that passkeys are bound to"},
    "next_key_sha256": {**_DIGEST, "description": "of the announced next key"},
    "from_index": {**_COUNT, "description": "entry from which what the key signed counts no more"},
    "other": {**_HANDLE, "description": "the other operator"},
    "envelope_sha256": _DIGEST,
    "samples_sha256": _DIGEST,
    "subject_sha256": _DIGEST,
    "device_sha256": {**_DIGEST, "description": "of the device; logs from before it was asked for lack it"},
    "outcome_reason": {"enum": sorted(map(str, WORDS)), "description": "why the run failed"},
    "row": {**_DIGEST, "description": "id of the row: the record id of its hub"},
    "started": {**_TIME, "description": "when the run began, UTC"},
    "finished": {**_TIME, "description": "when the run ended, UTC"},
    "idempotency": {"type": "string", "minLength": 1, "maxLength": 128},
    "challenge": {**_DIGEST_OR_EMPTY, "description": "number of the registry that drew the run's order; empty: none"},
    "request": {**_DIGEST_OR_EMPTY, "description": "id of the request that it answers; empty: none"},
    "events_per_hour": {"type": "integer", "minimum": 60, "maximum": 10_000, "description": "from one key"},
    "events_per_day": {"type": "integer", "minimum": 200, "maximum": 100_000, "description": "from one key"},
    "pending_records": {"type": "integer", "minimum": 5, "maximum": 10_000, "description": "that may wait"},
    "until": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\d$", "description": "the last day"},
    "handle": {**_TEXT, "description": "operator who may use the challenge"},
    "expires": {**_TIME, "description": "end of the challenge, UTC"},
    "model": _SHORT_TEXT,
    "hardware": _SHORT_TEXT,
    "runtime": _SHORT_TEXT,
    "of": {**_DIGEST, "description": "id of the request that is asked for again"},
    "source_sha256": {**_DIGEST, "description": "of the other tool's file"},
    "evidence": _EVIDENCE,
    "url": {**_TEXT, "description": "address below which the witness answers to add-checkpoint"},
    "witness_key": {**_TEXT, "description": "verifier key of the witness, as C2SP signed-note writes it"},
}
_OF_KIND: dict[tuple[str, str], dict[str, Any]] = {
    ("registry-created", "editors"): _editors(_DIGEST),
    ("failure-submitted", "subject_sha256"): {**_DIGEST, "description": "of model, quantisation and engine"},
    ("failure-submitted", "device_sha256"): {**_DIGEST, "description": "of the device that was to compute"},
    ("record-submitted", "row"): {**_DIGEST_OR_EMPTY, "description": "id of the row; empty: a row of its own"},
}
_SUBJECTS: dict[str, tuple[dict[str, Any], str]] = {
    "registry": ({}, "origin of the registry"),
    "policy": ({}, "name of the policy"),
    "editors": ({}, ""),
    "passkeys": ({"pattern": "^https?://"}, "web origin where passkeys count"),
    "operator": (_HANDLE, "handle of the operator"),
    "operators": (_HANDLE, "handle of one of the two operators"),
    "key": (_DIGEST, "id of the key"),
    "record": (_DIGEST, "id of the record"),
    "row": (_DIGEST, "id of the row"),
    "report": (_DIGEST, "id of the row"),
    "reports": (_DIGEST, "id of the row"),
    "limits": (_HANDLE, "handle of the operator"),
    "body": (_DIGEST, "id of the record"),
    "failure": (_DIGEST, "id of the record of a run that failed"),
    "challenge": (_DIGEST, "the number: 256 bits, hexadecimal"),
    "request": (_DIGEST, "id of the request"),
    "evidence": ({}, "id of the evidence"),
    "witness": ({}, "name of the witness"),
}


def schema_of(kind: str) -> dict[str, Any]:
    """The schema (draft 2020-12) of the payload of an event of this kind."""
    subject, meaning = _SUBJECTS[kind.partition("-")[0]]
    about: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": SUBJECT_LIMIT, **subject}
    if meaning:
        about["description"] = meaning
    detail = {name: _OF_KIND.get((kind, name), _FIELDS[name]) for name in KINDS[kind]}
    optional = {name: _FIELDS[name] for name in OPTIONAL.get(kind, ())}
    return {
        "$schema": DRAFT,
        "$id": f"{EVENT_TYPE}:{kind}",
        "title": kind,
        **_object(
            {
                "_type": {"const": EVENT_TYPE},
                "kind": {"const": kind},
                "registry": {"type": "string", "description": "origin of the registry"},
                "by": {**_HANDLE, "description": "who did it"},
                "at": {**_TIME, "description": "clock of the signer, UTC"},
                "subject": about,
                "reason": {"type": "string", "maxLength": REASON_LIMIT},
                "after": {**_COUNT, "description": "entries of the log that the signer had seen"},
                "head": {**_DIGEST_OR_EMPTY, "description": "sha256 of the last of them; empty: of none"},
                "detail": _object(detail, optional),
            }
        ),
    }


def schemas() -> dict[str, dict[str, Any]]:
    """Of every kind."""
    return {kind: schema_of(kind) for kind in KINDS}
