"""The site's data for programs: JSON with a schema each, and a list for the search script."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any, Literal

from harness.site.data import lines
from harness.site.data.values import Benchmark, File, Site, Summary, plain
from harness.site.pages.lists import FACETS
from harness.site.pages.render import page

ROWS, SCRIPT = "api/v1/rows.json", "assets/rows.js"
CHECK = """\
from urllib.request import urlopen
from harness.registry.intake.ingest import recomputed

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
    registry: str
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


def files(site: Site, rows: Sequence[Summary], records: int) -> Iterator[File]:
    """Pages for programs and their authors; `rows` in the order of their ids."""
    yield "api/index.html", page(
        "api.html", "api/index.html", site, rows=len(rows), records=records,
        check=CHECK.format(record=rows[0].row if rows else "ID", base=site.base_url),
    )  # fmt: skip
    yield "llms.txt", page("llms.txt", "llms.txt", site, rows=rows[:200], total=len(rows))


def fixed(site: Site) -> Iterator[File]:
    """What only another program would change: the schemas, and a word to robots."""
    for name, schema in schemas().items():
        yield f"api/v1/schema/{name}.json", schema
    yield "robots.txt", f"User-agent: *\nAllow: /\nSitemap: {site.base_url}sitemap.xml\n".encode()


def listings(
    site: Site, ids: Iterable[str], made: Sequence[Summary], last: Path | None, before: Sequence[str]
) -> Iterator[File]:
    """`ApiRows`, and what the search looks through: a row a line, in the order of their `ids`.

    `made`: all of them, or where there was a `last` build, of the rows `before`, in that folder, those that this one made again.
    The latter is a script and not JSON, so that it loads from a file as well as from a server.
    """
    own = {"schema": "urn:repro-harness:api:v1:rows", "registry": site.origin, "policy": site.policy_name}
    head = json.dumps({**own, "policy_sha256": site.policy_sha256}, ensure_ascii=False)[:-1] + ', "rows": ['
    rows = list(ids)
    text = lines.joined(head, rows, {one.row: _line(one) for one in made}, _kept(last, ROWS, before), "]}")
    yield ROWS, text.encode()
    facets = json.dumps([facet.folder for facet in FACETS], separators=(",", ":"))
    head = f'window.REPRO_ROWS={{"facets":{facets},"rows":['
    text = lines.joined(head, rows, {one.row: _searched(one) for one in made}, _kept(last, SCRIPT, before), "]};")
    yield SCRIPT, text.encode()


def _kept(last: Path | None, path: str, before: Sequence[str]) -> dict[str, str]:
    return {} if last is None else lines.of((last / path).read_bytes().decode(), before)


def _line(one: Summary) -> str:
    return json.dumps(plain(one), sort_keys=True, ensure_ascii=False)


def encoded(value: Any) -> bytes:
    """A dataclass as JSON, the same bytes for the same values."""
    return (json.dumps(asdict(value), indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


@cache
def schemas() -> dict[str, bytes]:
    """JSON Schemas of what stands under `api/v1/`, and of a record."""
    from pydantic import TypeAdapter

    from harness.record.schema import Record
    from harness.site.pages import regressions, requests

    made: dict[str, TypeAdapter[Any]] = {
        "row": TypeAdapter(ApiRow),
        "rows": TypeAdapter(ApiRows),
        "record": TypeAdapter(Record),
    }
    found = {name: one.json_schema() for name, one in made.items()}
    found |= {"regressions": regressions.SCHEMA, "requests": requests.SCHEMA}
    return {name: (json.dumps(one, indent=1, sort_keys=True) + "\n").encode() for name, one in found.items()}


def _searched(s: Summary) -> str:
    fields = [
        s.short, s.model, s.quantisation, s.device, s.runtime, s.tier, s.contested, s.rate, s.low, s.high, s.inside, s.outside,
        s.pending, s.suite, s.workload, s.processes, s.log_mean, s.log_variance, s.fixed_number, s.os,
    ]  # fmt: skip
    return json.dumps(fields, ensure_ascii=True, separators=(",", ":")).replace("</", "<\\/")
