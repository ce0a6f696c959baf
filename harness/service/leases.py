"""Requests as jobs for machines: what there is, who has taken which, until when. Each call is signed by an operator's key.

No event comes of it: a lease is forgotten, the record that answers the request is what stays.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

from fastapi import FastAPI, Request

from harness.registry.actions import leases
from harness.registry.actions.leases import Held
from harness.registry.queries import leases as jobs
from harness.registry.queries import told
from harness.registry.queries.told import Asker
from harness.service import bodies, wire
from harness.service.asking import asker
from harness.service.core import Service

SMALL = 1024  # bytes: these calls have no body
T = TypeVar("T")


def add(app: FastAPI, service: Service) -> None:
    """The addresses."""

    @app.get("/v1/jobs", summary="Accepted requests that the asker's machines may measure now (signed)")
    async def offered(request: Request) -> wire.JobsOut:
        who = await _operator(service, request)
        found = await service.ask(jobs.offered, who.handle, int(datetime.now(UTC).timestamp()))
        return wire.JobsOut(jobs=[wire.job(one) for one in found])

    @app.post("/v1/jobs/{request_id}/lease", summary="Take a request to measure it (signed)", status_code=201)
    async def take(request: Request, request_id: str, lease: str, for_s: int = leases.SHORTEST_S) -> wire.TakenOut:
        who = await _operator(service, request)
        held = await _done(leases.take, service.registry, who.handle, request_id, lease, for_s)
        job = await service.ask(jobs.job, held.request)
        return wire.TakenOut(**_lease(held).model_dump(), job=wire.job(job))

    @app.post("/v1/leases/{lease}/heartbeat", summary="Hold a request for longer (signed)")
    async def heartbeat(request: Request, lease: str, for_s: int = leases.SHORTEST_S) -> wire.LeaseOut:
        who = await _operator(service, request)
        return _lease(await _done(leases.renew, service.registry, who.handle, lease, for_s))

    @app.post("/v1/leases/{lease}/release", summary="Give a request back (signed)")
    async def release(request: Request, lease: str) -> wire.LeaseOut:
        who = await _operator(service, request)
        return _lease(await _done(leases.release, service.registry, who.handle, lease))

    @app.post("/v1/leases/{lease}/finish", summary="Say which record answers the request (signed)")
    async def finish(request: Request, lease: str, record: str) -> wire.LeaseOut:
        who = await _operator(service, request)
        return _lease(await _done(leases.finish, service.registry, who.handle, lease, record))


async def _operator(service: Service, request: Request) -> Asker:
    """Raises `Unsigned`, `NotAllowed` for an editor who is no operator, `TooMany`."""
    body = await bodies.read(request, service.held, SMALL) if request.method == "POST" else b""
    service.held.bytes -= len(body)
    who = await asker(service, request, body)
    await service.ask(told.joined, who)
    await service.spend_lease(who.key)
    return who


async def _done(act: Callable[..., T], *arguments: object) -> T:
    return await asyncio.to_thread(act, *arguments)


def _lease(held: Held) -> wire.LeaseOut:
    until = datetime.fromtimestamp(held.until_s, UTC).isoformat().replace("+00:00", "Z") if held.until_s else None
    return wire.LeaseOut(lease=held.lease, request=held.request, until=until)
