"""The page of a row, with what stands beside it: diagram, badge, card, CSV and JSON. Pure: values in, files out."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from harness.cells import csv_text
from harness.forecast.values import Point
from harness.record import settings
from harness.record.frame_columns import RESULTS
from harness.record.samples import decode
from harness.record.schema import Record
from harness.site import addresses
from harness.site.api.json import row_json
from harness.site.data import forecasts
from harness.site.data.values import Benchmark, File, Reproduction, Site
from harness.site.draw import badge, charts, record_charts
from harness.site.draw.charts import Chart
from harness.site.draw.network import Network, Spoke, network
from harness.site.draw.png import png
from harness.site.draw.svg import alone
from harness.site.pages import record_parts
from harness.site.pages.pasted import pasted
from harness.site.pages.render import page
from harness.tiers.anchor import WORDS, anchor_of
from harness.verify.trials import trials_of


def files(site: Site, one: Benchmark) -> Iterator[File]:
    """Everything below `rows/`, the row's JSON, and its public records."""
    folder, again = f"rows/{one.summary.short}", pasted(one.record)
    diagram = network(_network(site, one), "net")
    stands = f"{site.base_url}{folder}/"
    path = f"{folder}/index.html"
    shown = {
        "one": one,
        "anchor": anchor_of(one.score.tier),
        "anchor_words": WORDS[anchor_of(one.score.tier)],
        "links": {
            "model": addresses.listed("models", one.summary.model),
            "device": addresses.listed("devices", one.summary.device),
        },
        "s": one.summary,
        "record": one.record,
        "diagram": diagram,
        "headline": next(r for r in one.record.results if r.workload == one.record.suite.headline),
        "workloads": [record_parts.workload(one.record, result) for result in one.record.results],
        "charts": _charts(one),
        "bands": [
            "" if r.ratio is None else charts.inline_band(r.low, r.ratio, r.high, str(r.mark), _band(site), key=f"b{i}")
            for i, r in enumerate(one.reproductions)
        ],
        "against": _against(site, one),
        "memory_ratios": [_memory_ratio(one, r) for r in one.reproductions],
        "part": forecasts.part_of(one.summary.device),
        "nearby": _nearby(one),
        "resources": record_parts.resources(one.record),
        "environment": record_parts.environment(one.record),
        "settings": record_parts.settings(one.record),
        "computing": settings.computing(one.record),
        "command": f"{again.text} --registry PLACE" if again.words else "",
        "left_out": again.told,
        "snippet": badge.snippet(site, one.summary, stands),
        "iframe": badge.iframe(one.summary, stands),
    }
    yield path, page("row.html", path, site, **shown)
    yield f"{folder}/network.svg", alone(diagram).encode()
    if site.png:
        yield f"{folder}/network.png", png(alone(diagram))
    yield f"{folder}/badge.svg", badge.badge(one.summary).encode()
    yield f"{folder}/card.html", page("card.html", f"{folder}/card.html", site, s=one.summary)
    yield f"{folder}/results.csv", _csv(one.record)
    yield f"api/v1/rows/{one.summary.row}.json", row_json(site, one, again.text)
    for body in one.bodies:
        yield f"records/{body.record}.json", body.envelope
        yield f"records/{body.record}.parquet", body.samples


def _band(site: Site) -> tuple[float, float]:
    return site.policy.band_low, site.policy.band_high


def _memory_ratio(one: Benchmark, reproduction: Reproduction) -> float | None:
    """Shown and never counted: measured over what the bandwidths of the two devices would make of the hub."""
    if not reproduction.record:
        return None
    return forecasts.memory_ratio(reproduction.ratio, reproduction.measurement.hardware.sku, one.summary.device)


def _nearby(one: Benchmark) -> tuple[Point, ...]:
    """What others published of this device, this model first."""
    part = forecasts.part_of(one.summary.device)
    if part is None or one.record.run.synthetic:
        return ()
    architecture, parameters = one.record.model.get("architecture"), one.record.model.get("parameters")
    return forecasts.nearby(part, str(architecture), parameters if isinstance(parameters, int) else None)


def _against(site: Site, one: Benchmark) -> Chart | None:
    items = [
        (f"{r.label} {r.operator}".strip(), r.low, r.ratio, r.high, str(r.mark))
        for r in one.reproductions
        if r.ratio is not None and not r.why_not
    ]
    title = "Decode rate against the hub, each with its interval"
    return charts.against_band(items, _band(site), title=title, key="band") if items else None


def _network(site: Site, one: Benchmark) -> Network:
    spokes = tuple(Spoke(r.ring, r.mark, r.label) for r in one.reproductions if not r.why_not)
    return Network(
        tier=one.score.tier,
        state=one.summary.state,
        spokes=spokes,
        independent=one.summary.independent,
        reproductions=one.summary.inside,
        high_classes=site.policy.high_classes,
        very_high_classes=site.policy.very_high_classes,
        contested=one.summary.contested,
    )


def _charts(one: Benchmark) -> list[Chart]:
    name = one.row.hub.id[:12]
    trials = trials_of(decode(one.bodies[0].samples, one.record.samples.sha256, name), name)
    return record_charts.of_samples(one.record, trials) + record_charts.of_results(one.record)


def _csv(record: Record) -> bytes:
    """One line a metric of a workload; integers in the unit named."""
    text = io.StringIO()
    out = csv.writer(text, lineterminator="\n")
    out.writerow(column.name for column in RESULTS)
    for result in record.results:
        for m in result.metrics:
            e, spread = m.estimate, m.tokens or m.trials
            held = {p.percent: p.value for p in spread.percentiles} if spread else {}
            if e is not None:
                out.writerow(
                    (csv_text(result.workload), csv_text(m.metric), m.unit, e.point, e.low, e.high,
                     len(e.process_medians), e.n_trials, *(held.get(percent) for percent in (50, 95, 99)))
                )  # fmt: skip
    return text.getvalue().encode()
