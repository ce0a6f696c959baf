"""The site's data for programs: JSON with a schema each, a list for the search script, and whole tables to download."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cache
from typing import Any, Literal

from sqlalchemy import select

from harness.hub import tables
from harness.hub.reader import Reader
from harness.site.lists import FACETS
from harness.site.render import page
from harness.site.values import Benchmark, File, Site, Summary

RECORD_COLUMNS = (
    "id", "row", "idx", "operator", "rig", "model", "model_name", "quantisation", "engine", "workload", "sku", "generation",
    "os_family", "runtime_series", "measured", "medians", "missing", "failed", "versions", "samples_sha256",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ApiReproduction:
    """One record against the row's; `record`, `operator` and the hardware are empty before review."""

    record: str
    operator: str
    ring: str
    hardware: tuple[str, ...]  # device, generation, system, runtime series
    verdict: str
    ratio: float | None
    low: float | None
    high: float | None
    not_counted: str


@dataclass(frozen=True, slots=True)
class ApiStep:
    """A rule of the derivation, in order, or a factor (then without a tier)."""

    rule: str
    tier: str
    text: str
    records: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ApiRow:
    """A row: what the list says of it, its derivation and its reproductions."""

    schema: Literal["urn:repro-harness:api:v1:row"]
    policy: str
    policy_sha256: str
    summary: Summary
    factors: tuple[ApiStep, ...]
    derived_from: tuple[ApiStep, ...]
    reproductions: tuple[ApiReproduction, ...]
    command: str
    record: str  # addresses, from the site's root
    samples: str
    page: str


@dataclass(frozen=True, slots=True)
class ApiRows:
    """Every row."""

    schema: Literal["urn:repro-harness:api:v1:rows"]
    hub: str
    policy: str
    policy_sha256: str
    rows: tuple[Summary, ...]


def row_json(site: Site, one: Benchmark) -> bytes:
    """`api/v1/rows/ID.json`."""
    summary = one.summary
    return encoded(
        ApiRow(
            "urn:repro-harness:api:v1:row",
            site.policy_name,
            site.policy_sha256,
            summary,
            tuple(ApiStep(f.name, "", f.text, f.records) for f in one.score.factors),
            tuple(ApiStep(s.rule, str(s.tier), s.text, s.records) for s in one.score.derived_from),
            tuple(
                ApiReproduction(
                    r.record, r.operator, str(r.ring), _hardware(r.record, r.measurement.hardware), str(r.mark),
                    r.ratio, r.low, r.high, r.why_not,
                )
                for r in one.reproductions
            ),
            one.record.run.command,
            f"records/{summary.row}.json",
            f"records/{summary.row}.parquet",
            f"rows/{summary.short}/index.html",
        )
    )  # fmt: skip


def _hardware(public: str, hardware: Any) -> tuple[str, ...]:
    return tuple(getattr(hardware, f.name) for f in fields(hardware)) if public else ()


def files(reader: Reader, site: Site, rows: Sequence[Summary]) -> Iterator[File]:
    """Everything of the whole hub: lists, schemas, tables, and the page that explains them."""
    ordered = tuple(sorted(rows, key=lambda s: s.row))
    listed = ApiRows("urn:repro-harness:api:v1:rows", site.origin, site.policy_name, site.policy_sha256, ordered)
    yield "api/v1/rows.json", encoded(listed)
    yield "assets/rows.js", _script(ordered)
    for name, schema in schemas().items():
        yield f"api/v1/schema/{name}.json", schema
    records = _records(reader, {s.row for s in ordered})
    yield (
        "downloads/rows.parquet",
        _parquet([{**asdict(s), "members": ", ".join(s.members)} for s in ordered], _names(Summary)),
    )
    yield "downloads/records.parquet", _parquet(records, RECORD_COLUMNS)
    yield "downloads/hub.sqlite", _sqlite(ordered, records)
    yield "api/index.html", page("api.html", "api/index.html", site, rows=len(ordered), records=len(records))
    yield "llms.txt", page("llms.txt", "llms.txt", site, rows=ordered[:200], total=len(ordered))
    yield "robots.txt", f"User-agent: *\nAllow: /\nSitemap: {site.base_url}sitemap.xml\n".encode()


def encoded(value: Any) -> bytes:
    """A dataclass as JSON, the same bytes for the same values."""
    return (json.dumps(asdict(value), indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


@cache
def schemas() -> dict[str, bytes]:
    """JSON Schemas of what stands under `api/v1/`, and of a record."""
    from pydantic import TypeAdapter

    from harness.record.schema import Record

    made: dict[str, TypeAdapter[Any]] = {
        "row": TypeAdapter(ApiRow),
        "rows": TypeAdapter(ApiRows),
        "record": TypeAdapter(Record),
    }
    return {
        name: (json.dumps(one.json_schema(), indent=1, sort_keys=True) + "\n").encode() for name, one in made.items()
    }


def _script(rows: Sequence[Summary]) -> bytes:
    """What the search looks through: a script and not JSON, so that it loads from a file as well as from a server."""
    listed = [
        [s.short, s.model, s.quantisation, s.device, s.runtime, s.tier, s.contested, s.rate, s.low, s.high, s.inside,
         s.outside, s.pending, s.suite, s.workload, s.processes, s.log_mean, s.log_variance, s.fixed_number, s.os]
        for s in rows
    ]  # fmt: skip
    text = json.dumps({"facets": [f.folder for f in FACETS], "rows": listed}, ensure_ascii=True, separators=(",", ":"))
    return f"window.REPRO_ROWS={text};\n".replace("</", "<\\/").encode()


def _records(reader: Reader, public: set[str]) -> list[dict[str, Any]]:
    columns = tables.records.c
    wanted = (
        select(*(columns[name] for name in RECORD_COLUMNS)).where(columns.status == "accepted").order_by(columns.idx)
    )
    found = (dict(zip(RECORD_COLUMNS, one, strict=True)) for one in reader.connection.execute(wanted))
    return [one for one in found if one["row"] in public]


def _names(kind: type[Summary]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


def _parquet(rows: Sequence[dict[str, Any]], names: Sequence[str]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    columns = {name: [row[name] for row in rows] for name in names}
    pq.write_table(pa.table(columns), sink, compression="zstd")
    return bytes(sink.getvalue())


def _sqlite(rows: Sequence[Summary], records: Sequence[dict[str, Any]]) -> bytes:
    """Two tables, `rows` and `records`."""
    database = sqlite3.connect(":memory:")
    try:
        listed = [tuple(", ".join(v) if isinstance(v, tuple) else v for v in asdict(s).values()) for s in rows]
        for table, names, values in (
            ("rows", _names(Summary), listed),
            ("records", RECORD_COLUMNS, [tuple(one.values()) for one in records]),
        ):
            database.execute(f"CREATE TABLE {table} ({', '.join(chr(34) + name + chr(34) for name in names)})")
            marks = ", ".join("?" * len(names))
            database.executemany(f"INSERT INTO {table} VALUES ({marks})", values)  # noqa: S608 - names of ours
        database.commit()
        return database.serialize()
    finally:
        database.close()
