"""The site's data for programs: JSON with a schema each, and a list for the search script."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cache
from typing import Any, Literal

from harness.site.lists import FACETS
from harness.site.render import page
from harness.site.values import Benchmark, File, Site, Summary, plain

CHECK = """\
from urllib.request import urlopen
from harness.hub.ingest import recomputed

record = "{record}"
envelope, samples = (urlopen(f"{base}records/{{record}}.{{end}}").read() for end in ("json", "parquet"))
print("holds:", recomputed(envelope, samples, record).id == record)
"""


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


def row_json(site: Site, one: Benchmark, command: str) -> bytes:
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
            command,
            f"records/{summary.row}.json",
            f"records/{summary.row}.parquet",
            f"rows/{summary.short}/index.html",
        )
    )  # fmt: skip


def _hardware(public: str, hardware: Any) -> tuple[str, ...]:
    return tuple(getattr(hardware, f.name) for f in fields(hardware)) if public else ()


def files(site: Site, rows: Sequence[Summary], records: int, *, whole: bool) -> Iterator[File]:
    """Lists of all rows, and the page that explains them; schemas, which only another program would change, if `whole`.

    `rows` in the order of their ids.
    """
    yield "api/v1/rows.json", _rows(site, rows)
    yield "assets/rows.js", _script(rows)
    if whole:
        for name, schema in schemas().items():
            yield f"api/v1/schema/{name}.json", schema
        yield "robots.txt", f"User-agent: *\nAllow: /\nSitemap: {site.base_url}sitemap.xml\n".encode()
    yield "api/index.html", page(
        "api.html", "api/index.html", site, rows=len(rows), records=records,
        check=CHECK.format(record=rows[0].row if rows else "ID", base=site.base_url),
    )  # fmt: skip
    yield "llms.txt", page("llms.txt", "llms.txt", site, rows=rows[:200], total=len(rows))


def _rows(site: Site, rows: Sequence[Summary]) -> bytes:
    """`ApiRows`, a row a line."""
    head = {"schema": "urn:repro-harness:api:v1:rows", "hub": site.origin, "policy": site.policy_name}
    lines = ",\n".join(json.dumps(plain(one), sort_keys=True, ensure_ascii=False) for one in rows)
    text = json.dumps({**head, "policy_sha256": site.policy_sha256}, ensure_ascii=False)
    return f'{text[:-1]}, "rows": [\n{lines}\n]}}\n'.encode()


def encoded(value: Any) -> bytes:
    """A dataclass as JSON, the same bytes for the same values."""
    return (json.dumps(asdict(value), indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


@cache
def schemas() -> dict[str, bytes]:
    """JSON Schemas of what stands under `api/v1/`, and of a record."""
    from pydantic import TypeAdapter

    from harness.record.schema import Record
    from harness.site import regressions, requests

    made: dict[str, TypeAdapter[Any]] = {
        "row": TypeAdapter(ApiRow),
        "rows": TypeAdapter(ApiRows),
        "record": TypeAdapter(Record),
    }
    found = {name: one.json_schema() for name, one in made.items()}
    found |= {"regressions": regressions.SCHEMA, "requests": requests.SCHEMA}
    return {name: (json.dumps(one, indent=1, sort_keys=True) + "\n").encode() for name, one in found.items()}


def _script(rows: Sequence[Summary]) -> bytes:
    """What the search looks through: a script and not JSON, so that it loads from a file as well as from a server."""
    listed = [
        [s.short, s.model, s.quantisation, s.device, s.runtime, s.tier, s.contested, s.rate, s.low, s.high, s.inside,
         s.outside, s.pending, s.suite, s.workload, s.processes, s.log_mean, s.log_variance, s.fixed_number, s.os]
        for s in rows
    ]  # fmt: skip
    text = json.dumps({"facets": [f.folder for f in FACETS], "rows": listed}, ensure_ascii=True, separators=(",", ":"))
    return f"window.REPRO_ROWS={text};\n".replace("</", "<\\/").encode()
