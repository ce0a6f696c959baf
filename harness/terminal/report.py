"""A record as a person reads it in the terminal: the headline first, then the table, then what to doubt."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from harness.record.label import label_of
from harness.record.schema import MetricResult, Record
from harness.terminal.console import escape, whole
from harness.terminal.curve import curve
from harness.terminal.failure import print_failure
from harness.terminal.histogram import histogram
from harness.units import bare, half_width, memory, percent, quantity, significant
from harness.verify.reading import Checked, Verified
from harness.verify.unusable import first_line

_STATUS = {"pass": "[green]pass[/]", "fail": "[red]FAIL[/]", "unknown": "[yellow]unknown[/]"}
_SEVERITY = {"note": "note", "warning": "[yellow]warning[/]", "invalid": "[red]INVALID[/]"}


def report(console: Console, checked: Checked) -> None:
    """Print all of it; what is wrong with it first."""
    stored = checked.stored
    record = stored.record
    if checked.verified is Verified.NO:
        console.print(f"[bold red]{checked.part}: INVALID[/] ({escape(checked.reason)}); do not use its numbers\n")
    warning = first_line(record)
    if warning:
        console.print(f"[bold red]{escape(warning)}[/]\n", soft_wrap=True)
    if record.run.synthetic:
        console.print("[red]SYNTHETIC[/]: made by a simulated runtime, not a measurement\n")
    _head(console, record)
    if record.failure is not None:
        print_failure(console, record, record.failure)
    else:
        console.print(_table(record))
        _distributions(console, checked)
        _checks(console, record)
    label = label_of(stored.path)
    named = f"  “{escape(label)}”" if label else ""
    console.print(
        f"[dim]{escape(str(stored.path))}  id {whole(console, stored.id, 16)}  {escape(checked.note)}{named}[/]"
    )


def _head(console: Console, record: Record) -> None:
    model, runtime = record.model, record.runtime
    device = ", ".join(f"{d.description or d.name}" for d in runtime.devices) or "unknown device"
    console.print(f"[bold]{escape(str(model.get('name')))}[/]  {escape(_model_line(model))}")
    console.print(
        f"{escape(runtime.name)}  {escape(runtime.package)}, {escape(runtime.version)}, commit {escape(runtime.commit)}"
    )
    if runtime.environment.get("release"):
        lock = whole(console, str(runtime.environment.get("lock_sha256")), 16)
        release = escape(str(runtime.environment["release"]))
        console.print(f"installed as release {release}, resolved by its operator; lock sha256 {escape(lock)}")
    console.print(f"{escape(device)}  {escape(settings_line(record))}")
    headline = record.headline
    if headline is not None and headline.estimate is not None:
        estimate = headline.estimate
        value = quantity(estimate.point, headline.unit)
        interval = ""
        if estimate.low is not None and estimate.high is not None:
            low, high = quantity(estimate.low, headline.unit), quantity(estimate.high, headline.unit)
            interval = f"  95 % interval {low.removesuffix(' tok/s')} to {high}"
        n = len(estimate.process_medians)
        console.print(
            f"\n[bold]decode {value}[/]{interval}  ({escape(record.suite.headline)}, {n} processes, {estimate.n_trials} trials)"
        )
    console.print(f"[dim]stopped: {escape(record.run.stop_rule)}: {escape(record.run.stop_detail)}[/]\n")


def _model_line(model: dict[str, Any]) -> str:
    parts = [str(model.get("variant", "")), str(model.get("quantisation", ""))]
    if isinstance(model.get("parameters"), int):
        parts.append(f"{model['parameters'] / 1e6:.0f} M parameters")
    return ", ".join(part for part in parts if part)


def settings_line(record: Record) -> str:
    """The settings that a reader asks for first."""
    wanted = "threads context batch ubatch flash_attn type_k type_v gpu_layers gpu_layers_offloaded dtype".split()
    settings = record.runtime.settings
    return " ".join(f"{name}={settings[name]}" for name in wanted if settings.get(name) is not None)


def _table(record: Record) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    names = ("workload", "in → out", "decode tok/s", "", "prefill tok/s", "", "TTFT ms", "ITL p50", "p95 ms", "E2E ms")
    for name in names:
        table.add_column(name, justify="left" if name == "workload" else "right", no_wrap=True)
    shapes = {workload.id: workload for workload in record.workloads}
    for result in record.results:
        shape = shapes[result.workload]
        metrics = {metric.metric: metric for metric in result.metrics}
        decode, prefill = metrics.get("decode_rate"), metrics.get("prefill_rate")
        table.add_row(
            escape(result.workload) + (" [dim]forced[/]" if shape.mode == "forced" else ""),
            f"{_depth(shape.depth)}{shape.prompt_tokens} → {shape.output_tokens}",
            _point(decode), _width(decode), _point(prefill), _width(prefill), _point(metrics.get("ttft")),
            _percentile(metrics.get("itl"), 50), _percentile(metrics.get("itl"), 95), _point(metrics.get("e2e")),
        )  # fmt: skip
    return table


def _depth(tokens: int | None) -> str:
    """What was in the cache before the prompt."""
    return f"{tokens:,} cached + " if tokens else ""


def _point(metric: MetricResult | None) -> str:
    return "–" if metric is None or metric.estimate is None else bare(metric.estimate.point)


def _width(metric: MetricResult | None) -> str:
    return "" if metric is None or metric.estimate is None else half_width(metric.estimate.half_width_ppm)


def _percentile(metric: MetricResult | None, wanted: int) -> str:
    if metric is None or metric.tokens is None:
        return "–"
    value = next((p.value for p in metric.tokens.percentiles if p.percent == wanted), None)
    return "–" if value is None else bare(value)


def _distributions(console: Console, checked: Checked) -> None:
    record = checked.stored.record
    result = next((r for r in record.results if r.workload == record.suite.headline), None)
    if result is not None and checked.part != "samples":  # only of samples that are there, and are its own
        lines = histogram(checked.stored, result.workload)
        if lines:
            console.print(f"\n[bold]ITL of {escape(result.workload)}[/] (all tokens of the timed trials)")
            for line in lines:
                console.print(line, markup=False)
    lines = curve(record)
    if lines:
        console.print("\n[bold]Throughput by requests at once[/]")
        for line in lines:
            console.print(line, markup=False)
    console.print()
    for metric in record.process_results:
        if metric.estimate is not None:
            name = {"load_time": "model load", "peak_rss": "peak memory (RSS)"}.get(metric.metric, metric.metric)
            console.print(f"{name}: {quantity(metric.estimate.point, metric.unit)}", markup=False)
    use = record.derived.get("bandwidth_use_ppm")
    if isinstance(use, int):
        per_token = record.derived.get("bytes_per_token")
        read = f" ({memory(per_token)} read a token)" if isinstance(per_token, int) else ""
        console.print(f"memory bandwidth used in decode: {percent(use)} of what was measured here{read}")
    for line in _device_lines(record):
        console.print(escape(line))


def _device_lines(record: Record) -> list[str]:
    """What the meters told, where there were any."""
    lines = []
    energy = _part(record, "energy_per_token")
    if isinstance(energy.get("value_nj"), int):
        joules = significant(energy["value_nj"] / 1e9)
        lines.append(f"energy: {joules} J a token, prefill included ({energy.get('source', 'source unknown')})")
    held = _part(record, "peak_device_memory").get("value")
    if isinstance(held, int):
        lines.append(f"peak device memory: {memory(held)}")
    seen = {name: value for name, value in _part(record, "telemetry").items() if isinstance(value, int)}
    if seen:
        when = "beside the trials" if seen.get("beside") else "between trials"
        parts = [f"{seen.get('samples', 'unknown')} samples {when}"]
        if "sm_clock_hz_mean" in seen:
            parts.append(f"core {seen['sm_clock_hz_mean'] // 1_000_000} MHz")
        if "power_mw_mean" in seen:
            parts.append(f"{significant(seen['power_mw_mean'] / 1000)} W")
        if "temperature_mc_max" in seen:
            parts.append(f"up to {seen['temperature_mc_max'] // 1000} °C")
        if "throttle_reasons" in seen:
            parts.append(f"clock reasons {seen['throttle_reasons']:#x}")
        lines.append("devices: " + ", ".join(parts))
    return lines


def _part(record: Record, name: str) -> dict[str, Any]:
    found = record.derived.get(name)
    return found if isinstance(found, dict) else {}


def _checks(console: Console, record: Record) -> None:
    console.print("\n[bold]Checks[/]")
    for check in record.checks:
        console.print(f"  {_STATUS[check.status]}  {escape(check.code)}: {escape(check.text)}")
    console.print("[bold]Findings[/]" + ("" if record.findings else ": none"))
    for finding in record.findings:
        place = f" {finding.workload}" if finding.workload else ""
        console.print(f"  {_SEVERITY[finding.severity]}  {escape(finding.code)}{escape(place)}: {escape(finding.text)}")
    console.print()
