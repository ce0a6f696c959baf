"""The public part of a registry as the files of a public export, from its database: anybody may copy and audit it, with no key.

Tiles, checkpoints and events never change under their name. A record's bytes are told while it is public: a cache must ask again.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from fastapi import FastAPI, Request, Response

from harness.registry.queries import published
from harness.registry.queries.published import Published, Reader
from harness.service.core import Service

_FOR_EVER = "public, max-age=31536000, immutable"
_ASK_AGAIN = "no-cache"
_Said = dict[int | str, dict[str, Any]]
_BYTES: _Said = {200: {"description": "its bytes", "content": {"application/octet-stream": {}}}}
_JSON: _Said = {200: {"description": "a JSON document", "content": {"application/json": {}}}}
_NOTE: _Said = {200: {"description": "a signed note", "content": {"text/plain": {}}}}


def add(app: FastAPI, service: Service) -> None:
    """The addresses."""
    _log(app, service)
    _bodies(app, service)


def _log(app: FastAPI, service: Service) -> None:
    @app.get("/registry.json", summary="Size, root and newest checkpoint of the public log", responses=_JSON)
    async def registry_json() -> Response:
        told = await service.ask(_public(service, published.about))
        return _answer(json.dumps(told, indent=1).encode() + b"\n", "application/json", _ASK_AGAIN)

    @app.get("/checkpoint", summary="The newest signed checkpoint (C2SP tlog-checkpoint)", responses=_NOTE)
    async def newest() -> Response:
        return _answer(await service.ask(published.note, None), "text/plain; charset=utf-8", _ASK_AGAIN)

    @app.get("/checkpoints/{size}", summary="The checkpoint of a log of that size", responses=_NOTE)
    async def checkpoint(size: str) -> Response:
        return _answer(await service.ask(published.note, size), "text/plain; charset=utf-8", _ASK_AGAIN)

    @app.get("/tile/{path:path}", summary="A tile or a bundle of entries (C2SP tlog-tiles)", responses=_BYTES)
    async def tile(path: str) -> Response:
        _, data = await service.ask(published.tile, f"tile/{path}")
        return _answer(data, "application/octet-stream", _FOR_EVER)


def _bodies(app: FastAPI, service: Service) -> None:
    @app.get("/events/{name}", summary="A public event, by the digest of its envelope", responses=_JSON)
    async def event(name: str) -> Response:
        data = await service.ask(_public(service, published.event), name.removesuffix(".json"))
        return _answer(data, "application/json", _FOR_EVER)

    @app.get("/records/{record}/{name}", summary="A public record, or its samples", responses=_BYTES)
    async def record(request: Request, record: str, name: str) -> Response:
        digest, data = await service.ask(_public(service, published.record), record, name)
        kind = "application/json" if name.endswith(".json") else "application/octet-stream"
        if request.headers.get("if-none-match") == f'"{digest}"':
            return Response(status_code=304, headers={"ETag": f'"{digest}"', "Cache-Control": _ASK_AGAIN})
        return _answer(data, kind, _ASK_AGAIN, f'"{digest}"')


def _public(service: Service, question: Callable[..., Any]) -> Callable[..., Any]:
    """The question, with what is public in that state of the registry."""

    def asked(reader: Reader, *arguments: Any) -> Any:
        found: Published = service.public_log.of(reader)
        return question(reader, found, *arguments)

    return asked


def _answer(data: bytes, kind: str, keep: str, tag: str = "") -> Response:
    headers = {"Cache-Control": keep} | ({"ETag": tag} if tag else {})
    return Response(data, media_type=kind, headers=headers)
