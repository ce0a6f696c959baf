"""What a service tells beside the site's files: to everybody, and to who signs the request (RFC 9421)."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from functools import partial
from typing import Any

from fastapi import FastAPI, Request
from pydantic import BaseModel

from harness.errors import BadInput
from harness.record import envelope
from harness.registry.actions import acts, incoming, nonces
from harness.registry.queries import key_changes, limits, reports, told
from harness.service import bodies, wire
from harness.service.asking import asker
from harness.service.core import Service
from harness.tlog import event as events

CHALLENGE_DAYS = 7
OPEN_CHALLENGES = 3  # of one operator
SMALL = 64 << 10  # bytes of a body that holds no record


class Issued(BaseModel):
    """A single-use number, and the UTC time of its end."""

    challenge: str
    expires: str


def add(app: FastAPI, service: Service) -> None:
    """The addresses."""
    _public(app, service)
    _signed(app, service)


def _public(app: FastAPI, service: Service) -> None:
    @app.get("/v1/registry", summary="The registry, its editors, its policy, its log's size and newest checkpoint")
    async def registry() -> dict[str, Any]:
        return await service.ask(told.about)

    @app.get("/v1/registry/keys", summary="How the key of the log became another")
    async def registry_keys() -> dict[str, list[dict[str, str]]]:
        return {"changes": [asdict(one) for one in await service.ask(key_changes.changes)]}

    @app.get("/v1/keys/{prefix}", summary="The id of the operator's key whose id or bytes begin so")
    async def keys(prefix: str) -> dict[str, str]:
        return {"key": await service.ask(told.key, prefix)}

    @app.get("/v1/consistency", summary="That the log of `size` entries begins with that of `old`")
    async def consistency(old: int, size: int) -> dict[str, list[str]]:
        return {"hashes": await service.ask(told.consistency, old, size)}

    @app.get("/v1/entries/{entry}", summary="The receipt of an entry")
    async def entries(entry: int) -> wire.ReceiptOut:
        if entry < 0 or entry > 2**53:
            raise BadInput("must be an entry of the log", where="entry", fix="begin at 0")
        return wire.receipt(await asyncio.to_thread(incoming.proven, service.registry, service.key, entry))

    @app.get("/v1/operators/{handle}", summary="An operator's keys")
    async def operators(handle: str) -> dict[str, Any]:
        return await service.ask(told.operator, handle)

    @app.get("/v1/operators/{handle}/limits", summary="The limits that hold for an operator now")
    async def limits_of(handle: str) -> dict[str, Any]:
        return asdict(await service.ask(limits.in_force, handle, acts.utc()[:10]))

    @app.get("/v1/home", summary="The row where the next record of a subject and device belongs")
    async def home(subject_sha256: str, device_sha256: str) -> dict[str, str | None]:
        for name, text in (("subject_sha256", subject_sha256), ("device_sha256", device_sha256)):
            if len(text) != 64 or not set(text) <= set("0123456789abcdef"):
                raise BadInput("must be 64 hexadecimal digits", where=name, fix="send a sha256")
        found = await service.ask(told.home, subject_sha256, device_sha256)
        return {"row": None, "subject_sha256": None, **(found or {})}

    @app.get("/v1/rows/{prefix}", summary="The public row whose id begins so")
    async def rows(prefix: str) -> dict[str, str]:
        return await service.ask(told.row, prefix)

    @app.get("/v1/nonce", summary="A number for one signed request")
    async def nonce() -> dict[str, str]:
        return {"nonce": nonces.issued(service.nonce_key)}


def _signed(app: FastAPI, service: Service) -> None:
    @app.get("/v1/requests", summary="Requests for measurements; signed: the asker's own, too")
    async def requests(request: Request) -> dict[str, Any]:
        who = await asker(service, request) if "signature-input" in request.headers else None
        return await service.ask(told.requests, who)

    @app.get("/v1/reports", summary="Reports of rows: the asker's own; to an editor all (signed)")
    async def reports_of(request: Request) -> dict[str, Any]:
        who = await asker(service, request)
        found = await service.ask(lambda reader: reports.seen_by(reader, who.handle, editor=who.editor))
        return {"reports": [asdict(one) for one in found]}

    @app.get("/v1/submissions", summary="An operator's records, and what became of them (signed)")
    async def submissions(request: Request, handle: str = "") -> dict[str, Any]:
        who = await asker(service, request)
        return await service.ask(told.submitted, who, handle or who.handle)

    @app.get("/v1/records/{record}/status", summary="What became of one record of the asker's (signed)")
    async def status(request: Request, record: str) -> dict[str, Any]:
        return await service.ask(told.status, await asker(service, request), record)

    @app.get("/v1/records/{record}/receipt", summary="The receipt of a public record; signed: of the asker's own, too")
    async def receipt(request: Request, record: str) -> wire.AnswerOut:
        who = await asker(service, request) if "signature-input" in request.headers else None
        index = await service.ask(told.submission_of, who, record.lower())
        found = await asyncio.to_thread(incoming.there, service.registry, service.key, index)
        event = events.read(envelope.read(found.envelope, "event").payload, "event")
        return wire.answer(found, event, None, service.settings.pages)

    @app.get("/v1/challenges/{challenge}", summary="A challenge of the asker's (signed)")
    async def challenge_of(request: Request, challenge: str) -> dict[str, Any]:
        return await service.ask(told.challenge, await asker(service, request), challenge)

    @app.post("/v1/challenges", summary="A new challenge for the asker (signed)", status_code=201)
    async def challenges(request: Request) -> Issued:
        body = await bodies.read(request, service.held, SMALL)
        service.held.bytes -= len(body)
        who = await asker(service, request, body)
        await service.ask(told.joined, who)
        await service.spend_key(who.key)
        may = partial(told.may_challenge, asker=who, most=OPEN_CHALLENGES, now=acts.utc())
        made = await asyncio.to_thread(acts.challenge, service.registry, service.key, who.handle, CHALLENGE_DAYS, may)
        return Issued(challenge=made[0], expires=made[1])
