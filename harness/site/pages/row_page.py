"""The page of a row, with what stands beside it: diagram, badge, card, CSV and JSON. Pure: values in, files out."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness import units
from harness.cells import csv_text
from harness.measure.metrics import TrialMetrics, measure_trials
from harness.measure.trial import Purpose, Trial
from harness.record import settings
from harness.record.frame_columns import RESULTS
from harness.record.samples import decode
from harness.record.schema import Record, WorkloadResult
from harness.site import addresses
from harness.site.api.json import row_json
from harness.site.data.values import Benchmark, File, Site
from harness.site.draw import badge, charts
from harness.site.draw.charts import Chart
from harness.site.draw.network import Network, Spoke, network
from harness.site.draw.png import png
from harness.site.draw.svg import alone
from harness.site.pages.pasted import pasted
from harness.site.pages.render import page
from harness.tiers.anchor import WORDS, anchor_of
from harness.verify.trials import trials_of

Values = NDArray[np.float64]
METRICS = ("decode_rate", "prefill_rate", "ttft", "itl", "e2e")


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
        "workloads": [_workload(one.record, result) for result in one.record.results],
        "charts": _charts(one),
        "bands": [
            "" if r.ratio is None else charts.inline_band(r.low, r.ratio, r.high, str(r.mark), _band(site), key=f"b{i}")
            for i, r in enumerate(one.reproductions)
        ],
        "against": _against(site, one),
        "resources": _resources(one.record),
        "environment": _environment(one.record),
        "settings": _settings(one.record),
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


def _workload(record: Record, result: WorkloadResult) -> dict[str, Any]:
    """A line of the table of workloads, in words."""
    shape = next(w for w in record.workloads if w.id == result.workload)
    metrics = {metric.metric: metric for metric in result.metrics}
    line: dict[str, Any] = {
        "id": result.workload, "title": shape.title, "mode": shape.mode, "timed": result.timed, "warmup": result.warmup,
        "shape": f"{shape.prompt_tokens} → {shape.output_tokens}", "headline": result.workload == record.suite.headline,
    }  # fmt: skip
    for name in METRICS:
        found = metrics.get(name)
        estimate = None if found is None else found.estimate
        line[name] = "–" if found is None or estimate is None else units.quantity(estimate.point, found.unit)
        wide = None if estimate is None else estimate.half_width_ppm
        line[f"{name}_width"] = units.half_width(wide)
    for percent in (50, 95, 99):
        spread = metrics["itl"].tokens if "itl" in metrics else None
        held = next((p.value for p in spread.percentiles if p.percent == percent), None) if spread else None
        line[f"itl_p{percent}"] = "–" if held is None else units.quantity(held, "ns")
    return line


def _charts(one: Benchmark) -> list[Chart]:
    """Distributions of the headline, from the samples themselves; curves where several concurrencies were measured."""
    record = one.record
    trials = trials_of(decode(one.bodies[0].samples, record.samples.sha256, one.row.hub.id[:12]), one.row.hub.id[:12])
    headline = record.suite.headline
    timed = [t for t in trials if t.workload == headline and t.purpose is Purpose.TIMED and t.valid]
    warm = [t for t in trials if t.workload == headline and t.purpose is Purpose.WARMUP and t.valid]
    measured, warming = measure_trials(timed), measure_trials(warm)
    found = []
    gaps = _by_process(timed, measured)
    if gaps:
        found.append(
            charts.box(
                gaps, title=f"Time between tokens (ITL) of {headline}, by process", fmt=units.duration, key="itl"
            )
        )
        pooled = [("all processes", np.concatenate([values for _, values in gaps]))]
        found.append(
            charts.ecdf(
                pooled, title=f"Share of tokens that came within a time, {headline}", fmt=units.duration, key="ecdf"
            )
        )
    traces, warmups = _matrix(measured), _matrix(warming)
    if traces is not None:
        same = warmups if warmups is not None and warmups.shape[1] == traces.shape[1] else None
        title = f"Time between tokens along the answer, {headline}"
        found.append(charts.trace(traces, same, title=title, fmt=units.duration, key="trace"))
    first = [(name, values) for name, values in _ttfts(record, trials) if values.size]
    if first:
        found.append(charts.box(first, title="Time to first token (TTFT), by workload", fmt=units.duration, key="ttft"))
    found += _curves(record)
    return found


def _by_process(timed: Sequence[Trial], measured: Sequence[TrialMetrics]) -> list[tuple[str, Values]]:
    groups: dict[int, list[Values]] = {}
    for trial, one in zip(timed, measured, strict=True):
        if one.itl is not None:
            groups.setdefault(trial.process, []).append(one.itl)
    return [(f"process {process + 1}", np.concatenate(own)) for process, own in sorted(groups.items())]


def _matrix(measured: Sequence[TrialMetrics]) -> Values | None:
    own = [one.itl for one in measured if one.itl is not None]
    same = [itl for itl in own if itl.size == own[0].size]
    return np.stack(same) if same else None


def _ttfts(record: Record, trials: Sequence[Trial]) -> Iterator[tuple[str, Values]]:
    for workload in record.workloads:
        own = [t for t in trials if t.workload == workload.id and t.purpose is Purpose.TIMED and t.valid]
        yield workload.id, np.array([m.ttft for m in measure_trials(own) if m.ttft is not None], dtype=np.float64)


def _curves(record: Record) -> list[Chart]:
    points = []
    for workload in record.workloads:
        found = record.result(workload.id, "throughput")
        if workload.concurrency is not None and found is not None and found.estimate is not None:
            e = found.estimate
            low, high = (None if value is None else value / 1e6 for value in (e.low, e.high))
            points.append((float(workload.concurrency), e.point / 1e6, low, high))
    if len(points) < 2:
        return []
    return [
        charts.curve(
            sorted(points), title="Throughput by requests at once", x_label="requests at once", y_label="tokens/s",
            fmt=units.rate, key="curve",
        )
    ]  # fmt: skip


def _resources(record: Record) -> list[tuple[str, str]]:
    """Load time, memory, energy and bandwidth, or why they are not known."""
    names = {"load_time": "Model load", "peak_rss": "Peak memory of the process"}
    found = [
        (names.get(m.metric, m.metric), units.quantity(m.estimate.point, m.unit))
        for m in record.process_results
        if m.estimate is not None
    ]
    held, energy = (_part(record.derived.get(name)) for name in ("peak_device_memory", "energy_per_token"))
    if isinstance(held.get("value"), int):
        found.append(("Peak device memory", units.memory(held["value"])))
    joules = energy.get("value_nj")
    told = (
        f"{units.significant(joules / 1e9)} J"
        if isinstance(joules, int)
        else f"not known: {energy.get('reason', 'no meter')}"
    )
    found.append(("Energy a token, prefill included", told))
    use = record.derived.get("bandwidth_use_ppm")
    if isinstance(use, int):
        found.append(("Memory bandwidth used in decode", units.percent(use)))
    return found


def _part(value: Any) -> Mapping[str, Any]:
    """A part of `derived`, which nobody but its operator has vouched for."""
    return value if isinstance(value, Mapping) else {}


def _settings(record: Record) -> list[tuple[str, str, str]]:
    """Name, value, and what the setting does."""
    runtime = record.runtime
    own = sorted((name, value) for name, value in runtime.settings.items() if value is not None)
    return [(name, str(value), str(settings.kind_of(runtime.name, name))) for name, value in own]


def _environment(record: Record) -> list[tuple[str, list[tuple[str, str]]]]:
    """What was captured of the machine, part by part: only what is known."""
    found = []
    for part, inside in sorted(record.environment.items()):
        lines = sorted(_leaves(inside, ()))
        if lines:
            found.append((part, [(" ".join(place).replace("_", " "), text) for place, text in lines]))
    return found


def _leaves(value: Any, place: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(value, Mapping):
        if "value" in value:
            if value["value"] is not None:
                yield from _leaves(value["value"], place)
            return
        for name, inner in value.items():
            yield from _leaves(inner, (*place, str(name)))
    elif isinstance(value, list | tuple):
        if all(not isinstance(item, Mapping | list) for item in value):
            yield place, ", ".join(map(str, value))
        else:
            for number, item in enumerate(value, 1):
                yield from _leaves(item, (*place, str(number)))
    elif place and place[-1].endswith("bytes") and isinstance(value, int):
        yield place, units.memory(value)
    else:
        yield place, {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)


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
