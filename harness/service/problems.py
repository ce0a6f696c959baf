"""Errors as RFC 9457 problem documents, from the one table of `harness.errors`: code, field, remedy, never a bare status."""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from harness.errors import ReproError, TooMany, Unavailable, one_line, statuses

MEDIA_TYPE = "application/problem+json"
_TOLD = 300  # characters of a text: what was sent may stand in it


def code_of(error: ReproError) -> str:
    """`TooLarge` → `too-large`: what a program asks for."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", type(error).__name__).lower()


def problem(error: ReproError) -> Response:
    """The document of an error that a client can meet."""
    status = statuses(type(error)).http_status
    if status >= 500 and not isinstance(error, Unavailable):
        # The registry's own fault: what it is stands in its log, not in the answer.
        return document(status, code_of(error), "the registry can't answer this now", "", "tell its operator")
    headers = {"Retry-After": str(error.wait_s)} if isinstance(error, TooMany | Unavailable) else {}
    what = (
        "the registry is busy; what it did not acknowledge may be sent again"
        if isinstance(error, Unavailable)
        else error.what
    )
    where = "" if isinstance(error, Unavailable) else error.where
    fix = "send the same again" if isinstance(error, Unavailable) else error.fix
    return document(status, code_of(error), what, where, fix, headers)


def document(
    status: int, code: str, detail: str, field: str = "", remedy: str = "", headers: dict[str, str] | None = None
) -> Response:
    """The answer. Texts are one line each, and printable."""
    body: dict[str, Any] = {
        "type": f"urn:repro-harness:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": one_line(detail, _TOLD),
        "code": code,
        "field": one_line(field, _TOLD),
        "remedy": one_line(remedy, _TOLD),
    }
    return Response(json.dumps(body), status, headers, MEDIA_TYPE)


async def of_http_error(_request: Request, error: Exception) -> Response:
    """What the router refuses: no such address, another method."""
    status = error.status_code if isinstance(error, HTTPException) else 400
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
    code = {404: "not-found", 405: "method-not-allowed", 503: "unavailable"}.get(status, "bad-input")
    phrase = {
        404: "there is nothing at this address",
        405: "this address takes another method",
        503: "the site is being built",
    }
    detail = phrase.get(status, HTTPStatus(status).phrase)
    return document(status, code, detail, "path", "see: /v1/openapi.json", headers)


async def of_invalid(_request: Request, error: Exception) -> Response:
    """A parameter that is missing, or of another kind than the description says."""
    told: list[dict[str, Any]] = getattr(error, "errors", list)()
    first = told[0] if told else {}
    field = str((first.get("loc") or ("request",))[-1])
    return document(
        400, "bad-input", str(first.get("msg", "is not what the description says")), field, "see: /v1/openapi.json"
    )


async def of_anything(_request: Request, _error: Exception) -> Response:
    """Our own fault. Nothing of it is told."""
    return document(
        500, "failed", "the registry failed at this; nothing was acknowledged", "", "send the same again later"
    )
