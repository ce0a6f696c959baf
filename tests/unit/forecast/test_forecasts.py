"""What is foretold of what was not measured: its class, its width, what it rests on."""

import math
from dataclasses import astuple, replace

import numpy as np
import pytest

from harness import evidence
from harness.catalog import devices
from harness.errors import BadInput
from harness.forecast import forecaster, odd
from harness.forecast.conformal import reach
from harness.forecast.effects import OF_MACHINE
from harness.forecast.evidence import hardware_of, merged
from harness.forecast.forecaster import (
    Unseen,
    forecast,
    keys_of,
    learned,
    rate_of,
    rates_of,
    reach_elsewhere,
    seen,
    unseen,
)
from harness.forecast.physics import bandwidth_ratio, ideal_seconds, most_per_s
from harness.forecast.pooling import groups_of
from harness.forecast.values import Hardware, Kind, Origin, Task
from harness.tiers.anchor import Anchor

DECODE = Task(Kind.DECODE, 128)
QWEN = next(p.work for p in evidence.shipped().points if p.work.model == "qwen3 8B" and p.work.quantisation == "Q4_K")
NEVER = replace(QWEN, model="qwen3 9.9B")


def part(name, family):
    return hardware_of(devices.find(name), family)


def width(hardware, work, task=DECODE):
    return forecast(evidence.forecaster(), hardware, work, task).rate.width


@pytest.mark.parametrize(
    ("name", "family", "work", "anchor"),
    [
        ("Radeon RX 7800 XT", "vulkan", QWEN, Anchor.NEARBY),
        ("GeForce RTX 4090", "cuda", QWEN, Anchor.EXTRAPOLATED),
        ("GeForce RTX 4070", "cuda", QWEN, Anchor.EXTRAPOLATED),
        ("GeForce RTX 4070", "cuda", NEVER, Anchor.ESTIMATED),
    ],
)
def test_the_class_says_how_near_the_measurements_are(name, family, work, anchor):
    found = forecast(evidence.forecaster(), part(name, family), work, DECODE)
    assert found.anchor is anchor
    assert found.basis
    assert found.narrows.startswith(("a record of ", "several records"))
    rate = found.rate
    assert rate.low_95 < rate.low_80 < rate.middle < rate.high_80 <= rate.high_95


@pytest.mark.parametrize(("count", "anchor"), [(1, Anchor.NEARBY), (2, Anchor.NEARBY), (5, Anchor.EXTRAPOLATED)])
def test_so_many_of_a_device_that_nobody_measured_with_the_model_are_no_measurement_nearby(count, anchor):
    own = replace(part("GeForce RTX 3090", "cuda"), count=count)
    llama = next(p.work for p in evidence.shipped().points if p.work.model == "llama 8B")
    for task in (DECODE, Task(Kind.PREFILL, 512)):
        assert forecast(evidence.forecaster(), own, llama, task).anchor is anchor


@pytest.mark.parametrize(("billions", "anchor"), [(6.74, Anchor.NEARBY), (7.24, Anchor.EXTRAPOLATED)])
def test_another_model_that_llama_bench_calls_the_same_is_no_measurement_nearby(billions, anchor):
    # Llama 2 7B was measured on this device, Mistral 7B elsewhere.
    model = next(
        p.work
        for p in evidence.shipped().points
        if p.work.model == "llama 7B" and round(p.work.parameters / 1e9, 2) == billions
    )
    for task in (DECODE, Task(Kind.PREFILL, 512)):
        assert forecast(evidence.forecaster(), part("Radeon 8060S", "vulkan"), model, task).anchor is anchor


