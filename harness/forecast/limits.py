"""How far a question lies outside of all that was measured: a little widens the interval, more is refused. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from harness.errors import BadInput
from harness.forecast.values import Hardware, Kind, Point, Task, Work, architecture_of, figure

MOST = 4.0  # times beyond the smallest or largest that was measured: farther out nothing is told
SLOPE = 0.5  # of log rate by log distance, that nobody knows out there: the deviation grows by so much

# Deviation of the log of arithmetic over bandwidth within a generation (harness/catalog/device_peaks.py).
LIKE = 0.2
# Few processors are among the evidence, and a question about this machine has an answer, however wide.
SLOPE_OF_PROCESSORS = 0.25

_WHAT = ("the architecture", "the file type", "the generation")
Measure = Callable[[Hardware, Work, Task], float]


@dataclass(frozen=True, slots=True)
class Span:
    """The least and the most of a quantity among what was measured. `fix`: what to do about a question far outside."""

    title: str
    least: float
    most: float
    fix: str

    def beyond(self, value: float) -> float:
        """How many times outside; 1 within."""
        return max(value / self.most, self.least / value if self.least > 0 else 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Limits:
    """The spans of the evidence of one kind of rate: of devices apart from processors."""

    spans: tuple[tuple[Measure, Span], ...]
    processors: Span
    measured: Mapping[
        str, frozenset[tuple[str, str]]
    ]  # architectures, file types, generations, each with a family of kernels
    odd: Mapping[str, frozenset[tuple[str, str]]]  # the same, of what was measured and left out as odd, too
    arithmetic: frozenset[tuple[str, bool]]  # generations, and whether the arithmetic of their parts is published

    def wider(self, hardware: Hardware, work: Work, task: Task) -> tuple[float, tuple[str, ...]]:
        """The variance (of a log rate) that is added, and why. Raises `BadInput` for a question far outside.

        What the context adds (`of_context`) is not in it.
        """
        variance, reasons = 0.0, self._unmeasured(hardware, work)
        if task.kind is Kind.PREFILL and self._lacks_arithmetic(hardware):
            whose = f"each part of {hardware.generation} that was measured has it published"
            if hardware.like_flops:
                whose, variance = f"that of other parts of {hardware.generation} was taken", LIKE**2
            reasons.append(f"no document has its arithmetic; {whose}")
        for measure, span in self.spans:
            slope, most = SLOPE, MOST
            if measure is _bandwidth and hardware.family == "cpu":
                span, slope, most = self.processors, SLOPE_OF_PROCESSORS, math.inf
            value = measure(hardware, work, task)
            times = span.beyond(value)
            if times > most:
                raise BadInput(
                    f"{span.title} is too far from all that was measured", where=_told(value, span), fix=span.fix
                )
            if times > 1:
                variance += 0.0 if measure is _tokens else (slope * math.log(times)) ** 2
                reasons.append(f"{span.title} lies outside of what was measured: {_told(value, span)}")
        return variance, tuple(reasons)

    def of_context(self, task: Task) -> float:
        """The variance that is added for this context: of each step to a task its own, or the longer would reach higher."""
        held = (span.beyond(float(task.depth + task.tokens)) for measure, span in self.spans if measure is _tokens)
        return sum((SLOPE * math.log(times)) ** 2 for times in held)

    def with_arithmetic(self, hardware: Hardware) -> Hardware:
        """With that of its like where it stands alone without."""
        lent = hardware.like_flops is not None and self._lacks_arithmetic(hardware)
        return replace(hardware, takes_likes=True) if lent else hardware

    def _lacks_arithmetic(self, hardware: Hardware) -> bool:
        """Whether it stands alone in its generation: what its like reach says little of how far its prompts are."""
        of_generation = {known for generation, known in self.arithmetic if generation == hardware.generation}
        return hardware.peak_flops is None and of_generation == {True}

    def _unmeasured(self, hardware: Hardware, work: Work) -> list[str]:
        """In words, what nobody measured with these kernels: its effects' whole variances are in the width already."""
        reasons = []
        for what, name in _names(hardware, work).items():
            known = self.measured[what]
            if not name or (name, hardware.family) in known:
                continue
            ever = name in {one for one, _ in known}
            if (name, hardware.family) in self.odd[what]:
                reasons.append(f"{what} {name} was measured with {hardware.family} in odd runs alone")
            else:
                reasons.append(f"{what} {name} was never measured" + (f" with {hardware.family}" if ever else ""))
        if not work.quantisation:
            reasons.append("the file type is not known")
        return reasons


def _names(hardware: Hardware, work: Work) -> dict[str, str]:
    """What is named where nobody measured it. Of processors there are too few to name a generation."""
    generation = "" if hardware.family == "cpu" else hardware.generation
    return {
        "the architecture": architecture_of(work),
        "the file type": work.quantisation,
        "the generation": generation,
    }


def limits(points: Sequence[Point], everything: Sequence[Point] = ()) -> Limits:
    """Of these points, all of one kind of rate; `everything`: with those that were left out as odd."""
    asked = [(p.hardware, p.work, p.task) for p in points]
    spans = []
    for measure, title, fix in _MEASURES:
        values = [measure(*one) for one in asked if measure is not _bandwidth or one[0].family != "cpu"]
        least = 0.0 if measure is _tokens else min(values, default=1.0)  # a short context is nothing new
        spans.append((measure, Span(title, least, max(values, default=1.0), fix)))
    own = [p.hardware.bandwidth_bytes_per_s / 1e9 for p in points if p.hardware.family == "cpu"]
    processors = Span("the bandwidth of this processor, GB/s,", min(own, default=1.0), max(own, default=1.0), _MEASURE)
    arithmetic = frozenset((p.hardware.generation, p.hardware.peak_flops is not None) for p in points)
    return Limits(tuple(spans), processors, _measured(points), _measured(everything), arithmetic)


def _measured(points: Sequence[Point]) -> dict[str, frozenset[tuple[str, str]]]:
    named = [(p.hardware.family, _names(p.hardware, p.work)) for p in points]
    return {what: frozenset((own[what], family) for family, own in named) for what in _WHAT}


def _told(value: float, span: Span) -> str:
    return f"{figure(value)}, measured were {figure(span.least)} to {figure(span.most)}"


def _bandwidth(hardware: Hardware, _work: Work, _task: Task) -> float:
    return hardware.bandwidth_bytes_per_s / 1e9


def _tokens(_hardware: Hardware, _work: Work, task: Task) -> float:
    return float(task.depth + task.tokens)


_MEASURE = "measure it: repro bench"
_MEASURES: tuple[tuple[Measure, str, str], ...] = (
    (_bandwidth, "the bandwidth of this device, GB/s,", _MEASURE),
    (lambda h, _w, _t: float(h.count), "the number of devices", "ask for fewer: --count"),
    (lambda _h, w, _t: w.active_parameters / 1e6, "the model's size, million parameters a token,", _MEASURE),
    (lambda _h, w, _t: w.file_bytes / 1e9, "the model's size, GB,", _MEASURE),
    (_tokens, "the context, tokens,", "ask for a shorter one: --context"),
)
