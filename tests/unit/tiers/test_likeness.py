"""Digests, residuals, clocks and edges of the search for copies. Rates of error are in tests/simulation/test_forgers.py."""

from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from harness.errors import RecordInvalid
from harness.tiers.gaps import group_median, rank_digest, residuals
from harness.tiers.likeness import PER_GROUP, PER_PAIR, between, compare_with, exact_digest, fingerprint
from harness.tiers.oddities import clock_tick, oddities
from tests.simulation import forgers

MATRICES = arrays.arrays(np.int64, st.tuples(st.integers(1, 5), st.integers(1, 20)), elements=st.integers(1, 10**9))


def records(count, seed=1, **shape):
    return forgers.group(np.random.default_rng(seed), count, **shape)


def codes(gaps):
    return [oddity.code for oddity in oddities(gaps)]


def test_the_exact_digest_is_of_little_endian_64_bit_integers():
    raw = bytes([1] + [0] * 7 + [2] + [0] * 7 + [0, 1] + [0] * 6 + [3] + [0] * 7)
    assert exact_digest(np.array([[1, 2], [256, 3]])) == sha256(raw).hexdigest()
    turned = np.array([[1, 256], [2, 3]]).T  # another layout in memory, the same matrix
    assert exact_digest(turned) == sha256(raw).hexdigest()


@given(MATRICES, st.integers(1, 50), st.integers(0, 10**9))
def test_the_rank_digest_knows_neither_scale_nor_shift(gaps, factor, shift):
    assert rank_digest(gaps * factor + shift) == rank_digest(gaps)


def test_the_rank_digest_knows_the_order():
    a, b = records(2)
    assert rank_digest(a) != rank_digest(b)
    assert rank_digest(a) != rank_digest(a[::-1])


def test_residuals_are_relative_to_the_group_and_to_the_record_s_own_level():
    gaps = np.array([[100, 220], [100, 200], [110, 200]])
    found = residuals(gaps, np.array([1.0, 2.0]))
    assert found == pytest.approx(np.array([[0, 0.1], [0, 0], [0.1, 0]]))
    assert residuals(gaps * 7, np.array([50.0, 100.0])) == pytest.approx(found)


def test_the_group_s_median_is_a_shape_without_a_level():
    slow, fast = np.array([[200, 400], [200, 400]]), np.array([[10, 20], [10, 20]])
    assert group_median([slow, fast]) == pytest.approx(group_median([fast]))


def test_a_record_is_not_held_against_itself_nor_against_other_configurations():
    own, other = records(2)
    assert compare_with("a", own, {"a": own}, 1) == []
    assert compare_with("a", own, {"short": own[:, :100], "other": other}, 1) == []


def test_each_other_is_reported_once_by_the_strongest_kind_in_the_order_of_ids():
    rng = np.random.default_rng(2)
    own, honest = records(2, seed=2)
    others = {
        "d-noise": forgers.jittered(rng, own, 2),
        "c-scaled": own * 3 + 5_000,
        "b-honest": honest,
        "a-same": own.copy(),
        "e-shuffled": forgers.shuffled(rng, own),
    }
    found = compare_with("own", own, others, 15)
    assert [(one.other, one.kind) for one in found] == [
        ("a-same", "same samples"),
        ("c-scaled", "same order"),
        ("d-noise", "correlated"),
        ("e-shuffled", "too similar"),
    ]
    for one in found:
        assert all(type(value) is int for value in one.evidence.values())
        assert "\n" not in one.text
        assert one.other in one.text


def test_one_exact_trial_among_honest_ones_is_enough():
    a, b = records(2)
    mixed = b.copy()
    mixed[4] = a[7]
    (found,) = compare_with("mixed", mixed, {"a": a}, 1)
    assert (found.kind, found.evidence) == ("same samples", {"trials": 1, "of": 10})


def test_the_same_gaps_cut_into_other_trials_are_the_same_samples():
    (a,) = records(1, trials=10, tokens=130)
    cut = a.reshape(20, 65)
    shared = np.ones(130), np.ones(65)
    found = between("cut", fingerprint(a, shared[0]), fingerprint(cut, shared[1]), 1)
    assert found is not None
    assert found.kind == "same samples"


def test_a_copy_with_trials_left_out_is_caught():
    rng = np.random.default_rng(3)
    (a,) = records(1)
    (found,) = compare_with("fewer", forgers.jittered(rng, a[2:9], 1), {"a": a}, 1)
    assert found.kind == "correlated"
    assert found.evidence["trials"] == 7


