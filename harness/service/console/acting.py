"""Acts: prepared for what a page showed, shown as they will be signed, signed by a passkey, and sent the way of every event."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI
from starlette.responses import RedirectResponse, Response

from harness.errors import BadInput, NotAllowed, ReproError
from harness.names import says_something
from harness.record.passkey import PasskeyKey
from harness.registry.actions import drafts, passkeys, proposals, sessions
from harness.registry.actions.drafts import Asked
from harness.registry.actions.editors import SEVERAL as BY_SEVERAL
from harness.registry.actions.incoming import Parcel
from harness.registry.queries import examined
from harness.registry.queries.queue import examined as queue_of
from harness.service.console import ceremony, forms, words
from harness.service.console.ceremony import Signing
from harness.service.console.guard import Visit, add
from harness.service.console.permissions import RENEWING, Role
from harness.service.core import Service
from harness.tlog import event as events
from harness.tlog.event import Event

MOST = 20  # records that are decided at once
_FIELDS = (
    "row", "other", "from_index", "of", "add", "remove", "threshold", "expires", "approvals", "events_per_hour",
    "events_per_day", "pending_records", "until", "rp_id", "url", "witness_key",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Shown:
    """One event as the page shows it before it is signed."""

    event: Event
    signing: Signing
    words: str
    about: str = ""  # what the subject is

    @property
    def payload_text(self) -> str:
        """The bytes that are signed, base64."""
        return base64.b64encode(self.event.payload()).decode()


def routes(app: FastAPI, service: Service) -> None:
    """The addresses."""
    add(app, service, "POST", "/console/prepare", _prepare)
    add(app, service, "POST", "/console/prepare-several", _prepare_several)
    add(app, service, "POST", "/console/acts", _act)
    add(app, service, "POST", "/console/several", _several)
    add(app, service, "GET", "/console/proposals/{digest}", _proposal)
    add(app, service, "POST", "/console/proposals/{digest}", _cosign)


async def _prepare(visit: Visit) -> Response:
    kind = visit.form.one("kind")
    _may(visit, kind)
    _given(visit)
    asked = Asked(
        kind,
        visit.form.one("subject"),
        words.reason(visit.form.one("template", ""), visit.form.one("reason", "")),
        drafts.number(visit.form.one("after"), "after"),
        {name: visit.form.one(name) for name in _FIELDS if name in visit.form.values},
    )
    visit.about(_page(asked.kind, asked.subject))
    found = await asyncio.to_thread(drafts.draft, visit.service.registry, visit.editor.handle, asked)
    keys = await _keys(visit, found)
    about = await visit.service.ask(examined.words_of, found.subject)
    back = await _back(visit, found)
    return visit.page("sign.html", found=[_prepared(found, keys, about)], target="/console/acts", back=back)


async def _prepare_several(visit: Visit) -> Response:
    kind, chosen = visit.form.one("kind"), list(dict.fromkeys(visit.form.all("record")))
    if kind not in words.SEVERAL:
        raise BadInput("must be decided one by one", where=kind[:40], fix="open each record")
    _given(visit)
    if not 1 <= len(chosen) <= MOST:
        raise BadInput(f"must be 1 to {MOST} records", where="record", fix="choose fewer")
    await asyncio.to_thread(_alike, visit, chosen)
    after = drafts.number(visit.form.one("after"), "after")
    reason = words.reason(visit.form.one("template", ""), visit.form.one("reason", ""))
    found = []
    for record in chosen:
        asked = Asked(kind, record, reason, after)
        found.append(await asyncio.to_thread(drafts.draft, visit.service.registry, visit.editor.handle, asked))
    keys = await _keys(visit, found[0])
    made = [_prepared(one, keys, await visit.service.ask(examined.words_of, one.subject)) for one in found]
    return visit.page("sign.html", found=made, target="/console/several", back="/console/")


def _given(visit: Visit) -> None:
    """Raises `BadInput` where the form gives no reason: each act needs one."""
    if not says_something(words.reason(visit.form.one("template", ""), visit.form.one("reason", ""))):
        raise BadInput("must be given", where="reason", fix="go back, and choose or write one: it is public, for ever")


def _alike(visit: Visit, chosen: Sequence[str]) -> None:
    """Raises `BadInput` unless all of them are in one group of records that are alike."""
    groups = [{one.id for one in group} for group in examined.alike(queue_of(visit.service.registry, chosen))]
    if not any(set(chosen) <= group for group in groups):
        raise BadInput("are not alike", where="record", fix="decide them one by one")


async def _act(visit: Visit) -> Response:
    (event, data) = (await _signed(visit, 1))[0]
    visit.about(_page_of(event))
    if event.kind in BY_SEVERAL:
        return await _offer(visit, data)
    entry = await _take(visit, data)
    return RedirectResponse(f"{await _back(visit, event)}?entry={entry}", 303)


async def _back(visit: Visit, event: Event) -> str:
    """Where its subject is shown."""
    kind, name = await visit.service.ask(examined.page_of, event.kind, event.subject)
    return _page(kind, name) if kind else _page_of(event)


async def _several(visit: Visit) -> Response:
    """Each by itself: what can't be taken is told, the others are in the log."""
    done: list[tuple[Event, int | str]] = []
    for event, data in await _signed(visit, MOST):
        if event.kind not in words.SEVERAL:
            raise BadInput("must be decided one by one", where=event.kind, fix="open each record")
        try:
            done.append((event, await _take(visit, data)))
        except ReproError as error:
            done.append((event, str(error)))
    failed = any(isinstance(told, str) for _, told in done)
    return visit.page("several.html", 409 if failed else 200, done=[(words.act(e.kind), e.subject, t) for e, t in done])