def test_prefill_reaches_farther_on_a_device_that_nobody_measured_and_there_alone():
    known = evidence.forecaster().learned[Kind.PREFILL]
    plain = replace(known, pool=replace(known.pool, spread=replace(known.pool.spread, elsewhere=(0.0, 0.0))))
    seen_part, new_part = part("Radeon RX 7800 XT", "vulkan"), part("GeForce RTX 4070", "cuda")
    task = Task(Kind.PREFILL, 512)
    for hardware, farther in ((seen_part, False), (new_part, True)):
        for work in (QWEN, NEVER):
            (now, _), (before, _) = (rate_of(one, (hardware, work, task)) for one in (known, plain))
            assert now.middle == before.middle
            assert (now.width > 1.1 * before.width) is farther
            assert (now == before) is not farther
    short = replace(known.pool, spread=replace(known.pool.spread, elsewhere=(0.1, 0.1)))
    assert reach_elsewhere(replace(known, pool=short)) == known.reach  # never less than anybody else's


@pytest.mark.parametrize("kind", Kind)
def test_what_rests_on_more_reaches_no_fewer_deviations(kind):
    """One reach for all, no less than what any situation asks for: who knows less is told apart by the deviation alone."""
    part = evidence.forecaster().learned[kind]
    assert 1.0 < part.reach.of_80 < part.reach.of_95 < 4.0
    for missing in (Unseen.CONTEXT, Unseen.PAIR, Unseen.MODEL, Unseen.DEVICE):
        keys = keys_of(missing, part.points, part.pool)
        residual, deviation = part.pool.elsewhere(groups_of(keys), part.pool.shared(OF_MACHINE))
        asked = reach(np.abs(residual / deviation), keys)
        assert part.reach.of_80 >= asked.of_80
        assert part.reach.of_95 >= asked.of_95


@pytest.mark.parametrize("task", [DECODE, replace(DECODE, depth=4096), Task(Kind.PREFILL, 4096)])
@pytest.mark.parametrize("strange", ["gemma2", "cohere2", "mamba"])
@pytest.mark.parametrize(("name", "family"), [("Radeon RX 7900 XTX", "rocm"), ("GeForce RTX 4090", "cuda")])
def test_an_architecture_that_nobody_measured_is_wider_than_one_that_many_did_and_is_named(name, family, strange, task):
    device, never = part(name, family), replace(QWEN, model=f"{strange} 8B")
    told = forecast(evidence.forecaster(), device, never, task)
    for known in ("llama 8B", "qwen3 8B"):
        own = forecast(evidence.forecaster(), device, replace(QWEN, model=known), task)
        assert told.rate.width > 1.05 * own.rate.width
        assert not own.wider
    assert told.wider == (f"the architecture {strange} was never measured",)


def test_an_architecture_that_was_measured_with_other_kernels_says_so():
    told = forecast(evidence.forecaster(), part("Arc B580", "sycl"), replace(QWEN, model="deepseek2 8B"), DECODE)
    assert told.wider == ("the architecture deepseek2 was never measured with sycl",)


@pytest.mark.parametrize(
    ("name", "family", "kind", "told"),
    [
        ("GeForce RTX 4090", "cuda", "NVFP4", "the file type NVFP4 was never measured"),
        ("GeForce RTX 4090", "cuda", "TQ1_0", "the file type TQ1_0 was never measured with cuda"),
        ("GeForce RTX 4090", "cuda", "", "the file type is not known"),
        ("GeForce GTX 1080 Ti", "cuda", "Q4_K", "the generation NVIDIA Pascal was never measured"),
        ("Apple M2", "vulkan", "Q4_K", "the generation Apple M2 was never measured with vulkan"),
    ],
)
def test_a_file_type_and_a_generation_that_nobody_measured_with_these_kernels_are_named(name, family, kind, told):
    found = forecast(evidence.forecaster(), part(name, family), replace(QWEN, quantisation=kind), DECODE)
    assert told in found.wider


