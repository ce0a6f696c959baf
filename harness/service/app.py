"""The addresses of a service. Each asks, acts or refuses in one line; what they have in common is in `core`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from http import HTTPMethod
from typing import Any
from urllib.parse import parse_qsl

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from harness import __version__
from harness.errors import BadInput, NotFound, ReproError, Unavailable
from harness.registry.actions.incoming import Answer, Brought, Opened
from harness.registry.queries import told
from harness.service import bodies, leases, problems, public, queue, reads, wire
from harness.service.console import routes
from harness.service.core import Service
from harness.service.description import described
from harness.service.pages import Pages

_LOGGED = ("/v1/", "/console")
_OF_NOW = ("/healthz", "/readyz", "/metrics")
_METHODS = frozenset(HTTPMethod)
# FastAPI's own tells addresses, errors and their words to whatever provider the environment names: ours is `telemetry`.
_NO_TELEMETRY: Any = dict.fromkeys(("tracing", "metrics", "logs", "operation_spans", "auto_configure"), False)
_PART = {"type": "string", "format": "binary"}
_TEXT = {"type": "string", "contentEncoding": "base64"}
_ABOUT = {
    "event": "the signed event's envelope (DSSE)",
    "record": "of a submission: the record's envelope (DSSE)",
    "samples": "of a submission: its samples (Parquet)",
    "device_note": "the device note that the record names, for the registry alone",
}


def _body(kind: dict[str, str]) -> dict[str, Any]:
    parts = {name: {**kind, "description": text} for name, text in _ABOUT.items()}
    return {"schema": {"type": "object", "properties": parts, "required": ["event"], "additionalProperties": False}}


_REQUEST = {
    "requestBody": {
        "required": True,
        "content": {"multipart/form-data": _body(_PART), "application/json": _body(_TEXT)},
    }
}


def app_of(service: Service) -> FastAPI:
    """The application. It starts and stops the service."""

    @asynccontextmanager
    async def life(_app: FastAPI) -> AsyncIterator[None]:
        service.start()
        yield
        await asyncio.to_thread(service.stop)

    app = FastAPI(
        title="repro-harness registry",
        version="1",
        summary="Signed events go to an append-only log; receipts come back.",
        openapi_url="/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=life,
        telemetry=_NO_TELEMETRY,
    )
    app.openapi = lambda: described(app)  # type: ignore[method-assign]
    app.add_exception_handler(ReproError, partial(_refusal, service))
    app.add_exception_handler(HTTPException, problems.of_http_error)
    app.add_exception_handler(RequestValidationError, problems.of_invalid)
    app.add_exception_handler(Exception, problems.of_anything)
    app.add_middleware(_Counted, service=service)
    _events(app, service)
    reads.add(app, service)
    queue.add(app, service)
    leases.add(app, service)
    public.add(app, service)
    _health(app, service)
    routes.add(app, service)
    if service.settings.site is not None:
        # No route: that would answer other methods of the API's addresses.
        app.router.default = Pages(service.settings.site)
    return app


async def _refusal(service: Service, _request: Request, error: Exception) -> Response:
    found = error if isinstance(error, ReproError) else BadInput(str(error))
    service.failed(found)
    return problems.problem(found)


class _Counted:
    """Counts answers, and says of each that it is what its type says."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app, self._service = app, service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)

        began, asked = time.monotonic(), _as_get(scope)

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(asked.get("route"), "path", "other")
                self._service.metrics.requests.labels(route, message["status"]).inc()
                method = scope["method"] if scope["method"] in _METHODS else "other"  # else a request could name one
                self._told(method, route, message["status"], time.monotonic() - began)
                headers = MutableHeaders(scope=message)
                headers["X-Content-Type-Options"] = "nosniff"
                # What is of now, or not there yet, a cache must not keep.
                if route.startswith("/v1/") or route in _OF_NOW or message["status"] >= 400:
                    headers.setdefault("Cache-Control", "no-store")
            await send(message)

        refused = _refused(scope)
        return await (refused or self._app)(asked, receive, counted)

    def _told(self, method: str, route: str, status: int, duration_s: float) -> None:
        if route.startswith(_LOGGED) or status == 500:  # plain files are a proxy's business
            self._service.log("answered", method=method, route=route, status=status, duration_s=duration_s)


def _as_get(scope: Scope) -> Scope:
    """HEAD of what the API tells by GET is answered as that; the server leaves the body out. Nothing of the console is."""
    if scope["method"] != "HEAD" or scope["path"].startswith("/console"):
        return scope
    found = {**scope, "method": "GET"}
    routes = (one for one in scope["app"].routes if isinstance(one, APIRoute))
    return found if any(one.matches(found)[0] is Match.FULL for one in routes) else scope


