"""The site's data for programs: JSON with a schema each, and a list for the search script."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness.record.outcome import Reason, Stage
from harness.registry.queries.failures import Told
from harness.site import addresses
from harness.site.api import models, schemas
from harness.site.api.listed import SEARCHED, listed, plain, searched
from harness.site.data import lines
from harness.site.data.values import Benchmark, File, Reproduction, Site, Summary
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


def row_json(site: Site, one: Benchmark, command: str) -> bytes:
    """`api/v1/rows/ID.json`."""
    summary = one.summary
    return encoded(
        models.Row(
            schema="urn:repro-harness:api:v1:row",
            registry=site.origin,
            policy=site.policy_name,
            policy_sha256=site.policy_sha256,
            summary=listed(summary),
            factors=tuple(models.Factor(f.name, f.text, f.records) for f in one.score.factors),
            derived_from=tuple(models.Step(s.rule, s.tier, s.text, s.records) for s in one.score.derived_from),
            reproductions=tuple(map(_reproduction, one.reproductions)),
            command=command or None,
            record_path=f"records/{summary.row}.json",
            samples_path=f"records/{summary.row}.parquet",
            page_path=f"rows/{summary.short}/index.html",
            does_not_run=tuple(failed_run(told, [summary.row]) for told in one.failures),
        )
    )


def failed_run(told: Told, rows: Sequence[str]) -> models.FailedRun:
    """As it is published; `rows`: at which it is shown."""
    one = told.failure
    return models.FailedRun(
        record=told.record,
        operator=told.operator,
        model_name=one.model_name or None,
        weights_sha256=one.model,
        quantisation=one.quantisation,
        engine=one.engine,
        engine_version=one.version,
        device=one.device,
        memory=one.memory,
        settings=one.settings,
        reason=Reason(one.reason),
        stage=Stage(one.stage),
        error=one.error,
        measured_on=one.measured,
        rows=tuple(rows),
        record_path=addresses.failure(told.record),
    )


def _reproduction(one: Reproduction) -> models.Reproduction:
    hardware = one.measurement.hardware
    return models.Reproduction(
        record=one.record or None,
        operator=one.operator or None,
        ring=one.ring,
        hardware=models.Hardware(hardware.sku, hardware.generation, hardware.os_family, hardware.runtime_series)
        if one.record
        else None,
        verdict=one.mark,
        ratio=one.ratio,
        ratio_low=one.low,
        ratio_high=one.high,
        not_counted_because=one.why_not or None,
    )


def files(site: Site, rows: Sequence[Summary], records: int) -> Iterator[File]:
    """Pages for programs and their authors; `rows` in the order of their ids."""
    yield "api/index.html", page(
        "api.html", "api/index.html", site, rows=len(rows), records=records,
        check=CHECK.format(record=rows[0].row if rows else "ID", base=site.base_url),
    )  # fmt: skip
    yield "llms.txt", page("llms.txt", "llms.txt", site, rows=rows[:200], total=len(rows))


def fixed(site: Site) -> Iterator[File]:
    """What only another program would change: the schemas, and a word to robots."""
    for name, schema in schemas.published().items():
        yield f"api/v1/schema/{name}.json", schema
    yield "robots.txt", f"User-agent: *\nAllow: /\nSitemap: {site.base_url}sitemap.xml\n".encode()


def listings(
    site: Site, ids: Iterable[str], made: Sequence[Summary], last: Path | None, before: Sequence[str]
) -> Iterator[File]:
    """`models.Rows`, and what the search looks through: a row a line, in the order of their `ids`.

    `made`: all of them, or where there was a `last` build, of the rows `before`, in that folder, those that this one made again.
    The latter is a script and not JSON, so that it loads from a file as well as from a server; it names its columns once.
    """
    own = {"schema": "urn:repro-harness:api:v1:rows", "registry": site.origin, "policy": site.policy_name}
    head = json.dumps({**own, "policy_sha256": site.policy_sha256}, ensure_ascii=False)[:-1] + ', "rows": ['
    rows = list(ids)
    text = lines.joined(head, rows, {one.row: _line(one) for one in made}, _kept(last, ROWS, before), "]}")
    yield ROWS, text.encode()
    names = {"facets": [facet.folder for facet in FACETS], "columns": SEARCHED}
    head = f'window.REPRO_ROWS={json.dumps(names, separators=(",", ":"))[:-1]},"rows":['
    text = lines.joined(head, rows, {one.row: _searched(one) for one in made}, _kept(last, SCRIPT, before), "]};")
    yield SCRIPT, text.encode()


def _kept(last: Path | None, path: str, before: Sequence[str]) -> dict[str, str]:
    return {} if last is None else lines.of((last / path).read_bytes().decode(), before)


def _line(one: Summary) -> str:
    return json.dumps(plain(one), sort_keys=True, ensure_ascii=False)


def encoded(value: Any) -> bytes:
    """A dataclass as JSON, the same bytes for the same values."""
    return (json.dumps(asdict(value), indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def _searched(one: Summary) -> str:
    return json.dumps(searched(one), ensure_ascii=True, separators=(",", ":")).replace("</", "<\\/")
