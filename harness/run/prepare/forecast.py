"""`repro forecast`: the same question as `repro fit`, the device that computes, and what its like did."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import evidence
from harness.capture import bandwidth, snapshot
from harness.capture.cpu import read_cpu
from harness.capture.source import this_machine
from harness.catalog.weights import KV_BITS
from harness.errors import BadInput
from harness.fit.answer import Verdict, judge
from harness.forecast.forecaster import Forecaster, forecast
from harness.forecast.models import work_of
from harness.forecast.offload import Host, offloaded
from harness.forecast.values import Forecast, Hardware, Interval, Kind, Origin, Point, Task, Work
from harness.run.prepare import fit
from harness.run.prepare.fit import Found, Question
from harness.run.prepare.forecast_hardware import hardware_of_question
from runtimes.releases import split

STEP_TOKENS = 128  # that are decoded after the context
MOST_RECORDS = 600  # rates of a registry that are learned from beside what is shipped
# What of the evidence a runtime may rest on: all of it ran llama.cpp's kernels.
RUNTIMES = ("llama.cpp", "llama-server")
NOT_BUILT = ("sycl", "opencl")  # kernels that something was published of and that `repro` makes no build with


@dataclass(frozen=True, slots=True)
class Outlook:
    """Whether it fits, and where it does the rates; `refused` says why there are none, `no_prefill` why none of a prompt."""

    found: Found
    hardware: Hardware
    work: Work
    decode: Forecast | None
    prefill: Forecast | None
    ttft: Interval | None
    refused: str = ""
    no_prefill: str = ""


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
    question = fit.spoken(question)
    if not question.device and question.backend in NOT_BUILT:
        fix = "name the part that has them: --device NAME"
        raise BadInput(
            "no build of ours has these kernels on this machine", where=f"--backend {question.backend}", fix=fix
        )
    found = fit.ask(question, cache)
    options = found.load.options
    kinds = tuple(KV_BITS[str(options.get(name) or "f16")] for name in ("type_k", "type_v"))
    known = {p.work for p in evidence.shipped().points}
    work = work_of(found.load.header, found.title, (kinds[0], kinds[1]), known)
    hardware = hardware_of_question(question, found, measured or _measure)
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
    """The two rates at the context of the answer, and the time to the first token of a prompt that fills it.

    Of a prompt shorter than all that were measured neither rate nor time is told: it is no prefill, but a few steps at once.
    """

    def told(task: Task) -> Forecast:
        if host is None:
            return forecast(forecaster, hardware, work, task)
        return offloaded(forecaster, hardware, host, work, task)

    context = found.answer.need.context
    decode = told(Task(Kind.DECODE, STEP_TOKENS, context))
    shortest = _shortest(forecaster, hardware)
    if context < shortest:
        why = f"the shortest prompt that was measured has {shortest} tokens, this one {context}"
        return Outlook(found, hardware, work, decode, None, None, no_prefill=why)
    prefill = told(Task(Kind.PREFILL, context))
    return Outlook(found, hardware, work, decode, prefill, first_token(prefill.rate, context))


def _shortest(forecaster: Forecaster, hardware: Hardware) -> int:
    """Of the prompts that were published, and of those of records with this family of kernels; the others tell nothing of it."""
    points = forecaster.learned[Kind.PREFILL].points
    own = (p for p in points if p.origin is Origin.IMPORTED or p.hardware.family == hardware.family)
    return min(point.task.tokens for point in own)


def first_token(prefill: Interval, tokens: int) -> Interval:
    """Seconds of a prompt: its last step gives the first token, and choosing that one is in the rate (docs/metrics.md)."""
    return Interval(
        tokens / prefill.middle,
        tokens / prefill.high_80,
        tokens / prefill.low_80,
        tokens / prefill.high_95,
        tokens / prefill.low_95,
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


def _measure() -> float:
    source = this_machine()
    caches = read_cpu(source).l3_bytes.value
    return float(bandwidth.measure(snapshot.cores(), caches or 0).read_bytes_per_s)