def _refused(scope: Scope) -> Response | None:
    """The answer to an address that holds a NUL (no text of a database may, and PostgreSQL refuses to be asked for one), or that
    says one thing twice: whoever stands before the service may have read the other one.
    """
    if "\0" in scope["path"]:
        return problems.problem(NotFound("there is nothing at this address", where="path", fix="see: /v1/openapi.json"))
    if b"%00" in scope["query_string"]:
        return problems.problem(BadInput("must not hold a NUL", where="query", fix="see: /v1/openapi.json"))
    names = [name for name, _ in parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)]
    if len(set(names)) != len(names) and scope["path"].startswith("/v1/"):
        what = BadInput("names something twice", where="query", fix="send each name once")
        return problems.problem(what)
    return None


def _events(app: FastAPI, service: Service) -> None:
    @app.post(
        "/v1/events",
        summary="Bring a signed event, with the record that it submits",
        status_code=201,
        response_model=wire.AnswerOut,
        responses={
            200: {"model": wire.AnswerOut | wire.Trial, "description": "there already, or a trial"},
        },
        openapi_extra=_REQUEST,
    )
    async def events(request: Request, dry_run: bool = False, place: bool = False) -> Response:
        return await _bring(service, request, dry_run=dry_run, place=place)

    @app.post(
        "/v1/reports",
        summary="Bring a signed report of a row, or its withdrawal: as /v1/events, for these alone",
        status_code=201,
        response_model=wire.AnswerOut,
        responses={200: {"model": wire.AnswerOut | wire.Trial, "description": "there already, or a trial"}},
        openapi_extra=_REQUEST,
    )
    async def reports(request: Request, dry_run: bool = False) -> Response:
        return await _bring(service, request, dry_run=dry_run, kinds=("row-reported", "report-withdrawn"))


async def _bring(
    service: Service, request: Request, *, dry_run: bool, place: bool = False, kinds: tuple[str, ...] = ()
) -> Response:
    address = request.client.host if request.client else ""
    service.may_ask(address)
    body = await bodies.read(request, service.held)
    try:
        return await _brought(service, request, body, address, dry_run=dry_run, place=place, kinds=kinds)
    finally:
        service.held.bytes -= len(body)


async def _brought(
    service: Service, request: Request, body: bytes, address: str, *, dry_run: bool, place: bool, kinds: tuple[str, ...]
) -> Response:
    """Signature first, then what is there already, then limits, then the record, then the log."""
    try:
        found = await service.opened(bodies.parcel(request.headers.get("content-type", ""), body))
    except BadInput:
        await service.spend_address(address)  # nobody's request: its address pays for it
        raise
    if kinds and found.event.kind not in kinds:
        await service.spend_address(address)
        raise BadInput(f"{found.event.kind} belongs to /v1/events", where="event", fix="send it there")
    known = await service.again(found)
    if known is not None:
        await service.spend_address(address)
        return _trial(None, None) if dry_run else _answer(service, known, found, None, 200)
    await service.spend(found, address)
    checked = await service.checked(found)
    if dry_run:
        return _trial(await service.tried(checked), await _place(service, checked))
    answer = await service.take(checked)
    where = await _place(service, checked) if place else None
    return _answer(service, answer, found, where, 201 if answer.new else 200)


async def _place(service: Service, one: Brought) -> dict[str, Any] | None:
    if one.item.submission is None:
        return None
    row = str(one.event.detail["row"]) or one.event.subject
    day = datetime.now(UTC).date()
    return await asyncio.to_thread(told.place, service.registry, row, one.item.submission, day)


def _answer(service: Service, found: Answer, opened: Opened, place: dict[str, Any] | None, status: int) -> Response:
    made = wire.answer(found, opened.event, place, service.settings.pages)
    where = made.row_page or f"/v1/entries/{made.receipt.entry}"
    return JSONResponse(made.model_dump(mode="json"), status, {"Location": where})


def _trial(entry: int | None, place: dict[str, Any] | None) -> Response:
    made = wire.Trial(entry=entry, new=entry is not None, place=None if place is None else wire.Place(**place))
    return JSONResponse(made.model_dump(mode="json"))


def _health(app: FastAPI, service: Service) -> None:
    @app.get("/healthz", summary="Whether the process answers")
    async def healthz() -> dict[str, str]:
        return {"status": "ok", "version": __version__}

    @app.get("/readyz", summary="Whether it can take events")
    async def readyz() -> dict[str, Any]:
        ready = await service.ask(told.ready) | ({"status": "refusing"} if service.refused else {})
        return {**ready, "refused": service.refused, "waiting": service.waiting, "site": await service.site_told()}

    @app.get("/metrics", summary="Counts, for Prometheus", response_class=Response)
    async def metrics() -> Response:
        service.metrics.waiting.set(service.waiting)
        service.metrics.refusing.set(bool(service.refused))
        try:
            service.metrics.ready(await service.ask(told.ready), await service.site_told())
        except Unavailable as error:  # what this process has counted is told all the same
            service.failed(error)
            service.metrics.ready(None, None)
        return Response(service.metrics.text(), media_type="text/plain; version=0.0.4")
