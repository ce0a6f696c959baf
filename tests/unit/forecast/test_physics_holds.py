"""What no forecast may do, whatever was measured: beat the memory, grow with the model, speed up behind a longer context."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from harness import evidence
from harness.catalog import devices
from harness.errors import BadInput
from harness.forecast.conformal import Reach
from harness.forecast.evidence import hardware_of
from harness.forecast.forecaster import forecast, rate_of
from harness.forecast.limits import MOST
from harness.forecast.physics import cache_share, ideal_seconds, most_per_s
from harness.forecast.values import Hardware, Interval, Kind, Task, Work

PARTS = [
    part for device in devices.table() if (part := hardware_of(device, {"NVIDIA": "cuda", "AMD": "rocm", "Apple": "metal"}.get(device.vendor, "vulkan")))
]  # fmt: skip
WORKS = sorted(
    {p.work for p in evidence.shipped().points if p.work.cache_bytes}, key=lambda work: (work.model, work.file_bytes)
)
DECODE = Task(Kind.DECODE, 128)
NEAR = 1 + 1e-9


def rate(hardware: Hardware, work: Work, task: Task) -> Interval:
    return forecast(evidence.forecaster(), hardware, work, task).rate


def larger(work: Work, times: float) -> Work:
    """A model of the same kind, so many times as large."""
    return replace(
        work, token_bytes=work.token_bytes * times, file_bytes=work.file_bytes * times, parameters=work.parameters * times,
        active_parameters=work.active_parameters * times, cache_bytes=(work.cache_bytes or 0) * times, layers=work.layers,
    )  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(PARTS), st.sampled_from(WORKS), st.sampled_from([0, 700, 4096, 30_000]), st.sampled_from(list(Kind))
)
def test_intervals_lie_in_each_other_and_below_what_memory_and_arithmetic_allow(hardware, work, depth, kind) -> None:
    task = Task(kind, 128, depth)
    found = rate(hardware, work, task)
    assert 0 < found.low_95 <= found.low_80 <= found.middle <= found.high_80 <= found.high_95
    assert found.high_95 <= most_per_s(hardware, work, Task(kind, 128)) * NEAR
    if depth in (0, 4096):
        assert found.high_95 <= most_per_s(hardware, work, task) * NEAR


def test_an_interval_above_what_memory_allows_is_moved_below_it_and_keeps_its_width():
    part = evidence.forecaster().learned[Kind.DECODE]
    surest = replace(part, reach=Reach(of_80=0.01, of_95=0.02))
    work = next(work for work in WORKS if (work.model, work.quantisation) == ("gemma3 27B", "F16"))
    hardware = next(one for one in PARTS if one.name == "GB10")
    found, _ = rate_of(surest, (hardware, work, DECODE))
    most = most_per_s(hardware, work, DECODE)
    assert found.middle == pytest.approx(most)
    assert found.low_95 < found.low_80 < most * 0.999


# Behind twice the longest context that was measured nobody knows more: the ends reached higher there than before it.
@example(
    next(part for part in PARTS if part.name == "A100 SXM 80 GB"),
    next(work for work in WORKS if work.model == "gpt-oss 20B"), [32_768, 65_536, 70_000, 100_000, 131_072],
)  # fmt: skip
@settings(max_examples=15, deadline=None)
@given(st.sampled_from(PARTS), st.sampled_from(WORKS), st.lists(st.integers(0, 200_000), min_size=2, max_size=5))
def test_a_longer_context_is_never_faster(hardware, work, depths) -> None:
    found = [rate(hardware, work, Task(Kind.DECODE, 128, depth)) for depth in sorted(depths)]
    for end in ("middle", "low_80", "high_80", "low_95", "high_95"):
        ends = [getattr(one, end) for one in found]
        assert all(a * NEAR >= b for a, b in itertools.pairwise(ends)), end


@settings(max_examples=15, deadline=None)
@given(st.sampled_from(PARTS), st.sampled_from(WORKS), st.floats(1.01, 3))
def test_a_larger_model_is_never_faster(hardware, work, times) -> None:
    try:
        found = rate(hardware, larger(work, times), DECODE)
    except BadInput:
        return
    assert found.middle <= rate(hardware, work, DECODE).middle * NEAR


@settings(max_examples=15, deadline=None)
@given(st.sampled_from(PARTS), st.sampled_from(WORKS), st.floats(1.01, 3))
def test_more_bandwidth_is_never_slower(hardware, work, times) -> None:
    fast = replace(hardware, bandwidth_bytes_per_s=hardware.bandwidth_bytes_per_s * times)
    try:
        found = rate(fast, work, DECODE)
    except BadInput:
        return
    assert found.middle * NEAR >= rate(hardware, work, DECODE).middle


# Of a mixture whose weights are read for a short prompt already: the fit alone told less time for 109 tokens than for 27.
@example(
    Hardware("Radeon RX 9060 XT 8 GB", "rocm", "AMD RDNA 4", "desktop", 320e9, 205e12),
    next(work for work in WORKS if (work.model, work.quantisation) == ("deepseek2 16B", "Q2_K")), 27, 4.0,
)  # fmt: skip
@settings(max_examples=40, deadline=None)
@given(st.sampled_from(PARTS), st.sampled_from(WORKS), st.integers(1, 15_000), st.floats(1.001, 4))
def test_a_longer_prompt_never_takes_less_time(hardware, work, tokens, times) -> None:
    short, long = (Task(Kind.PREFILL, n) for n in (tokens, round(tokens * times) + 1))
    assert short.tokens / rate(hardware, work, short).middle <= long.tokens / rate(hardware, work, long).middle * NEAR


USUAL = next(work for work in WORKS if work.model == "llama 8B" and work.quantisation == "Q4_K")
CARD = next(part for part in PARTS if part.name == "GeForce RTX 4090")


@pytest.mark.parametrize(
    ("hardware", "work", "task", "told"),
    [
        (
            CARD,
            replace(USUAL, parameters=5, active_parameters=5, token_bytes=9, file_bytes=9),
            DECODE,
            "the model's size",
        ),
        (CARD, replace(USUAL, active_parameters=8e12, parameters=8e12), DECODE, "the model's size"),
        (CARD, USUAL, Task(Kind.DECODE, 128, 1_000_000), "the context"),
        (CARD, USUAL, Task(Kind.PREFILL, 1_000_000), "the context"),
        (replace(CARD, bandwidth_bytes_per_s=1e9), USUAL, DECODE, "the bandwidth of this device"),
        (replace(CARD, bandwidth_bytes_per_s=1e14), USUAL, DECODE, "the bandwidth of this device"),
        (replace(CARD, count=100), USUAL, DECODE, "the number of devices"),
    ],
)
def test_what_lies_far_outside_of_all_that_was_measured_is_refused(hardware, work, task, told) -> None:
    with pytest.raises(BadInput, match=f"{told}.* too far from all that was measured"):
        forecast(evidence.forecaster(), hardware, work, task)


@pytest.mark.parametrize(
    ("hardware", "task", "told"),
    [
        (CARD, Task(Kind.DECODE, 128, 131_072), "the context"),
        (replace(CARD, bandwidth_bytes_per_s=8e12, bounded=False), DECODE, "the bandwidth"),
        (replace(CARD, count=32), DECODE, "the number of devices"),
    ],
)
def test_what_lies_a_little_outside_is_wider_and_says_why(hardware, task, told) -> None:
    found = forecast(evidence.forecaster(), hardware, USUAL, task)
    near = forecast(evidence.forecaster(), CARD, USUAL, replace(task, depth=min(task.depth, 32_768)))
    assert any(reason.startswith(told) for reason in found.wider)
    assert not any("e+" in reason for reason in found.wider)  # figures, not exponents
    assert not near.wider
    assert found.rate.width > near.rate.width


def test_a_processor_is_never_refused_for_its_memory_and_says_so_by_its_width() -> None:
    slow = Hardware("a small board", "cpu", "unknown", "processor", 5e9, None, measured=True)
    found = forecast(evidence.forecaster(), slow, USUAL, DECODE)
    assert found.rate.width > MOST**2
    assert any("this processor" in reason for reason in found.wider)
    assert math.isinf(most_per_s(slow, USUAL, DECODE))


@pytest.mark.parametrize("kind", list(Kind))
def test_the_caches_share_grows_with_the_context_and_stays_a_share(kind):
    for hardware, work in itertools.product(PARTS[::7], WORKS[::5]):
        shares = [share(hardware, work, Task(kind, 128, depth)) for depth in (0, 512, 8192, 1 << 20)]
        assert shares == sorted(shares)
        assert (shares[0] > 0, shares[-1] < 1) == (True, True)
    assert share(PARTS[0], replace(WORKS[0], cache_bytes=None), Task(kind, 128)) == 0


def share(hardware: Hardware, work: Work, task: Task) -> float:
    return cache_share(hardware, work, task, ideal_seconds(hardware, work, task))
