"""The addresses of a witness: `add-checkpoint`, and for monitors the last checkpoint of each log that it signed."""

from __future__ import annotations

import asyncio

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from harness.errors import ReproError, TooMany, Unavailable, one_line, statuses
from harness.service import bodies
from harness.service.bodies import Held
from harness.service.witness.state import Witness
from harness.tlog.witness import OtherSize

BODY_LIMIT = 256 << 10  # bytes: 63 hashes, and a note with signatures of a dozen witnesses
_SIZE_TYPE = "text/x.tlog.size"


def app_of(witness: Witness) -> Starlette:
    """The application."""
    held = Held()

    async def add_checkpoint(request: Request) -> Response:
        try:
            body = await bodies.read(request, held, BODY_LIMIT)
        except ReproError as error:
            return _refused(error)
        try:
            return _text((await asyncio.to_thread(witness.cosign, body)).decode(), 200)
        except OtherSize as error:
            return Response(f"{error.size}\n", 409, {"Content-Type": _SIZE_TYPE})  # to the letter, without a charset
        except ReproError as error:
            return _refused(error)
        finally:
            held.bytes -= len(body)

    async def newest(request: Request) -> Response:
        found = witness.newest(request.path_params["digest"])
        return _text("nothing of such a log was signed here\n", 404) if found is None else _text(found.decode(), 200)

    async def about(_request: Request) -> Response:
        logs = "".join(f"{one.origin} {one.size}\n" for one in witness.logs.values())
        return _text(f"{witness.vkey}\n{logs}", 200)

    routes = [
        Route("/add-checkpoint", add_checkpoint, methods=["POST"]),
        Route("/{digest}/checkpoint", newest, methods=["GET"]),
        Route("/", about, methods=["GET"]),
    ]
    return Starlette(routes=routes)


def _refused(error: ReproError) -> Response:
    status = statuses(type(error)).http_status
    made = _text(f"{one_line(error.what)}\n", status if status < 500 or isinstance(error, Unavailable) else 500)
    if isinstance(error, TooMany | Unavailable):
        made.headers["Retry-After"] = str(error.wait_s)
    return made


def _text(text: str, status: int) -> Response:
    return PlainTextResponse(text, status, {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"})
