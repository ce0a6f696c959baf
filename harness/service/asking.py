"""Who signed a request that carries no event (RFC 9421)."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from starlette.datastructures import Headers

from harness.errors import NotAllowed, Unsigned
from harness.record import signed_request
from harness.registry.actions import nonces
from harness.registry.queries import told
from harness.registry.queries.told import Asker
from harness.service.core import Service


async def asker(service: Service, request: Request, body: bytes = b"") -> Asker:
    """Who signed it, and pays for it. Raises `Unsigned`; then its address pays."""
    address = request.client.host if request.client else ""
    service.may_ask(address)
    query = request.scope["query_string"].decode("latin-1")
    target = request.scope["raw_path"].decode("latin-1") + (f"?{query}" if query else "")
    try:
        found = await service.ask(_verified, service, request.method, target, request.headers, body)
    except (Unsigned, NotAllowed):
        await service.spend_address(address)
        raise
    await service.spend_read(found.key)
    return found


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
