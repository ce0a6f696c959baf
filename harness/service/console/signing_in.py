"""Signing in and out, and making passkeys for an editor to add to the list."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

from fastapi import FastAPI
from starlette.responses import RedirectResponse, Response

from harness.errors import BadInput, NotFound
from harness.record.keys import HANDLE
from harness.record.passkey import PasskeyKey, parse_key
from harness.registry.actions import nonces, passkeys, sessions
from harness.service.console import ceremony, render
from harness.service.console.ceremony import Enrolling, Signing
from harness.service.console.guard import COOKIE, SIGN_IN, Visit, add
from harness.service.core import Service


def routes(app: FastAPI, service: Service) -> None:
    """The addresses."""
    add(app, service, "GET", "/console/assets/{name}", _asset)
    add(app, service, "GET", "/console", _home)
    add(app, service, "GET", "/console/sign-in", _sign_in_page)
    add(app, service, "POST", "/console/sign-in", _sign_in)
    add(app, service, "POST", "/console/sign-out", _sign_out)
    add(app, service, "GET", "/console/passkeys/new", _new_page)
    add(app, service, "POST", "/console/passkeys/new", _new)
    if service.settings.enrol is not None:
        add(app, service, "POST", "/console/demonstration", _demonstration)


async def _asset(visit: Visit) -> Response:
    found = render.asset(visit.request.path_params["name"])
    if found is None:
        raise NotFound("there is no such file", where="path")
    return found


async def _home(_visit: Visit) -> Response:
    return RedirectResponse("/console/", 303)


async def _sign_in_page(visit: Visit) -> Response:
    if visit.session is not None:
        return RedirectResponse("/console/", 303)
    keys = await asyncio.to_thread(passkeys.passkeys_of, visit.service.registry)
    nonce = nonces.issued(visit.service.nonce_key)
    signing = Signing(ceremony.sign_in_challenge(visit.service.origin, nonce), list(keys.values()))
    return visit.page(
        "sign_in.html",
        to_sign=signing,
        nonce=nonce,
        web_origin=visit.web_origin,
        elsewhere=_elsewhere(visit),
        can_enrol=visit.service.settings.enrol is not None,
    )


def _elsewhere(visit: Visit) -> bool:
    """Whether the browser has this page under another name than the one where passkeys count."""
    return bool(visit.web_origin) and visit.web_origin.partition("://")[2] != visit.request.headers.get("host", "")


async def _sign_in(visit: Visit) -> Response:
    nonce = visit.form.one("csrf")
    keys = await asyncio.to_thread(passkeys.passkeys_of, visit.service.registry)
    [(credential, assertion), *more] = ceremony.assertions(visit.form)
    if more:
        raise BadInput("must be signed once", where="signature", fix="open the page again")
    key = ceremony.signer(list(keys.values()), credential)
    handle = next(name for name, one in keys.items() if one.id == key.id)
    challenge = ceremony.sign_in_challenge(visit.service.origin, nonce)
    ceremony.checked(key, challenge, assertion, visit.web_origin)
    token = await asyncio.to_thread(sessions.begin, visit.service.registry, handle, key.id)
    answer = RedirectResponse("/console/", 303)
    _keep(answer, token)
    return answer


async def _sign_out(visit: Visit) -> Response:
    await asyncio.to_thread(sessions.end, visit.service.registry, visit.request.cookies[COOKIE])
    answer = RedirectResponse(SIGN_IN, 303)
    answer.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="strict")
    return answer


def _keep(answer: Response, token: str) -> None:
    answer.set_cookie(COOKIE, token, path="/", secure=True, httponly=True, samesite="strict")


async def _new_page(visit: Visit) -> Response:
    handle, kept = visit.request.query_params.get("handle", ""), visit.request.query_params.get("next", "").strip()
    nonce = nonces.issued(visit.service.nonce_key)
    parts = []
    if handle:
        _handle(handle)
        if kept:
            await asyncio.to_thread(passkeys.is_announced, visit.service.registry, handle, _kept(visit, kept))
        if visit.web_origin:
            parts = _asked(visit, handle, nonce, [1] if kept else [0, 1])
    enrol = visit.service.settings.enrol is not None
    return visit.page(
        "passkey_new.html",
        handle=handle,
        kept=kept,
        nonce=nonce,
        parts=parts,
        web_origin=visit.web_origin,
        can_enrol=enrol,
        elsewhere=_elsewhere(visit),
    )


def _asked(visit: Visit, handle: str, nonce: str, numbers: Sequence[int]) -> list[Enrolling]:
    """What the browser is to make: 0 the passkey that signs, 1 the next one."""
    origin = visit.service.origin
    names = (f"{handle} at {origin}", f"{handle} at {origin}, next")
    return [ceremony.enrolling(origin, nonce, number, visit.rp_id, names[number]) for number in numbers]


async def _new(visit: Visit) -> Response:
    handle, nonce, kept = visit.form.one("handle"), visit.form.one("csrf"), visit.form.one("next", "").strip()
    _handle(handle)
    challenges = [ceremony.enrol_challenge(visit.service.origin, nonce, number) for number in (0, 1)]
    made = [
        ceremony.made(visit.form, place, challenge, visit.web_origin, visit.rp_id)
        for place, challenge in enumerate(challenges[1:] if kept else challenges)
    ]
    key, following = (_kept(visit, kept), *made) if kept else made
    if key.id == following.id:
        raise BadInput("must be two passkeys", where="passkey", fix="make another")
    text = json.dumps({"handle": handle, "key": key.text(), "next_key_sha256": following.id}, indent=1)
    return visit.page(
        "passkey_made.html",
        text=text,
        kept=following.text(),
        changes=bool(kept),
        nonce=nonces.issued(visit.service.nonce_key),
        can_enrol=visit.service.settings.enrol is not None and not kept,
    )


def _handle(handle: str) -> None:
    if HANDLE.fullmatch(handle) is None:
        raise BadInput(
            f"{handle[:40]!r} must be a handle", where="handle", fix="2 to 32 of a-z, 0-9, dash and underscore"
        )


def _kept(visit: Visit, text: str) -> PasskeyKey:
    """The next passkey, of the line that its owner kept. Raises `BadInput`."""
    try:
        found = parse_key(text)
    except ValueError as error:
        fix = "paste the line that this page gave with your passkeys: passkey:…"
        raise BadInput(f"is not a passkey's line ({error})", where="next", fix=fix) from None
    if found.rp_id != visit.rp_id:
        raise BadInput(f"is of {found.rp_id}, passkeys count at {visit.rp_id}", where="next", fix="make new passkeys")
    return found


async def _demonstration(visit: Visit) -> Response:
    """Of a copied demonstration alone, whose editor is anybody: its new editor need not be added by another."""
    enrol = visit.service.settings.enrol
    assert enrol is not None  # noqa: S101 - else there is no such route
    entry = await asyncio.to_thread(enrol, visit.service.registry, visit.form.one("editor"))
    return RedirectResponse(f"{SIGN_IN}?entry={entry}", 303)
