"""An editor's act before it is signed: its event, made for what a page showed, refused here already where no rule takes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from harness.errors import BadInput
from harness.record import editor_keys
from harness.registry.actions import editors
from harness.registry.actions.acts import utc
from harness.registry.db.reader import Reader
from harness.registry.facts import EditorsFact, FailureFact, RecordFact
from harness.registry.queries import approvals, evidence, failures, requests, review
from harness.registry.rules import times
from harness.registry.rules.apply import RULES
from harness.registry.rules.base import Place, Signed, document_of, id_of
from harness.registry.store import Registry
from harness.tlog import cosignature
from harness.tlog.event import REASON_LIMIT, Event


@dataclass(frozen=True, slots=True)
class Asked:
    """What an editor asks for. `after`: the entries of the log that the editor's page showed; `fields`: by the event's kind."""

    kind: str
    subject: str
    reason: str
    after: int
    fields: Mapping[str, str] = field(default_factory=dict)


def draft(registry: Registry, handle: str, asked: Asked) -> Event:
    """The event for `handle` to sign. Raises why it may not be: `Conflict` where the record has changed since the page was made,
    `RecordInvalid` where one that is to be approved does not hold.
    """
    if asked.kind not in _DETAILS:
        raise BadInput("is not an act of the console", where=asked.kind[:40], fix="see: repro review --help")
    if len(asked.reason) > REASON_LIMIT:
        raise BadInput(f"must have at most {REASON_LIMIT} characters", where="reason", fix="shorten it")
    detail = _DETAILS[asked.kind](registry, asked)
    with registry.reading() as reader:
        size = reader.size()
        if not 0 < asked.after <= size:
            raise BadInput("must be the size of a log that was shown", where="after", fix="open the page again")
        head = reader.head(asked.after) or ""
        subject = _subject(asked)
        found = Event(asked.kind, reader.origin(), handle, utc(), subject, asked.reason, asked.after, head, detail)
        ruled(reader, found)
        if asked.kind == "record-approved":
            approvals.add(reader, asked.subject, reader.need(RecordFact, asked.subject), handle)
            review.held(reader, asked.subject)
        elif asked.kind == "failure-approved":
            approvals.add(reader, asked.subject, reader.need(FailureFact, asked.subject), handle)
            failures.held(reader, asked.subject)
        elif asked.kind == "evidence-removed":
            evidence.shown(reader, asked.subject)
    return found


def ruled(reader: Reader, event: Event) -> None:
    """Raises what the log's rule says against it, as if all editors had signed."""
    lists = [reader.need(EditorsFact)]
    if event.kind == "editors-changed":
        lists.append(document_of(event.detail["editors"]))
    signed = Signed(frozenset(id_of(entry.key) for one in lists for entry in one.editors.values()))
    place = Place(reader.size(), utc())
    times.keeps_time(event, signed, place, reader)
    RULES[event.kind](event, signed, place, reader)


def _subject(asked: Asked) -> str:
    """A new witness is called as its key says."""
    if asked.kind != "witness-added":
        return asked.subject
    return cosignature.parse_vkey(asked.fields.get("witness_key", "").strip(), "witness_key").name


def _nothing(_registry: Registry, _asked: Asked) -> dict[str, Any]:
    return {}


def _row(registry: Registry, asked: Asked) -> dict[str, Any]:
    with registry.reading() as reader:
        wanted = asked.fields.get("row", "")
        row = reader.id_of(wanted) if wanted else reader.home_of(asked.subject) or asked.subject
    return {"row": row}


def _other(_registry: Registry, asked: Asked) -> dict[str, Any]:
    return {"other": asked.fields.get("other", "").strip()}


def _from(_registry: Registry, asked: Asked) -> dict[str, Any]:
    return {"from_index": number(asked.fields.get("from_index", ""), "from_index")}


def _duplicate(registry: Registry, asked: Asked) -> dict[str, Any]:
    with registry.reading() as reader:
        return {"of": requests.id_of(reader, asked.fields.get("of", "").strip())}


def _editors(registry: Registry, asked: Asked) -> dict[str, Any]:
    told = asked.fields
    added = editor_keys.parse(told["add"], "the new editor") if told.get("add", "").strip() else None
    threshold = number(told["threshold"], "threshold") if told.get("threshold", "").strip() else None
    change = editors.Change(
        added=() if added is None else (added,),
        removed=(told["remove"],) if told.get("remove") else (),
        threshold=threshold,
        expires=told.get("expires") or None,
    )
    return {"editors": editors.changed(registry, change)}


def _policy(registry: Registry, asked: Asked) -> dict[str, Any]:
    wanted = asked.fields.get("approvals", "").strip()
    return editors.adoption(registry, asked.subject, number(wanted, "approvals") if wanted else None).detail


def _limits(_registry: Registry, asked: Asked) -> dict[str, Any]:
    names = ("events_per_hour", "events_per_day", "pending_records")
    told = asked.fields
    return {**{name: number(told.get(name, ""), name) for name in names}, "until": told.get("until", "").strip()}


def _domain(_registry: Registry, asked: Asked) -> dict[str, Any]:
    """Of passkeys that count at a web origin: the domain that is given, or the origin's own host."""
    return {"rp_id": asked.fields.get("rp_id", "").strip() or urlsplit(asked.subject).hostname or ""}


def _witness(_registry: Registry, asked: Asked) -> dict[str, Any]:
    return {
        "url": asked.fields.get("url", "").strip().rstrip("/"),
        "witness_key": asked.fields.get("witness_key", "").strip(),
    }


def number(text: str, where: str) -> int:
    """A whole number of a form. Raises `BadInput`."""
    if not (text.strip().isascii() and text.strip().isdecimal() and len(text.strip()) <= 15):
        raise BadInput("must be a whole number", where=where, fix="write digits")
    return int(text)


# What the console offers, by the kind of its event.
_DETAILS: Mapping[str, Callable[[Registry, Asked], dict[str, Any]]] = {
    "record-approved": _nothing,
    "record-rejected": _nothing,
    "record-sent-back": _nothing,
    "record-moved": _row,
    "body-dropped": _nothing,
    "failure-approved": _nothing,
    "failure-rejected": _nothing,
    "failure-dropped": _nothing,
    "operator-verified": _nothing,
    "operator-unverified": _nothing,
    "operators-tied": _other,
    "operators-untied": _other,
    "limits-raised": _limits,
    "limits-ended": _nothing,
    "key-revoked": _from,
    "key-unrevoked": _nothing,
    "reports-closed": _nothing,
    "request-accepted": _nothing,
    "request-rejected": _nothing,
    "request-archived": _nothing,
    "request-revived": _nothing,
    "request-released": _nothing,
    "request-marked-duplicate": _duplicate,
    "evidence-removed": _nothing,
    "editors-changed": _editors,
    "policy-adopted": _policy,
    "passkeys-allowed": _domain,
    "witness-added": _witness,
    "witness-removed": _nothing,
}
KINDS = frozenset(_DETAILS)
