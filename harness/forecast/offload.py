"""A model of which a part computes on the machine's processor: the device's layers and the host's, one after the other. Pure.

decode: the device's share of the time on the device + the host's share of the time on a processor at the host's bandwidth.
prefill: the device computes all; the host's weights cross the bus once for each batch, or, at worst, the processor computes them.
No published run says how its layers lay, the memory of its host and its bus at once: what is not known is in the width.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from harness.forecast.evidence import PROCESSOR
from harness.forecast.forecaster import Forecaster, forecast
from harness.forecast.physics import BATCH
from harness.forecast.values import Forecast, Hardware, Interval, Kind, Task, Work, figure
from harness.tiers.anchor import Anchor

# Main memory of a machine of which nothing is known: two channels of DDR4 to eight of DDR5; half of all such lie further in.
UNKNOWN_BYTES_PER_S, UNKNOWN_FACTOR_80, UNKNOWN_FACTOR_95 = 60e9, 1.6, 2.0
# Bytes/s across the bus: PCIe 4.0 with 16 lanes in use halfway; from 3.0 with 8 lanes, or 4, to 5.0 with 16.
BUS, BUS_80, BUS_95 = 17e9, (6e9, 35e9), (3e9, 50e9)

# A run with its layers apart tells a forecast nothing (`harness.registry.queries.rates`).
# Of decode most of the width is the processor's.
NARROWS = "a record of this model on a processor alone"


@dataclass(frozen=True, slots=True)
class Host:
    """What computes beside the device. `bandwidth_bytes_per_s`: None where nobody measured it."""

    bandwidth_bytes_per_s: float | None
    layers: int  # of the model's that it holds
    all_layers: int

    @property
    def share(self) -> float:
        """Of the model."""
        return self.layers / self.all_layers

    def reason(self, held_bytes: float) -> str:
        """Why the interval is wide, in words. `held_bytes`: of the whole model, weights and cache.

        Of a machine that is not here nobody has looked whether its main memory holds them.
        """
        memory = (
            f"main memory, which must hold {figure(self.share * held_bytes / 1e9)} GB of it and of which "
            f"{UNKNOWN_BYTES_PER_S / 1e9:.0f} GB/s are taken, twice as many or half"
            if self.bandwidth_bytes_per_s is None
            else f"main memory at {self.bandwidth_bytes_per_s / 1e9:,.0f} GB/s"
        )
        return f"{self.layers} of {self.all_layers} layers compute on the processor, from {memory}"


def offloaded(forecaster: Forecaster, hardware: Hardware, host: Host, work: Work, task: Task) -> Forecast:
    """Tokens/s of the task. Raises `BadInput` as `forecast`."""
    device = forecast(forecaster, hardware, work, task)
    processor = forecast(forecaster, _processor(host), work, task)
    ends = _decode if task.kind is Kind.DECODE else _prefill
    rate = ends(device.rate, _at_unknown(processor.rate, host), host, work, task)
    held = work.file_bytes + (work.cache_bytes or 0.0) * (task.depth + task.tokens)
    return Forecast(
        task=task,
        rate=rate,
        anchor=Anchor.ESTIMATED,
        basis=(*device.basis[:3], *processor.basis[:2]),
        narrows=NARROWS if task.kind is Kind.DECODE else device.narrows,
        wider=(host.reason(held), *device.wider),
    )


def _processor(host: Host) -> Hardware:
    return Hardware(
        "a processor", "cpu", "unknown", PROCESSOR, host.bandwidth_bytes_per_s or UNKNOWN_BYTES_PER_S, None,
        measured=host.bandwidth_bytes_per_s is not None,
    )  # fmt: skip


def _at_unknown(rate: Interval, host: Host) -> Interval:
    """As wide as what the host's memory leaves open, beside what is not known of processors."""
    if host.bandwidth_bytes_per_s is not None:
        return rate

    def wider(end: float, factor: float) -> float:
        away = math.log(end / rate.middle)
        return rate.middle * math.exp(math.copysign(math.hypot(away, math.log(factor)), away))

    return Interval(
        rate.middle, wider(rate.low_80, UNKNOWN_FACTOR_80), wider(rate.high_80, UNKNOWN_FACTOR_80),
        wider(rate.low_95, UNKNOWN_FACTOR_95), wider(rate.high_95, UNKNOWN_FACTOR_95),
    )  # fmt: skip


def _decode(device: Interval, processor: Interval, host: Host, _work: Work, _task: Task) -> Interval:
    return _ends(lambda end: 1 / ((1 - host.share) / end(device) + host.share / end(processor)))


def _prefill(device: Interval, processor: Interval, host: Host, work: Work, task: Task) -> Interval:
    held = host.share * work.file_bytes / min(task.tokens, BATCH)

    def rate(end: float, bus: float) -> float:
        return 1 / (1 / end + held / bus)

    slowest = 1 / ((1 - host.share) / device.low_95 + host.share / processor.low_95)
    return Interval(
        rate(device.middle, BUS), rate(device.low_80, BUS_80[0]), rate(device.high_80, BUS_80[1]),
        min(slowest, rate(device.low_95, BUS_95[0])), rate(device.high_95, BUS_95[1]),
    )  # fmt: skip


def _ends(of: Callable[[Callable[[Interval], float]], float]) -> Interval:
    """Each end from the same ends of the parts: as if both erred alike, which is never too narrow."""
    return Interval(
        of(lambda one: one.middle), of(lambda one: one.low_80), of(lambda one: one.high_80),
        of(lambda one: one.low_95), of(lambda one: one.high_95),
    )  # fmt: skip
