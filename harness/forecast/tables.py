"""Many devices and models at once, as a site lists them: one matrix for all pairs. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.forecast.forecaster import Forecaster, anchor, rates_of
from harness.forecast.values import Hardware, Interval, Kind, Task, Work
from harness.tiers.anchor import Anchor


@dataclass(frozen=True, slots=True)
class Pair:
    """A model on a device, at one context: tokens/s, the class of each rate, bytes of weights and cache."""

    hardware: Hardware
    work: Work
    decode: Interval
    prefill: Interval
    decode_anchor: Anchor
    prefill_anchor: Anchor
    held_bytes: float


def pairs(
    forecaster: Forecaster, parts: Sequence[Hardware], works: Sequence[Work], context: int, tokens: int
) -> dict[tuple[str, str], Pair]:
    """By device's and model's name: decode of `tokens` after `context`, prefill of so long a prompt."""
    asked = [(hardware, work) for hardware in parts for work in works]
    told: list[list[tuple[Interval, Anchor]]] = []
    for task in (Task(Kind.DECODE, tokens, context), Task(Kind.PREFILL, context)):
        part = forecaster.learned[task.kind]
        known = part.seen
        rates = rates_of(part, [(hardware, work, task) for hardware, work in asked])
        # What was measured of one rate says nothing of the other's class.
        anchors = [anchor(known, hardware, work) for hardware, work in asked]
        told.append([(rate, anchor) for (rate, _), anchor in zip(rates, anchors, strict=True)])
    return {
        (hardware.name, work.model): Pair(
            hardware,
            work,
            decode,
            prefill,
            decode_anchor,
            prefill_anchor,
            work.file_bytes + (work.cache_bytes or 0.0) * (context + tokens),
        )
        for (hardware, work), (decode, decode_anchor), (prefill, prefill_anchor) in zip(asked, *told, strict=True)
    }
