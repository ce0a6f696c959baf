"""Receipts, checked offline and kept beside a record."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from harness.errors import RecordInvalid
from harness.files import read_limited, write_bytes
from harness.record import envelope
from harness.registry.queries.receipts import Receipt
from harness.tlog import entry, proof
from harness.tlog import event as events
from harness.tlog.checkpoint import Checkpoint, decoded, parse_vkey
from harness.tlog.entry import Entry
from harness.tlog.event import Event

FILE_LIMIT = 4 << 20


@dataclass(frozen=True, slots=True)
class Held:
    """What a receipt that holds shows: this event is that entry of the registry's log, below a tree that it signed."""

    registry: str
    entry: Entry
    event: Event
    tree: Checkpoint
    new: bool


def held(answer: Mapping[str, Any], where: str, key: str | None = None) -> Held:
    """The receipt in an answer to an event. `key`: the registry's verifier key, where it is known already; else the one that the
    receipt names. Raises `RecordInvalid` for the first thing that does not hold.
    """
    try:
        told = answer["receipt"]
        vkey, leaf, text = str(told["registry_key"]), bytes_of(told["leaf"]), str(told["proof"]).encode()
        data = bytes_of(answer["event"])
        origin, new = str(told["registry"]), bool(answer["new"])
    except (KeyError, TypeError, ValueError) as error:
        raise RecordInvalid(f"is not a receipt ({type(error).__name__}: {error})", where=where) from None
    if key is not None and vkey != key:
        raise RecordInvalid(
            "names another key of the registry than it has shown before", where=where, fix="trust neither"
        )
    name, public = parse_vkey(vkey, where)
    tree = proof.check(proof.read(text, where), leaf, {name: public}, where)
    line = entry.read(leaf, where)
    payload = envelope.read(data, where).payload
    event = events.read(payload, where)
    if (line.event_sha256, line.envelope_sha256) != (sha256(payload).hexdigest(), sha256(data).hexdigest()):
        raise RecordInvalid("is of another event than it says", where=where, fix="trust neither")
    if not (name == tree.origin == origin == event.registry) or line.index != proof.read(text, where).index:
        raise RecordInvalid("is of another registry or entry than it says", where=where, fix="trust neither")
    return Held(origin, line, event, tree, new)


def path_of(folder: Path, registry: str) -> Path:
    """Where the receipt of that registry lies beside a record."""
    return folder / f"receipt-{re.sub(r'[^a-z0-9.-]', '-', registry)}.json"


def keep(folder: Path, answer: Mapping[str, Any], registry: str) -> Path:
    """Beside the record in `folder`. Raises `BadInput` where it can't be written."""
    path = path_of(folder, registry)
    write_bytes(path, text(answer))
    return path


def text(answer: Mapping[str, Any]) -> bytes:
    """What is kept of an answer: a receipt's file."""
    kept = {name: answer[name] for name in ("new", "receipt", "event")}
    return (json.dumps(kept, indent=1) + "\n").encode()


def answered(found: Receipt, event: bytes) -> dict[str, Any]:
    """As a service answers to who brings the same thing again. `event`: the envelope."""
    told = {
        "registry": found.registry,
        "registry_key": found.registry_key,
        "entry": found.entry,
        "event_sha256": found.event_sha256,
        "leaf": base64.b64encode(found.leaf).decode(),
        "proof": found.proof.decode(),
    }
    return {"new": False, "receipt": told, "event": base64.b64encode(event).decode()}


def read(path: Path) -> Held:
    """A kept receipt that holds. Raises `BadInput`, `RecordInvalid`."""
    try:
        answer = json.loads(read_limited(path, FILE_LIMIT, "the receipt"))
        if not isinstance(answer, dict):
            raise ValueError("it must be an object")
    except (ValueError, RecursionError) as error:
        raise RecordInvalid(f"is not a receipt ({error})", where=str(path)) from None
    return held(answer, str(path))


def of_record(found: Held, record: str, data: bytes, where: str) -> None:
    """Raises `RecordInvalid` unless the receipt is of this record: its id, and its envelope's bytes."""
    if found.event.subject != record or found.event.detail.get("envelope_sha256") != sha256(data).hexdigest():
        raise RecordInvalid(
            f"is a receipt of {found.event.kind} {found.event.subject[:12]}, not of this record",
            where=where,
            fix="name the receipt that lies beside it",
        )


def bytes_of(text: Any) -> bytes:
    """What an answer carries in base64, as an encoder writes it: it has one form only. Raises `ValueError`."""
    found = decoded(str(text))
    if found is None:
        raise ValueError("its bytes must be in base64")
    return found