def test_what_was_measured_in_odd_runs_alone_is_not_said_to_be_never_measured():
    found = forecast(evidence.forecaster(), part("Arc A770 16 GB", "sycl"), QWEN, DECODE)
    assert "the generation Intel Xe-HPG was measured with sycl in odd runs alone" in found.wider
    assert not any("Xe-HPG was never" in reason for reason in found.wider)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("GeForce RTX 4090 D", True),
        ("Radeon RX 9070 GRE", True),
        ("GeForce RTX 4090", False),
        ("GeForce RTX 3060 12 GB", False),
    ],
)
def test_a_prompt_on_a_part_without_published_arithmetic_says_why_it_is_wide(name, said):
    own = part(name, "rocm" if name.startswith("Radeon") else "cuda")
    prompt, decode = (forecast(evidence.forecaster(), own, QWEN, task) for task in (Task(Kind.PREFILL, 512), DECODE))
    assert any(reason.startswith("no document has its arithmetic") for reason in prompt.wider) is said
    assert not any("arithmetic" in reason for reason in decode.wider)


def test_prompts_on_a_part_without_published_arithmetic_are_told_as_those_of_its_like():
    # The RTX 4090 D has the 4090's memory and nine tenths of its arithmetic.
    ours, theirs = (
        forecast(evidence.forecaster(), part(name, "cuda"), QWEN, Task(Kind.PREFILL, 512)).rate
        for name in ("GeForce RTX 4090 D", "GeForce RTX 4090")
    )
    assert 0.6 < ours.middle / theirs.middle < 1.2
    assert ours.high_95 / ours.low_95 > theirs.high_95 / theirs.low_95


def test_what_is_taken_from_its_like_bounds_nothing():
    own = part("GeForce RTX 4090 D", "cuda")
    assert (own.peak_flops, own.like_flops is not None) == (None, True)
    assert most_per_s(own, QWEN, Task(Kind.PREFILL, 512)) == math.inf


def test_no_forecast_is_a_measured_class():
    assert {Anchor.MEASURED, Anchor.COMMUNITY}.isdisjoint({Anchor.NEARBY, Anchor.EXTRAPOLATED, Anchor.ESTIMATED})


def test_a_device_that_nobody_measured_is_less_certain_than_one_that_many_did():
    other = replace(QWEN, model="llama 8B")
    assert width(part("Radeon RX 7600", "vulkan"), other) > width(part("Radeon 8060S", "vulkan"), other)


def test_a_processor_an_unknown_model_and_experts_say_so_by_their_width():
    cpu = Hardware("some processor", "cpu", "unknown", "processor", 60e9, None)
    assert width(cpu, QWEN) > 2 * width(part("GeForce RTX 3090", "cuda"), QWEN)
    assert width(part("GeForce RTX 4070", "cuda"), NEVER) > width(part("GeForce RTX 4070", "cuda"), QWEN)
    assert width(part("GeForce RTX 4070", "cuda"), replace(NEVER, experts=True, quantisation="")) > width(
        part("GeForce RTX 4070", "cuda"), NEVER
    )


def test_a_split_over_devices_reads_at_the_bandwidth_of_one():
    one = part("GeForce RTX 3090", "cuda")
    assert ideal_seconds(replace(one, count=4), QWEN, DECODE) == ideal_seconds(one, QWEN, DECODE)


def test_a_deeper_context_reads_more():
    one = part("GeForce RTX 3090", "cuda")
    assert ideal_seconds(one, QWEN, Task(Kind.DECODE, 128, 32768)) > 1.5 * ideal_seconds(one, QWEN, DECODE)


def test_a_backend_that_nothing_was_measured_with_is_refused():
    with pytest.raises(BadInput, match="nothing was measured with this backend"):
        forecast(evidence.forecaster(), replace(part("GeForce RTX 4070", "cuda"), family="npu"), QWEN, DECODE)


