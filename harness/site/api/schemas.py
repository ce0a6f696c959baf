"""JSON Schemas (draft 2020-12) of what a site publishes: its API, records, events, and the lines of its tables."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from harness.record.columns import DRAFT, line_schema
from harness.record.frame_columns import RESULTS
from harness.record.schema import PREDICATE_TYPE, Record
from harness.registry.queries.columns import PUBLIC_RECORDS
from harness.site.api.columns import ROWS
from harness.site.api.models import DOCUMENTS, PREFIX
from harness.tlog import event_schema


def of_type(kind: Any, identity: str, *, told: bool = True) -> dict[str, Any]:
    """Of a dataclass of ours. All fields are there; a reader ignores those that it does not know. Not `told`: without what
    docstrings say of the objects, where those are inner ones.
    """
    return {"$schema": DRAFT, "$id": identity, **_plain(TypeAdapter(kind).json_schema(mode="serialization"), told)}


def _plain(schema: dict[str, Any], docstrings: bool) -> dict[str, Any]:
    """Without what pydantic adds: titles that repeat the names, and what an enumeration's docstring says to programmers."""
    told = {name: value for name, value in schema.items() if name != "title"}
    if "enum" in told or ("properties" in told and not docstrings):
        told.pop("description", None)
    for name in ("properties", "$defs"):
        if name in told:
            told[name] = {key: _plain(value, docstrings) for key, value in told[name].items()}
    for name in ("anyOf", "prefixItems"):
        if name in told:
            told[name] = [_plain(value, docstrings) for value in told[name]]
    if "items" in told:
        told["items"] = _plain(told["items"], docstrings)
    return told


def record() -> dict[str, Any]:
    """Of the predicate of a record's signed statement."""
    return {"$schema": DRAFT, "$id": PREDICATE_TYPE} | Record.model_json_schema()


@cache
def documents() -> dict[str, dict[str, Any]]:
    """By name: the API's documents, `record`, `event-KIND`, `download-rows`, `download-records`, `csv-results`."""
    tables = {
        "download-rows": ("one line of rows.parquet, and of the table rows of registry.sqlite", ROWS),
        "download-records": ("one line of records.parquet, and of the table records", tuple(PUBLIC_RECORDS.values())),
        "csv-results": ("one line of results.csv", RESULTS),
    }
    return {
        **{name: of_type(kind, f"{PREFIX}{name}") for name, kind in DOCUMENTS.items()},
        "record": record(),
        **{f"event-{kind}": one for kind, one in event_schema.schemas().items()},
        **{name: line_schema(name, title, columns) for name, (title, columns) in tables.items()},
    }


def text(document: dict[str, Any]) -> str:
    """As it is published."""
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def published() -> dict[str, bytes]:
    """By name, as bytes."""
    return {name: text(one).encode() for name, one in documents().items()}
