"""The API's description, OpenAPI 3.1: every refusal is a problem document, and nothing else."""

from __future__ import annotations

import json
import re
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
_LINKS = {  # what an answer names, and where more of it is told
    ("/v1/events", "post", "201"): {"entry": ("/v1/entries/{entry}", "entry", "$response.body#/receipt/entry")},
    ("/v1/challenges", "post", "201"): {
        "challenge": ("/v1/challenges/{challenge}", "challenge", "$response.body#/challenge")
    },
    ("/v1/operators/{handle}", "get", "200"): {
        "key": ("/v1/keys/{prefix}", "prefix", "$response.body#/key"),
        "limits": ("/v1/operators/{handle}/limits", "handle", "$response.body#/handle"),
        "joined": ("/v1/entries/{entry}", "entry", "$response.body#/joined"),
    },
    ("/v1/registry", "get", "200"): {"checkpoint": ("/checkpoints/{size}", "size", "$response.body#/signed")},
    ("/v1/home", "get", "200"): {"row": ("/v1/rows/{prefix}", "prefix", "$response.body#/row")},
}
# In the summary of a call that RFC 9421 signs; a signed event is something else.
_SIGNED = re.compile(r"\(signed|signed:")
_MORE = {
    "get": (404,),
    "post": (403, 404, 409, 413, 415, 422),
    "signed get": (401, 403, 404),
    "signed post": (401, 403, 404, 409, 413),
}


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
            more = _MORE[f"signed {method}" if _SIGNED.search(one["summary"]) else method]
            refusals = {str(status): _refusal(status) for status in sorted({*_ANY, *more})}
            one["responses"] = good | refusals
    for (path, method, status), links in _LINKS.items():
        made["paths"][path][method]["responses"][status]["links"] = {
            name: {"operationId": made["paths"][other]["get"]["operationId"], "parameters": {parameter: found}}
            for name, (other, parameter, found) in links.items()
        }
    return made


def text(app: FastAPI) -> str:
    """As docs/schema/ has it."""
    return json.dumps(described(app), indent=1, ensure_ascii=False) + "\n"


def _refusal(status: int) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": WORDS[status], "content": {problems.MEDIA_TYPE: {"schema": schema}}}
