"""The API's description, OpenAPI 3.1: every refusal is a problem document, and nothing else."""

from __future__ import annotations

import json
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from harness.service import problems, wire

WORDS = {
    400: "malformed, or against a rule",
    401: "not signed by anybody whom the registry knows",
    403: "signed by somebody who may not",
    404: "names something that is not there",
    409: "does not go with what is there",
    413: "larger than 8 MiB",
    415: "of another media type",
    422: "a record or signature that does not hold",
    429: "over a limit; Retry-After says for how long",
    503: "not now; Retry-After says for how long",
}
_ANY = (400, 429, 503)
_MORE = {"signed": (401, 403, 404), "post": (403, 404, 409, 413, 415, 422), "get": (404,)}


def described(app: FastAPI) -> dict[str, Any]:
    """The document."""
    made = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
    schemas = made["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["Problem"] = wire.Problem.model_json_schema(mode="serialization")
    for methods in made["paths"].values():
        for method, one in methods.items():
            good = {status: answer for status, answer in one["responses"].items() if int(status) < 400}
            more = _MORE["signed" if "signed" in one["summary"] else method]
            refusals = {str(status): _refusal(status) for status in sorted({*_ANY, *more})}
            one["responses"] = good | refusals
    return made


def text(app: FastAPI) -> str:
    """As docs/schema/ has it."""
    return json.dumps(described(app), indent=1, ensure_ascii=False) + "\n"


def _refusal(status: int) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": WORDS[status], "content": {problems.MEDIA_TYPE: {"schema": schema}}}
