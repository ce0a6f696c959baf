"""`repro forecast` for people: does it fit, three intervals, what they rest on, and what would narrow them."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from harness.forecast.values import Forecast, Hardware, Interval, Origin, Point, figure, model_title
from harness.terminal.fit import SAID
from harness.tiers.anchor import WORDS

if TYPE_CHECKING:
    from rich.console import Console

    from harness.run.prepare.forecast import Outlook


def print_forecast(console: Console, outlook: Outlook) -> None:
    """The answer in a few lines; nothing in it was measured on this device with this model."""

    def say(text: str) -> None:
        console.print(text, markup=False, soft_wrap=True)

    found, hardware = outlook.found, outlook.hardware
    context = found.answer.need.context
    told = "measured here" if hardware.measured else "by the device table"
    say(f"{found.title}: {model_title(outlook.work)}, {outlook.work.quantisation or 'unknown quantisation'}")
    slower = "" if hardware.slower_bytes_per_s is None else f"{hardware.slower_bytes_per_s / 1e9:,.0f} or "
    rate = f"{slower}{hardware.bandwidth_bytes_per_s / 1e9:,.0f} GB/s {told}"
    say(f"{found.load.adapter.name} ({hardware.family}) on {_named(hardware)}, {rate}, context {context:,}")
    say("")
    say(f"{'fits':26} {SAID[found.answer.verdict]}")
    if outlook.decode is None:
        say(f"{'forecast':26} none: {outlook.refused}")
        return
    say(f"{'':26} {'middle':>12} {'80 % of such':>21} {'95 % of such':>21}  class")
    say(_line(f"decode after {context:,}, tok/s", outlook.decode.rate, outlook.decode))
    told_of = {"decode": outlook.decode}
    if outlook.prefill is None or outlook.ttft is None:
        say(f"{'prefill, TTFT':26} none: {outlook.no_prefill}")
    else:
        told_of["prefill"] = outlook.prefill
        say(_line(f"prefill of {context:,}, tok/s", outlook.prefill.rate, outlook.prefill))
        say(_line(f"TTFT of {context:,}, s", outlook.ttft, outlook.prefill))
    for anchor in dict.fromkeys(one.anchor for one in told_of.values()):
        say(f"{anchor.value:>4}  {WORDS[anchor]}: a forecast, no measurement")
    for reason in dict.fromkeys(reason for one in told_of.values() for reason in one.wider):
        of = [title for title, one in told_of.items() if reason in one.wider]
        say(f"      {f'{of[0]} ' if len(of) < len(told_of) else ''}wide: {reason}")
    if hardware.form == "integrated" and not hardware.bounded:
        say(f"      {rate} are those of the fastest memory that its vendor names: slower modules decode slower")
    if hardware.family == "cpu":
        say(
            "      few processors are among the evidence: one with few cores, or that others use at the same time, is slower"
        )
    for title, one in told_of.items():
        say("")
        say(f"{title} rests most on")
        for point in one.basis:
            say(f"  {_point(point)}")
        say(f"  narrower with {one.narrows}")


def _line(title: str, rate: Interval, forecast: Forecast) -> str:
    inner = f"{figure(rate.low_80)} to {figure(rate.high_80)}"
    outer = f"{figure(rate.low_95)} to {figure(rate.high_95)}"
    return f"{title:26} {figure(rate.middle):>12} {inner:>21} {outer:>21}  {forecast.anchor.value}"


def _named(hardware: Hardware) -> str:
    return f"{hardware.name} ×{hardware.count}" if hardware.count > 1 else hardware.name


def _point(point: Point) -> str:
    hardware, work, task = point.hardware, point.work, point.task
    depth = f" after {task.depth:,}" if task.depth else ""
    whence = "imported" if point.origin is Origin.IMPORTED else "record"
    kind = f" {work.quantisation}" if work.quantisation else ""
    tokens = f"{task.tokens:,} tokens"
    length = tokens if point.runs == 1 else f"{point.runs} runs of {tokens} on average"
    what = f"{model_title(work)}{kind}, {hardware.family}, {length}{depth}"
    return f"{_named(hardware)}: {what}: {figure(point.tokens_per_s)} tok/s ({whence}: {point.source})"


def to_json(outlook: Outlook) -> dict[str, Any]:
    """Rates in tokens/s and seconds; null where nothing is forecast."""
    hardware, found = outlook.hardware, outlook.found
    return {
        "model": found.title,
        "model_name": model_title(outlook.work),
        "runtime": found.load.adapter.name,
        "backend": hardware.family,
        "device": hardware.name,
        "device_count": hardware.count,
        "bandwidth_bytes_per_s": round(hardware.bandwidth_bytes_per_s),
        "bandwidth_measured": hardware.measured,
        "context": found.answer.need.context,
        "fits": found.answer.verdict.value,
        "refused": outlook.refused or None,
        "prefill_refused": outlook.no_prefill or None,
        "decode": _as_json(outlook.decode),
        "prefill": _as_json(outlook.prefill),
        "ttft_s": None if outlook.ttft is None else asdict(outlook.ttft),
    }


def _as_json(forecast: Forecast | None) -> dict[str, Any] | None:
    if forecast is None:
        return None
    return {
        "tokens_per_s": asdict(forecast.rate),
        "class": forecast.anchor.value,
        "tokens": forecast.task.tokens,
        "depth": forecast.task.depth,
        "rests_on": [
            {
                "device": point.hardware.name,
                "device_count": point.hardware.count,
                "backend": point.hardware.family,
                "model": model_title(point.work),
                "quantisation": point.work.quantisation,
                "tokens": point.task.tokens,
                "depth": point.task.depth,
                "runs": point.runs,
                "tokens_per_s": point.tokens_per_s,
                "origin": point.origin.value,
                "source": point.source,
            }
            for point in forecast.basis
        ],
        "narrows": forecast.narrows,
        "wider": list(forecast.wider),
    }
