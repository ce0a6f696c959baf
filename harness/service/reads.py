"""What a service tells beside the site's files: to everybody, and to who signs the request (RFC 9421)."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import FastAPI, Request
from pydantic import BaseModel
from starlette.datastructures import Headers

from harness.errors import BadInput, NotAllowed, Unsigned
from harness.record import signed_request
from harness.registry.actions import acts, incoming, nonces
from harness.registry.queries import told
from harness.registry.queries.told import Asker
from harness.service import bodies, wire
from harness.service.core import Service

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
        asker = await _asker(service, request) if "signature-input" in request.headers else None
        return await service.ask(told.requests, asker)

    @app.get("/v1/submissions", summary="An operator's records, and what became of them (signed)")
    async def submissions(request: Request, handle: str = "") -> dict[str, Any]:
        asker = await _asker(service, request)
        return await service.ask(told.submitted, asker, handle or asker.handle)

    @app.get("/v1/records/{record}/status", summary="What became of one record of the asker's (signed)")
    async def status(request: Request, record: str) -> dict[str, Any]:
        return await service.ask(told.status, await _asker(service, request), record)

    @app.get("/v1/challenges/{challenge}", summary="A challenge of the asker's (signed)")
    async def challenge_of(request: Request, challenge: str) -> dict[str, Any]:
        return await service.ask(told.challenge, await _asker(service, request), challenge)

    @app.post("/v1/challenges", summary="A new challenge for the asker (signed)", status_code=201)
    async def challenges(request: Request) -> Issued:
        body = await bodies.read(request, service.held, SMALL)
        service.held.bytes -= len(body)
        asker = await _asker(service, request, body)
        await service.ask(told.joined, asker)
        await service.spend_key(asker.key)
        await service.ask(told.may_challenge, asker, OPEN_CHALLENGES, acts.utc())
        made = await asyncio.to_thread(acts.challenge, service.registry, service.key, asker.handle, CHALLENGE_DAYS)
        return Issued(challenge=made[0], expires=made[1])


async def _asker(service: Service, request: Request, body: bytes = b"") -> Asker:
    """Who signed it. Raises `Unsigned`; then its address pays."""
    address = request.client.host if request.client else ""
    service.may_ask(address)
    query = request.scope["query_string"].decode("latin-1")
    target = request.scope["raw_path"].decode("latin-1") + (f"?{query}" if query else "")
    try:
        return await service.ask(_verified, service, request.method, target, request.headers, body)
    except (Unsigned, NotAllowed):
        await service.spend_address(address)
        raise


def _verified(reader: Any, service: Service, method: str, target: str, headers: Headers, body: bytes) -> Asker:
    found: dict[str, Asker] = {}

    def key_of(name: str) -> Any:
        known = told.asker_of(reader, name)
        if known is None:
            return None
        found[name] = known[0]
        return known[1]

    key, nonce = signed_request.verify(method, target, headers, body, key_of, service.origin)
    nonces.use(service.registry, service.nonce_key, nonce)
    return found[key]