def test_a_record_on_the_device_narrows_its_forecast_and_is_named():
    asked = part("GeForce RTX 4070", "cuda")
    near = next(
        p
        for p in evidence.shipped().points
        if p.work.model == "llama 8B" and p.work.quantisation == "Q4_K" and p.task == DECODE
    )
    record = replace(
        near, hardware=asked, tokens_per_s=75.0, lab="a rig", when=2026.7, origin=Origin.RECORD, source="f" * 64
    )
    after = forecast(evidence.forecaster_of([record]), asked, near.work, DECODE)
    before = forecast(evidence.forecaster(), asked, near.work, DECODE)
    assert after.anchor is Anchor.NEARBY
    assert after.rate.width < before.rate.width
    assert abs(after.rate.middle - 75) < abs(before.rate.middle - 75)
    assert after.basis[0].source == "f" * 64


@pytest.mark.parametrize("task", [DECODE, Task(Kind.PREFILL, 512)])
def test_a_part_that_is_sold_with_two_speeds_of_memory_may_be_either(task):
    own = part("GeForce RTX 3060 Ti", "cuda")
    fast, slow = (
        replace(own, slower_bytes_per_s=None),
        replace(own, slower_bytes_per_s=None, bandwidth_bytes_per_s=448e9),
    )
    found, above, below = (forecast(evidence.forecaster(), one, QWEN, task) for one in (own, fast, slow))
    assert "parts of this name have memory of 448 or of 608 GB/s" in found.wider
    assert below.rate.middle < found.rate.middle < above.rate.middle
    assert (found.rate.low_80, found.rate.low_95) == (below.rate.low_80, below.rate.low_95)
    assert (found.rate.high_80, found.rate.high_95) == (above.rate.high_80, above.rate.high_95)


def test_what_was_not_seen_is_told_by_device_and_model_with_one_family():
    points = [p for p in evidence.shipped().points if p.hardware.family == "cuda"]
    assert unseen(seen(points), part("GeForce RTX 4090", "vulkan"), QWEN) is Unseen.DEVICE


def test_a_run_that_fell_back_to_the_processor_is_named_and_moves_nothing():
    points, _ = merged(p for p in evidence.shipped().points if p.task.kind is Kind.DECODE)
    place = next(i for i, p in enumerate(points) if p.hardware.name == "RTX A6000" and p.work.model == "llama 70B")
    planted = [replace(p, tokens_per_s=0.8) if i == place else p for i, p in enumerate(points)]
    found = learned(Kind.DECODE, planted, evidence.spreads()[Kind.DECODE])
    assert place in found.odd
    assert found.odd[place] < 0.2
    assert points[place].lab in {p.lab for p in found.points}  # its neighbours stay


@pytest.mark.parametrize(("rate", "deviation", "odd_one"), [(100, 11, True), (100, 9, False), (100, None, False)])
def test_repetitions_that_disagree_are_unsteady(rate, deviation, odd_one):
    assert odd.is_unsteady(rate, deviation) is odd_one


def test_the_ratio_of_two_bandwidths_is_what_memory_makes_of_a_hub():
    assert bandwidth_ratio(504e9, 1008e9) == 0.5


@pytest.mark.parametrize("kind", Kind)
def test_many_questions_at_once_are_answered_as_each_alone(kind, monkeypatch):
    """Of unlike tasks, in parts, and a device twice, as another object: what is shared is computed once, and changes nothing."""
    known = evidence.forecaster().learned[kind]
    cards = [part("Radeon RX 7800 XT", "vulkan"), part("GeForce RTX 4090", "cuda"), part("GeForce RTX 4070", "cuda")]
    cards.append(replace(cards[0]))
    tasks = [Task(kind, 512), Task(kind, 512, 4096), Task(kind, 700)]
    asked = [(card, work, task) for card in cards for work in (QWEN, NEVER) for task in tasks]
    monkeypatch.setattr(forecaster, "AT_ONCE", 20)
    found = rates_of(known, asked)
    assert len({round(rate.middle, 6) for rate, _ in found}) == 18  # of 24: one device is asked of twice
    for (rate, wider), question in zip(found, asked, strict=True):
        alone, why = rate_of(known, question)
        assert astuple(rate) == pytest.approx(astuple(alone), rel=1e-9)
        assert wider == why
