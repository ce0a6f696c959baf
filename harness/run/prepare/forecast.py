"""`repro forecast`: the same question as `repro fit`, the device that computes, and what its like did."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import evidence
from harness.capture import bandwidth, snapshot
from harness.capture.cpu import read_cpu
from harness.capture.source import this_machine
from harness.catalog import devices, platforms
from harness.catalog.devices import Device
from harness.catalog.weights import KV_BITS
from harness.errors import BadInput
from harness.fit.answer import Verdict, judge
from harness.forecast.evidence import PROCESSOR, SINGLE, USUAL_FAMILY, hardware_of
from harness.forecast.forecaster import Forecaster, forecast
from harness.forecast.models import work_of
from harness.forecast.offload import Host, offloaded
from harness.forecast.values import Forecast, Hardware, Interval, Kind, Point, Task, Work
from harness.run.prepare import fit
from harness.run.prepare.fit import Found, Question
from runtimes.releases import split

STEP_TOKENS = 128  # that are decoded after the context
MOST_RECORDS = 600  # rates of a registry that are learned from beside what is shipped
# What of the evidence a runtime may rest on: all of it ran llama.cpp's kernels.
RUNTIMES = ("llama.cpp", "llama-server")


@dataclass(frozen=True, slots=True)
class Outlook:
    """Whether it fits, and where it does the rates; `refused` says why there are none."""

    found: Found
    hardware: Hardware
    work: Work
    decode: Forecast | None
    prefill: Forecast | None
    ttft: Interval | None
    refused: str = ""


def ask(
    question: Question, cache: Path, records: Sequence[Point] = (), measured: Callable[[], float] | None = None
) -> Outlook:
    """Raises `BadInput` for what can't be forecast. `records`: accepted ones, beside the evidence that is shipped.

    `measured`: gives this machine's bandwidth, bytes/s; default: measure it.
    """
    runtime = split(question.runtime).name
    if runtime not in RUNTIMES:
        fix = f"take one of {', '.join(RUNTIMES)}, or measure it: repro bench"
        raise BadInput(f"nothing was published of {runtime} to forecast from", where="--runtime", fix=fix)
    found = fit.ask(question, cache)
    options = found.load.options
    kinds = tuple(KV_BITS[str(options.get(name) or "f16")] for name in ("type_k", "type_v"))
    known = {p.work for p in evidence.shipped().points}
    work = work_of(found.load.header, found.title, (kinds[0], kinds[1]), known)
    hardware = _hardware(question, found, measured or _measure)
    host = _host(question, found, measured or _measure)
    if isinstance(host, str):
        return Outlook(found, hardware, work, None, None, None, host)
    near = nearest(records, hardware, work)
    forecaster = evidence.forecaster_of(near) if near else evidence.forecaster()
    return rates(forecaster, found, hardware, work, host)


def nearest(records: Sequence[Point], hardware: Hardware, work: Work) -> list[Point]:
    """Those of this model on this device first, then of one of the two, the newest first: learning takes cubic time."""

    def far(point: Point) -> tuple[int, float]:
        return -(point.hardware.name == hardware.name) - (point.work.model == work.model), -point.when

    return sorted(records, key=far)[:MOST_RECORDS]


def rates(forecaster: Forecaster, found: Found, hardware: Hardware, work: Work, host: Host | None = None) -> Outlook:
    """The two rates at the context of the answer, and the time to the first token of a prompt that fills it."""

    def told(task: Task) -> Forecast:
        if host is None:
            return forecast(forecaster, hardware, work, task)
        return offloaded(forecaster, hardware, host, work, task)

    context = found.answer.need.context
    decode = told(Task(Kind.DECODE, STEP_TOKENS, context))
    prefill = told(Task(Kind.PREFILL, max(context, SINGLE)))
    return Outlook(found, hardware, work, decode, prefill, first_token(prefill.rate, decode.rate, context))


def first_token(prefill: Interval, decode: Interval, tokens: int) -> Interval:
    """Seconds of a prompt and one step. The ends are those of both together, which is never too narrow."""

    def seconds(a: float, b: float) -> float:
        return tokens / a + 1 / b

    return Interval(
        seconds(prefill.middle, decode.middle),
        seconds(prefill.high_80, decode.high_80),
        seconds(prefill.low_80, decode.low_80),
        seconds(prefill.high_95, decode.high_95),
        seconds(prefill.low_95, decode.low_95),
    )


def _host(question: Question, found: Found, measured: Callable[[], float]) -> Host | str | None:
    """Which layers stay with the processor; None: none of them; a text: why nothing can be told.

    Of a part of the table the machine around it is not known: its main memory is taken to hold the rest.
    """
    answer, room, layers = found.answer, found.room, found.answer.need.layers + 1
    spills = answer.verdict is Verdict.NO or (answer.device_layers is not None and answer.device_layers < layers)
    if answer.verdict is Verdict.FROM_FILE:
        return "it does not fit into memory whole: pages would be read from the disk again and again, which nobody published"
    if not spills:
        return None
    if not answer.device_layers or room.shared or not room.device:
        return "it does not fit into memory, not even in part"
    if not question.device and judge(found.engine.need(answer.need.context, answer.device_layers), room, found.engine) not in (
        Verdict.FITS, Verdict.UNKNOWN,
    ):  # fmt: skip
        return f"{layers - answer.device_layers} layers would have to stay in main memory, which can't hold them"
    return Host(None if question.device else measured(), layers - answer.device_layers, layers)


def _hardware(question: Question, found: Found, measured: Callable[[], float]) -> Hardware:
    """The part of the table, this machine's GPU by its name, or its processor with the bandwidth that it has."""
    if question.device:
        size = None if question.memory_gib is None else round(question.memory_gib * devices.GIB)
        part = devices.candidates(question.device, size)[0]
        return _of_part(part, _family(question, part), question.count)
    backend = found.load.backend
    if not found.room.device:
        cpu = read_cpu(this_machine()).model.value or "unknown processor"
        platform = platforms.find(cpu)
        generation = platform.generation if platform is not None else "unknown"
        return Hardware(cpu, "cpu", generation, PROCESSOR, measured(), None, measured=True)
    own = devices.find(found.room.device)
    if own is None:
        fix = "name its part: --device NAME"
        raise BadInput("the device table has no part of this machine's GPU", where=found.room.device, fix=fix)
    return _of_part(own, backend or USUAL_FAMILY[own.vendor])


def _family(question: Question, part: Device) -> str:
    return USUAL_FAMILY[part.vendor] if question.backend == "auto" else question.backend


def _of_part(part: Device, family: str, count: int = 1) -> Hardware:
    hardware = hardware_of(part, family, count)
    if hardware is None:
        raise BadInput(
            "no document has its bandwidth, so nothing can be forecast", where=part.sku, fix="measure: repro bench"
        )
    return hardware


def _measure() -> float:
    source = this_machine()
    caches = read_cpu(source).l3_bytes.value
    return float(bandwidth.measure(snapshot.cores(), caches or 0).read_bytes_per_s)
