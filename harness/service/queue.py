"""The queue, each record of it, and what is beside a row, for editors alone: what their commands ask over a URL."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from dataclasses import asdict
from typing import Any

from fastapi import FastAPI, Request

from harness.registry.actions.acts import utc
from harness.registry.queries import desk, evidence
from harness.service.asking import asker
from harness.service.core import Service


def add(app: FastAPI, service: Service) -> None:
    """The addresses."""

    @app.get("/v1/queue", summary="Records that wait, in short, and which of them a list examines (signed, an editor)")
    async def queue(request: Request, examine_all: bool = False) -> dict[str, Any]:
        await _editor(service, request)
        return asdict(await service.ask(lambda reader: desk.brief(reader, examine_all=examine_all)))

    @app.get("/v1/queue/{record}", summary="One record, examined, with its fact in the log (signed, an editor)")
    async def one(request: Request, record: str, examine: bool = True) -> dict[str, Any]:
        await _editor(service, request)
        subject, fact = await service.ask(desk.subject_and_fact, record)
        told: dict[str, Any] = {"subject": asdict(subject), "fact": fact}
        if examine:
            told["examined"] = asdict(await asyncio.to_thread(desk.examined, service.registry, subject.id))
        return told

    @app.get("/v1/queue/{record}/bodies", summary="Its envelope and samples, base64 (signed, an editor)")
    async def bodies(request: Request, record: str) -> dict[str, str]:
        await _editor(service, request)
        data, samples = await service.ask(desk.bodies, record)
        return {"record": b64encode(data).decode(), "samples": b64encode(samples).decode()}

    @app.get("/v1/evidence", summary="Other tools' numbers beside a row, removed ones with them (signed, an editor)")
    async def beside(request: Request, row: str) -> dict[str, Any]:
        await _editor(service, request)
        return {"evidence": [asdict(one) for one in await service.ask(evidence.beside, row)]}


async def _editor(service: Service, request: Request) -> None:
    """Raises `Unsigned`, `NotAllowed`."""
    who = await asker(service, request)
    await service.ask(lambda reader: desk.for_editors(reader, who.handle, editor=who.editor, today=utc()[:10]))