def test_more_pairs_ask_for_more_evidence():
    rng = np.random.default_rng(4)
    (a,) = records(1, seed=4)
    copied = forgers.jittered(rng, a, 2)
    looks = (1, 1000, 20_000, 1_000_000)
    limits = [compare_with("c", copied, {"a": a}, pairs)[0].evidence["limit_milli"] for pairs in looks]
    assert PER_GROUP / 1000 > PER_PAIR
    assert limits[0] == limits[1] < limits[2] < limits[3]
    # One-sided normal quantile of 0.7 · 3e-5, from tables.
    assert limits[0] == pytest.approx(4_095, abs=5)


def test_too_few_trials_leave_the_digests():
    a, b = records(2, trials=2)
    rng = np.random.default_rng(5)
    assert compare_with("b", b, {"a": a}, 1) == []
    assert [one.kind for one in compare_with("b", a * 2, {"a": a}, 1)] == ["same order"]
    assert compare_with("b", forgers.jittered(rng, a, 1), {"a": a}, 1) == []


@pytest.mark.parametrize("tick", [1.0, 10.0, 100.0, 1000.0, 125 / 3, 1e9 / 14_318_180])
def test_the_clock_s_tick_is_found_and_is_not_odd_by_itself(tick):
    rng = np.random.default_rng(6)
    made = 5e6 * (1 + 0.02 * rng.standard_t(3, (10, 128)) + 0.01 * rng.normal(size=(10, 1)))
    gaps = forgers.on_a_clock(np.maximum(made, 1e6), tick)
    assert clock_tick(gaps) == pytest.approx(tick, rel=1e-6)
    assert codes(gaps) == (["coarse"] if tick >= 1000 else [])


def test_digits_are_judged_in_ticks():
    rng = np.random.default_rng(7)
    gaps = forgers.on_a_clock(np.maximum(5e6 * (1 + 0.02 * rng.standard_t(3, (10, 128))), 1e6), 100.0)
    assert set(np.unique(gaps % 10)) == {0}
    assert "digits" not in codes(gaps)
    favoured = np.where(rng.random(gaps.shape) < 0.3, gaps // 500 * 500, gaps)  # ticks that end in 0 or 5
    assert "digits" in codes(favoured)


def test_a_coarse_clock_gives_no_likeness_by_chance():
    rng = np.random.default_rng(8)
    made = {str(i): rng.choice([10_000_000, 11_000_000], (10, 128)) for i in range(8)}
    for name, gaps in made.items():
        assert compare_with(name, gaps, made, 28) == []


def test_tokens_that_come_in_chunks_do_not_break_anything():
    rng = np.random.default_rng(9)
    chunked = {}
    for name in "abc":
        gaps = np.zeros((10, 128), dtype=np.int64)
        gaps[:, ::8] = rng.normal(4e7, 1e6, (10, 16)).astype(np.int64)
        chunked[name] = gaps
    assert compare_with("a", chunked["a"], chunked, 3) == []
    assert [one.kind for one in compare_with("x", chunked["a"] * 2, {"a": chunked["a"]}, 1)] == ["same order"]
    oddities(chunked["a"])


def test_constant_gaps_are_too_steady():
    assert codes(np.full((10, 128), 5_000_123)) == ["steady"]


def test_few_gaps_are_not_judged():
    assert oddities(np.full((7, 7), 5_000_000)) == []


@pytest.mark.parametrize(
    "gaps",
    [np.zeros((0, 5), np.int64), np.zeros((3, 0), np.int64), np.ones(5, np.int64), np.array([[1, -1]])],
    ids=["no trials", "no tokens", "one axis", "negative"],
)
def test_what_is_no_trials_is_refused(gaps):
    with pytest.raises(RecordInvalid, match="likeness"):
        oddities(gaps)
    with pytest.raises(RecordInvalid, match="likeness"):
        compare_with("a", gaps, {}, 1)


def test_another_record_that_is_no_trials_is_left_out():
    a, b = records(2)
    others = {
        "flat": np.ones(128, np.int64),
        "empty": np.zeros((0, 128), np.int64),
        "negative": -a,
        "zero": 0 * a,
        "b": b,
    }
    assert compare_with("a", a, others, 5) == []


@given(
    arrays.arrays(np.int64, st.tuples(st.integers(1, 6), st.integers(1, 40)), elements=st.integers(0, 10**10)),
    st.integers(0, 2),
)
def test_any_gaps_give_an_answer(gaps, seed):
    other = np.random.default_rng(seed).integers(1, 10**7, gaps.shape)
    for one in (*compare_with("a", gaps, {"b": other, "c": gaps}, 3), *oddities(gaps)):
        assert one.text
        assert all(type(value) is int for value in one.evidence.values())
