"""What a forecast takes and gives: a device, the work of a model, a rate that somebody measured, an interval."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from enum import StrEnum

from harness.tiers.anchor import Anchor

_FAR = 1.5  # times: llama-bench rounds sizes, and takes some for another's
SAME = 0.03  # of log parameters, of one model: finetunes add a few tokens to a vocabulary


class Kind(StrEnum):
    """Which rate."""

    DECODE = "decode"
    PREFILL = "prefill"


class Origin(StrEnum):
    """Where a rate comes from: imported evidence is shown as such wherever a forecast rests on it."""

    RECORD = "record"
    IMPORTED = "imported"


@dataclass(frozen=True, slots=True)
class Hardware:
    """What computes: `count` equal devices, each with a part of the layers. `peak_flops`: of the fastest type; None: unknown."""

    name: str
    family: str  # of kernels: cuda, rocm, vulkan, metal, sycl, opencl, cpu
    generation: str
    form: str  # desktop, laptop, workstation, server, module, integrated, processor
    bandwidth_bytes_per_s: float
    peak_flops: float | None
    count: int = 1
    measured: bool = False  # its bandwidth was measured on the machine itself, not taken from a table
    bounded: bool = False  # nothing exceeds its bandwidth and its arithmetic: memory of its own, by a document
    like_flops: float | None = None  # without a published peak: as its generation has it, by bandwidth
    takes_likes: bool = False  # it is computed with that, which bounds nothing
    slower_bytes_per_s: float | None = None  # of parts of the same name whose memory is slower; None: there are none

    @property
    def known_flops(self) -> float | None:
        """What is computed with: its published peak, or what its like have; None: a part without either."""
        return self.peak_flops or (self.like_flops if self.takes_likes else None)

    def with_slower_memory(self) -> Hardware | None:
        """The slower part of its name; None where there is none."""
        if self.slower_bytes_per_s is None:
            return None
        return replace(self, bandwidth_bytes_per_s=self.slower_bytes_per_s, slower_bytes_per_s=None)


@dataclass(frozen=True, slots=True)
class Work:
    """What a model costs a token. `token_bytes`: of its file, by the share of the parameters that a token passes through."""

    model: str
    quantisation: str  # a class such as Q4_K or F16; "" where it is not known
    experts: bool
    token_bytes: float
    file_bytes: float
    parameters: float
    active_parameters: float
    cache_bytes: float | None  # of an earlier token, read again for each new one; None: not known
    attention_width: float = 0.0  # heads × their length over all layers that see the whole context
    layers: int | None = None  # each starts its kernels anew for each token; None: not known


def figure(value: float) -> str:
    """A figure in words, with three digits or all before the point: "8,000", never "8e+03"."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def architecture_of(work: Work) -> str:
    """The first word of its name: "llama 8B" is a llama."""
    return work.model.partition(" ")[0]


def model_title(work: Work) -> str:
    """Its name for people: llama-bench's, but "qwen2 32.8B" for "qwen2 ?B", and for one of another size than the name says."""
    told = re.search(r" (\?|\d+(?:\.\d+)?)B(?!x)", work.model)
    if told is None or (told[1] != "?" and 1 / _FAR < work.parameters / 1e9 / float(told[1]) < _FAR):
        return work.model
    return f"{architecture_of(work)} {work.parameters / 1e9:.3g}B"


@dataclass(frozen=True, slots=True)
class Task:
    """Decode `tokens` after `depth` tokens, or prefill a prompt of `tokens` behind `depth` earlier ones."""

    kind: Kind
    tokens: int
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Point:
    """A rate that was measured. `lab` names whose machine: what one source printed of one device shares its errors."""

    hardware: Hardware
    work: Work
    task: Task
    tokens_per_s: float
    lab: str
    when: float  # of the build or of the day, in years: 2025.5 is July 2025
    origin: Origin
    source: str  # of imported evidence its public place; of a record its id
    runs: int = 1  # of decodes of several lengths: `tokens_per_s` is their geometric mean, the tokens are their mean


@dataclass(frozen=True, slots=True)
class Interval:
    """Tokens/s, or seconds where it says so: the middle, and where 80 % and 95 % of such forecasts were."""

    middle: float
    low_80: float
    high_80: float
    low_95: float
    high_95: float

    @property
    def width(self) -> float:
        """Highest over lowest of the 95 % interval."""
        return self.high_95 / self.low_95

    def from_slower(self, slower: Interval) -> Interval:
        """Of one of two parts of which the other is slower: from its ends below to these above."""
        middle = math.sqrt(slower.middle * self.middle)
        return Interval(middle, slower.low_80, self.high_80, slower.low_95, self.high_95)


@dataclass(frozen=True, slots=True)
class Forecast:
    """Of one rate: its class, what it rests on most (nearest first), what would narrow it, and why it is wider, in words."""

    task: Task
    rate: Interval
    anchor: Anchor
    basis: tuple[Point, ...]
    narrows: str
    wider: tuple[str, ...] = ()