async def _proposal(visit: Visit) -> Response:
    found = await asyncio.to_thread(proposals.one, visit.service.registry, visit.request.path_params["digest"])
    keys = await _keys(visit, found.event, found.keys)
    return visit.page(
        "proposal.html",
        one=found,
        prepared=_prepared(found.event, keys),
        words=words.act(found.event.kind),
        again=visit.editor.handle in found.signed,
    )


async def _cosign(visit: Visit) -> Response:
    found = await asyncio.to_thread(proposals.one, visit.service.registry, visit.request.path_params["digest"])
    _may(visit, found.event.kind)
    [(credential, assertion)] = _only(ceremony.assertions(visit.form))
    key = ceremony.signer(await _keys(visit, found.event, found.keys), credential)
    ceremony.checked(key, passkeys.Prepared(found.event.payload()).challenge, assertion, visit.web_origin)
    return await _offer(visit, passkeys.cosigned(found.envelope, key, assertion, "proposal"))


async def _offer(visit: Visit, data: bytes) -> Response:
    """Into the log where enough editors have signed, else to the others."""
    found = await visit.service.ask(proposals.opened, data)
    if found.missing:
        found = await asyncio.to_thread(proposals.keep, visit.service.registry, data)
    if found.missing:
        return RedirectResponse(f"/console/proposals/{found.sha256}", 303)
    entry = await _take(visit, found.envelope)
    await asyncio.to_thread(proposals.taken, visit.service.registry, found.sha256)
    return RedirectResponse(f"{await _back(visit, found.event)}?entry={entry}", 303)


async def _take(visit: Visit, data: bytes) -> int:
    """The way of `POST /v1/events`: its signature, the limits, the rules, one transaction; the entry."""
    service = visit.service
    found = await service.opened(Parcel(data))
    known = await service.again(found)
    if known is None:
        await service.spend(found, "")
        known = await service.take(await service.checked(found))
    return known.receipt.entry


async def _signed(visit: Visit, most: int) -> list[tuple[Event, bytes]]:
    """The events that the form brings, each with its envelope. Raises `Unsigned` where a passkey has not signed one."""
    payloads = [forms.decoded(text, "payload") for text in visit.form.all("payload")]
    brought = ceremony.assertions(visit.form)
    if len(payloads) != len(brought) or len(payloads) > most:
        raise BadInput("must be signed one by one", where="payload", fix="open the page again")
    made = []
    for payload, (credential, assertion) in zip(payloads, brought, strict=True):
        event = events.read(payload, "event")
        _may(visit, event.kind)
        if event.by != visit.editor.handle:
            raise NotAllowed(f"is an act of {event.by}", where="event", fix=f"sign in as {event.by}")
        key = ceremony.signer(await _keys(visit, event), credential)
        prepared = passkeys.Prepared(payload)
        ceremony.checked(key, prepared.challenge, assertion, visit.web_origin)
        made.append((event, prepared.sealed(key, assertion)))
    return made


def _may(visit: Visit, kind: str) -> None:
    """Raises `NotAllowed`: of an expired list only its renewal, and nothing that the console does not offer."""
    if kind not in drafts.KINDS:
        raise NotAllowed("is not an act of the console", where=kind[:40], fix="use the command line")
    if visit.role is not Role.EDITOR and kind not in RENEWING:
        raise NotAllowed("the list of editors has expired", where="editors", fix="renew it on the page of editors")


async def _keys(visit: Visit, event: Event, signed: Collection[str] = ()) -> list[PasskeyKey]:
    """The passkey that is to sign: the session's own, or, once that has signed a new list, the one that follows it there.

    None where both have signed.
    """
    own: list[PasskeyKey] = await visit.service.ask(sessions.signing_keys, visit.editor, event)
    return [key for key in own if key.id not in signed][:1]


def _prepared(event: Event, keys: Sequence[PasskeyKey], about: str = "") -> Shown:
    challenge = passkeys.Prepared(event.payload()).challenge
    return Shown(event, Signing(challenge, keys), words.act(event.kind), about)


def _only(found: Sequence[Any]) -> Sequence[Any]:
    if len(found) != 1:
        raise BadInput("must be signed once", where="signature", fix="open the page again")
    return found


def _page_of(event: Event) -> str:
    """Where the subject of an act is shown."""
    return _page(event.kind, event.subject)


def _page(of: str, subject: str) -> str:
    """As `_page_of`; whatever a form names is a part of one path."""
    kind, subject = of.partition("-")[0], quote(subject[:64], safe="")
    if kind in ("record", "failure", "body"):
        return f"/console/records/{subject}"
    if kind in ("operator", "operators", "limits"):
        return f"/console/operators/{subject}"
    pages = {
        "request": "requests", "reports": "reports", "editors": "editors", "policy": "policy", "passkeys": "editors",
        "witness": "health",
    }  # fmt: skip
    return f"/console/{pages.get(kind, 'operators')}"
