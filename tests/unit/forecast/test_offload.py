"""A model that lies in part in main memory: between what the device and what the processor would do, and wide."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness import evidence
from harness.catalog import devices
from harness.forecast.evidence import hardware_of
from harness.forecast.forecaster import forecast
from harness.forecast.offload import Host, offloaded
from harness.forecast.values import Hardware, Kind, Origin, Point, Task, Work
from harness.tiers.anchor import Anchor

CARD = hardware_of(devices.find("GeForce RTX 4090"), "cuda")
# 32B at Q5_K: 21.7 GiB in 65 layers, the output among them.
WORK = Work("qwen2 32B", "Q5_K", False, 23.3e9, 23.3e9, 32.8e9, 32.8e9, 262144.0, 327680.0, 64)
DECODE = Task(Kind.DECODE, 128)


def on(layers: int, bandwidth: float | None = 80e9, task: Task = DECODE):
    return offloaded(evidence.forecaster(), CARD, Host(bandwidth, layers, 65), WORK, task)


@pytest.mark.parametrize(
    ("layers", "measured"),
    # ikawrakow's fork on a GeForce RTX 4090 beside a Core i5-13600K, published with their number of layers; not among what is learned.
    [(33, 4.0), (33, 4.45), (65, 2.18), (65, 2.43)],
)
def test_runs_that_were_published_with_their_layers_lie_inside(layers, measured) -> None:
    found = on(layers)
    assert found.rate.low_95 < measured < found.rate.high_95
    assert found.anchor is Anchor.ESTIMATED


@pytest.mark.parametrize("kind", list(Kind))
def test_each_layer_more_in_main_memory_is_slower(kind) -> None:
    task = Task(kind, 512)
    rates = [on(layers, task=task).rate.middle for layers in (1, 8, 20, 40, 64)]
    assert rates == sorted(rates, reverse=True)
    assert rates[0] < forecast(evidence.forecaster(), CARD, WORK, task).rate.middle


def test_the_width_and_the_words_say_what_is_not_known() -> None:
    whole = forecast(evidence.forecaster(), CARD, WORK, DECODE)
    known, unknown = on(20), on(20, None)
    assert whole.rate.width < known.rate.width
    assert known.wider[0] == "20 of 65 layers compute on the processor, from main memory at 80 GB/s"
    assert "60 GB/s are taken, twice as many or half" in unknown.wider[0]
    assert (
        "which must hold 7.18 GB of it" in unknown.wider[0]
    )  # 20 of 65 layers of 23.3 GB, and their cache of 128 tokens
    low, high = (
        offloaded(evidence.forecaster(), CARD, Host(b, 20, 65), WORK, DECODE).rate.middle for b in (30e9, 120e9)
    )
    assert unknown.rate.low_95 < low < high < unknown.rate.high_95


@pytest.mark.parametrize("task", [DECODE, Task(Kind.PREFILL, 2048)])
def test_the_80_lies_in_the_95(task) -> None:
    rate = on(30, None, task).rate
    assert rate.low_95 < rate.low_80 < rate.middle < rate.high_80 < rate.high_95


@pytest.mark.parametrize("kind", list(Kind))
def test_a_record_such_as_it_names_narrows_it_and_is_one_that_is_learned_from(kind) -> None:
    task = Task(kind, 512)
    before = on(20, task=task)
    own = Hardware("AMD Ryzen 9 7950X", "cpu", "AMD Zen 4", "processor", 80e9, None, measured=True)
    hardware = own if kind is Kind.DECODE else CARD
    assert ("processor" in before.narrows) == (hardware is own)
    middle = forecast(evidence.forecaster(), hardware, WORK, task).rate.middle
    record = Point(hardware, replace(WORK, cache_bytes=None), task, middle, "a lab", 2026.9, Origin.RECORD, "f" * 64)
    after = offloaded(evidence.forecaster_of([record]), CARD, Host(80e9, 20, 65), WORK, task)
    assert after.rate.width < 0.97 * before.rate.width
    assert record in after.basis
