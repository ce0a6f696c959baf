"""Many devices and models at once, as a site lists them: one matrix for all pairs. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.forecast.forecaster import ANCHORS, Forecaster, rates_of, seen, unseen
from harness.forecast.values import Hardware, Interval, Kind, Task, Work
from harness.tiers.anchor import Anchor


@dataclass(frozen=True, slots=True)
class Pair:
    """A model on a device, at one context: tokens/s, the class of its decode rate, bytes of weights and cache."""

    hardware: Hardware
    work: Work
    decode: Interval
    prefill: Interval
    anchor: Anchor
    held_bytes: float


def pairs(
    forecaster: Forecaster, parts: Sequence[Hardware], works: Sequence[Work], context: int, tokens: int
) -> dict[tuple[str, str], Pair]:
    """By device's and model's name: decode of `tokens` after `context`, prefill of so long a prompt."""
    asked = [(hardware, work) for hardware in parts for work in works]
    rates: dict[Kind, list[Interval]] = {}
    anchors: list[Anchor] = []
    for kind, task in ((Kind.DECODE, Task(Kind.DECODE, tokens, context)), (Kind.PREFILL, Task(Kind.PREFILL, context))):
        part = forecaster.learned[kind]
        known = seen(part.points)
        lacking = [unseen(known, hardware, work) for hardware, work in asked]
        told = rates_of(part, [(hardware, work, task) for hardware, work in asked])
        rates[kind] = [rate for rate, _ in told]
        anchors = anchors or [ANCHORS[lack] for lack in lacking]
    return {
        (hardware.name, work.model): Pair(
            hardware, work, decode, prefill, anchor, work.file_bytes + (work.cache_bytes or 0.0) * (context + tokens)
        )
        for (hardware, work), decode, prefill, anchor in zip(
            asked, rates[Kind.DECODE], rates[Kind.PREFILL], anchors, strict=True
        )
    }
