"""Bounds on rates: they come from device and model, grow with both as they should, and say in a sentence what they refuse."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import BadInput
from harness.tiers.physics import Ceiling, decode_ceiling, impossible, prefill_ceiling

amounts = st.floats(min_value=1e6, max_value=1e16)
counts = st.integers(min_value=1, max_value=64)


def test_a_token_takes_as_long_as_its_weights_take_to_be_read():
    # 936.2 GB/s and 5 GB: 187.24 times a second.
    assert decode_ceiling(936.2e9, 1, 5e9) == pytest.approx(187.24)


def test_a_prompts_token_takes_two_operations_for_every_parameter():
    # 660.6 Top/s and 8 billion parameters: 16 billion operations a token.
    assert prefill_ceiling(660.6e12, 1, 8e9) == pytest.approx(41287.5)


@given(amounts, counts, amounts)
def test_n_devices_lift_both_bounds_n_times(figure, devices, model):
    for ceiling in (decode_ceiling, prefill_ceiling):
        assert ceiling(figure, devices, model) == pytest.approx(devices * ceiling(figure, 1, model))
    assert decode_ceiling(figure, 2, model) == 2 * decode_ceiling(figure, 1, model)


@given(amounts, counts, amounts, st.floats(min_value=1.01, max_value=100))
def test_a_faster_device_lifts_a_bound_and_a_larger_model_lowers_it(figure, devices, model, times):
    for ceiling in (decode_ceiling, prefill_ceiling):
        assert ceiling(figure * times, devices, model) > ceiling(figure, devices, model)
        assert ceiling(figure, devices, model * times) < ceiling(figure, devices, model)


def test_no_bound_is_a_fixed_maximum():
    assert decode_ceiling(8e12, 8, 1e6) == 64e6


@pytest.mark.parametrize("ceiling", [decode_ceiling, prefill_ceiling])
@pytest.mark.parametrize("figures", [(0, 1, 1e9), (1e12, 0, 1e9), (1e12, 1, 0), (-1e12, 1, 1e9), (1e12, 1, math.nan)])
def test_nothing_bounds_nothing(ceiling, figures):
    with pytest.raises(BadInput, match="each above 0"):
        ceiling(*figures)


BOUND = Ceiling(200.0, "1008 GB/s of one GeForce RTX 4090")


@pytest.mark.parametrize("rate", [0.0, 199.0, 200.0, 210.0])
def test_a_rate_up_to_bound_and_margin_passes(rate):
    assert impossible(rate, BOUND, 0.05) == ""


def test_a_rate_above_it_gets_a_sentence_with_the_numbers():
    said = impossible(421.0, BOUND, 0.05)
    assert said == "421.0 tokens/s is 2.10 times the 200.0 that 1008 GB/s of one GeForce RTX 4090 allows"
    assert impossible(210.1, BOUND, 0.05)
    assert impossible(200.1, BOUND, 0.0)


def test_what_is_no_number_is_no_possible_rate():
    assert impossible(math.nan, BOUND, 0.05)
    assert impossible(math.inf, BOUND, 0.05)


@given(amounts, amounts, st.floats(min_value=0, max_value=1))
def test_a_wider_margin_never_refuses_more(rate, bound, margin):
    ceiling = Ceiling(bound, "a device")
    if not impossible(rate, ceiling, margin):
        assert not impossible(rate, ceiling, margin + 0.1)
