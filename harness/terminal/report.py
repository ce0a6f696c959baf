"""A record as a person reads it in the terminal: the three lines that matter, the table, and what to do something about."""

from __future__ import annotations

import re
from typing import Any

from rich.console import Console
from rich.table import Table

from harness.record import settings
from harness.record.label import label_of
from harness.record.schema import MetricResult, Record
from harness.terminal.columns import in_parts
from harness.terminal.console import escape, whole
from harness.terminal.curve import curve
from harness.terminal.failure import print_failure
from harness.terminal.plots import print_plots
from harness.terminal.publish import picture
from harness.units import bare, count, half_width, memory, percent, quantity, significant
from harness.verify.gist import gist, to_act_on
from harness.verify.reading import Checked, Verified
from harness.verify.unusable import first_line

_STATUS = {"pass": "[green]pass[/]", "fail": "[red]FAIL[/]", "unknown": "[yellow]unknown[/]"}
_SEVERITY = {"note": "note", "warning": "[yellow]warning[/]", "invalid": "[red]INVALID[/]"}


def report(console: Console, checked: Checked, *, everything: bool = False, plot: bool = False) -> None:
    """What is wrong with it, the three lines that matter, the table, where the picture is, and what to do something about.

    `everything`: all checks and findings, the engine's build and what the meters told; `plot`: drawings.
    """
    stored = checked.stored
    record, folder = stored.record, stored.path.parent
    _warn(console, checked)
    told = gist(checked, str(folder))
    console.print(f"[bold]{escape(told.subject)}[/]: {escape(told.rates)}", soft_wrap=True)
    for line in told.lines[1:]:
        console.print(escape(line), soft_wrap=True)
    console.print()
    if record.failure is not None:
        print_failure(console, record, record.failure)
    else:
        for index, part in enumerate(in_parts(console, _table(record))):
            if index:
                console.print()
            console.print(part)
        if not plot:
            _throughput(console, record)
        console.print()
    if plot:
        print_plots(console, checked)
    if record.failure is None:
        console.print(picture([folder]), markup=False, soft_wrap=True)
    _details(console, record) if everything else _settings(console, record)
    if record.failure is None:
        _doubts(console, record, everything=everything)
    label = label_of(stored.path)
    named = f"  “{escape(label)}”" if label else ""
    console.print(
        f"[dim]{escape(str(stored.path))}  id {whole(console, stored.id, 16)}  {escape(checked.note)}{named}[/]"
    )


def _warn(console: Console, checked: Checked) -> None:
    """What must stand above any number."""
    record = checked.stored.record
    if checked.verified is Verified.NO:
        console.print(f"[bold red]{checked.part}: INVALID[/] ({escape(checked.reason)}); do not use its numbers\n")
    warning = first_line(record)
    if warning:
        console.print(f"[bold red]{escape(warning)}[/]\n", soft_wrap=True)
    if record.run.synthetic:
        console.print("[red]SYNTHETIC[/]: made by a simulated runtime, not a measurement\n")


def _settings(console: Console, record: Record) -> None:
    line = settings_line(record)
    if line:
        console.print(f"Settings: {escape(line)}", soft_wrap=True)


def _details(console: Console, record: Record) -> None:
    """The engine's build, how the run ended, and what was measured beside the trials."""
    runtime = record.runtime
    console.print(f"Model: {escape(_model_line(record.model))}")
    console.print(f"Engine: {escape(runtime.package)}, {escape(runtime.version)}, commit {escape(runtime.commit)}")
    if runtime.environment.get("release"):
        lock = whole(console, str(runtime.environment.get("lock_sha256")), 16)
        release = escape(str(runtime.environment["release"]))
        console.print(f"installed as release {release}, resolved by its operator; lock sha256 {escape(lock)}")
    _settings(console, record)
    console.print(f"Stopped: {escape(record.run.stop_rule)}: {escape(record.run.stop_detail)}")
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


def _model_line(model: dict[str, Any]) -> str:
    parts = [str(model.get("variant", "")), str(model.get("quantisation", ""))]
    if isinstance(model.get("parameters"), int):
        parts.append(f"{model['parameters'] / 1e6:.0f} M parameters")
    return ", ".join(part for part in parts if part)


def settings_line(record: Record) -> str:
    """The settings that a reader asks for first, then the unusual ones that change what is computed; digests are cut."""
    wanted = "threads context batch ubatch flash_attn type_k type_v gpu_layers gpu_layers_offloaded dtype".split()
    own = record.runtime.settings
    found = {name: str(own[name]) for name in wanted if own.get(name) is not None}
    found |= {name: text for name, text in settings.computing(record).items() if name not in wanted}
    return " ".join(f"{name}={_cut(text)}" for name, text in found.items())


def _cut(text: str) -> str:
    return text[:12] if re.fullmatch(r"[0-9a-f]{64}", text) else text


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


def _throughput(console: Console, record: Record) -> None:
    lines = curve(record)
    if lines:
        console.print("\n[bold]Throughput by requests at once[/]")
        for line in lines:
            console.print(line, markup=False)


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


def _doubts(console: Console, record: Record, *, everything: bool) -> None:
    """Checks that failed and findings to act on; the others are counted, or printed where all is asked for."""
    checks = record.checks if everything else tuple(one for one in record.checks if one.status == "fail")
    findings = record.findings if everything else to_act_on(record)
    if checks or everything:
        console.print("\n[bold]Checks[/]")
    for check in checks:
        console.print(f"  {_STATUS[check.status]}  {escape(check.code)}: {escape(check.text)}")
    if findings or everything:
        console.print("[bold]Findings[/]" + ("" if findings else ": none"))
    for finding in findings:
        place = f" {finding.workload}" if finding.workload else ""
        console.print(f"  {_SEVERITY[finding.severity]}  {escape(finding.code)}{escape(place)}: {escape(finding.text)}")
    if not everything:
        console.print(f"[dim]{_folded(record, len(findings))}[/]")
    console.print()


def _folded(record: Record, shown: int) -> str:
    """How much there is that asks for nothing."""
    parts = [count(sum(one.status == "pass" for one in record.checks), "check") + " passed"]
    unknown = sum(one.status == "unknown" for one in record.checks)
    parts += [f"{unknown} could not be made"] if unknown else []
    notes = len(record.findings) - shown
    parts += [f"{count(notes, 'finding')} that {'asks' if notes == 1 else 'ask'} for nothing"] if notes else []
    return f"{', '.join(parts)} (--all shows them)"
