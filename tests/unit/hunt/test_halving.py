"""What a hunt measures next, and what it comes to, from the verdicts alone."""

import math

import numpy as np
import pytest

from harness.errors import BadInput, RunFailed
from harness.hunt.batch import Batch
from harness.hunt.finding import MOST_DROPPED, step_of
from harness.hunt.halving import End, Ended, Measure, Verdict, alpha_of, following, steps
from harness.measure.pair_looks import Answer, PairLooks, looks_until
from tests.support.simulated_hunts import Memory, World, question

C, U, X, S = Verdict.CHANGED, Verdict.UNCHANGED, Verdict.CANNOT_TELL, Verdict.SKIPPED


@pytest.mark.parametrize(
    ("count", "known", "expected"),
    [
        (9, {}, Measure(8)),  # bad first
        (9, {8: U}, Ended(End.NOTHING)),
        (9, {8: X}, Ended(End.CANNOT_TELL)),
        (9, {8: C}, Measure(4)),
        (9, {8: C, 4: U}, Measure(6)),
        (9, {8: C, 4: C}, Measure(2)),
        (9, {8: C, 4: X}, Measure(3)),  # the neighbour
        (9, {8: C, 4: S, 3: X}, Measure(5)),
        (9, {8: C, 4: C, 3: U}, Ended(End.FOUND, 3, 4)),
        (9, {8: C, 1: U, 2: S, 3: X, 4: C}, Ended(End.FOUND, 1, 4, (2, 3))),
        (2, {1: C}, Ended(End.FOUND, 0, 1)),
        (3, {2: C, 1: S}, Ended(End.FOUND, 0, 2, (1,))),
    ],
)
def test_the_middle_of_what_is_open_is_next_until_two_neighbours_differ(count, known, expected):
    assert following(count, known) == expected


@pytest.mark.parametrize("count", [2, 3, 5, 16, 17, 100])
def test_halving_takes_no_more_steps_than_it_says(count):
    for first in range(1, count):
        known, taken = {}, 0
        while isinstance(todo := following(count, known), Measure):
            known[todo.place] = C if todo.place >= first else U
            taken += 1
        assert (todo.end, todo.first, todo.last) == (End.FOUND, first, first - 1)
        assert taken <= steps(count)
    assert alpha_of(count) * steps(count) == pytest.approx(0.05)


def test_a_look_comes_after_the_numbers_that_were_fixed_and_no_others():
    rule = PairLooks(0.03, 0.01, (4, 8))
    assert rule.look([1.0] * 5, [1.0] * 5) is None
    assert rule.look([0.9, 0.901, 0.9, 0.899], [1.0] * 4).answer is Answer.CHANGED
    assert rule.look([1.0, 1.001, 1.0, 0.999], [1.0] * 4).answer is Answer.UNCHANGED
    assert rule.look([1.2, 1.201, 1.2, 1.199], [1.0] * 4).answer is Answer.UNCHANGED  # faster is not slower
    scattered = [0.9, 1.1, 0.8, 1.2]
    assert rule.look(scattered, [1.0] * 4).answer is None
    assert rule.look(scattered * 2, [1.0] * 8).answer is Answer.CANNOT_TELL


def test_its_interval_shares_the_error_among_the_looks():
    random = np.random.default_rng(2)
    values = np.exp(random.normal(0, 0.02, 8)).tolist()
    seen = PairLooks(0.03, 0.01, (4, 8)).look(values, [1.0] * 8)
    assert seen.level == pytest.approx(1 - 2 * 0.01 / 2)
    logs = np.log(values)
    t_of_7_at_99_5_percent = 3.4995
    margin = t_of_7_at_99_5_percent * logs.std(ddof=1) / math.sqrt(8)
    assert seen.low == pytest.approx(math.exp(logs.mean() - margin), rel=1e-4)
    assert seen.high == pytest.approx(math.exp(logs.mean() + margin), rel=1e-4)


@pytest.mark.parametrize("most", [0, 3, 5, -4])
def test_pairs_come_in_fours(most):
    with pytest.raises(BadInput, match="multiple of 4"):
        looks_until(most)


SLOW, FAST = (95, 95, 96, 95), (105, 106, 105, 105)
SAME = (100, 100, 101, 100)


@pytest.mark.parametrize(
    ("metric", "faster", "other", "verdict"),
    [
        ("decode_rate", False, SLOW, C), ("decode_rate", False, FAST, U), ("decode_rate", True, FAST, C),
        ("decode_rate", True, SLOW, U), ("ttft", False, FAST, C), ("ttft", False, SLOW, U), ("ttft", True, SLOW, C),
        ("prefill_rate", False, SLOW, C), ("ttft", True, SAME, U), ("decode_rate", False, SAME, U),
    ],
)  # fmt: skip
def test_slower_is_a_lower_rate_or_a_longer_time(metric, faster, other, verdict):
    step = step_of(question(2, metric=metric, faster=faster), 1, [Batch((100, 101, 100, 100), other)], "")
    assert step.verdict is verdict
    assert step.ratio == pytest.approx(math.prod(other) ** 0.25 / math.prod((100, 101, 100, 100)) ** 0.25)
    assert step.low < step.ratio < step.high


def test_a_batch_whose_own_checks_failed_is_not_used_and_three_of_them_end_it():
    asked, fine, spoilt = question(2), Batch(SAME, SLOW), Batch(SAME, (1, 1, 1, 1), "failed checks: a")
    assert step_of(asked, 1, [spoilt, fine], "").ratio == step_of(asked, 1, [fine], "").ratio
    assert step_of(asked, 1, [spoilt] * (MOST_DROPPED - 1), "").verdict is None
    ended = step_of(asked, 1, [spoilt] * MOST_DROPPED, "")
    assert ended.verdict is X
    assert "failed checks: a" in ended.reason


def test_batches_of_a_model_that_was_replaced_meanwhile_are_not_put_together():
    asked, first, later = question(2), Batch(SAME, SAME, weights="a"), Batch(SAME, SLOW, weights="b")
    undecided = Batch(SAME, (90, 110, 80, 120), weights="a")
    found = step_of(asked, 1, [undecided, later, first], "")
    assert found.dropped == ("the model's file is another one than that of the first pairs",)
    assert found.pairs == 8
    assert step_of(asked, 1, [undecided] + [later] * MOST_DROPPED, "").verdict is X


def test_other_work_and_what_can_not_be_had_are_skipped_with_their_reason():
    assert step_of(question(2), 1, [Batch((), (), unfit="it did other work: depth")], "").verdict is S
    assert step_of(question(2), 1, [], "does not build").reason == "does not build"


def hunted(truth, **how):
    state = Memory(question(len(truth)))
    return World(truth, np.random.default_rng(1), **how).hunt(state), state


def test_what_does_not_build_or_crashes_is_passed_over_and_named():
    found, state = hunted([1, 1, 1, 1, 0.9, 0.9, 0.9], absent=frozenset({3}), crashing=frozenset({2}))
    assert (found.ended.last, found.ended.first, found.ended.between) == (1, 4, (2, 3))
    assert "does not build" in state.reasons[3]
    assert "crashed" in state.reasons[2]
    assert found.to_json()["between"] == ["r2", "r3"]
    assert state.result == found.to_json()


def test_without_good_or_bad_there_is_no_hunt():
    with pytest.raises(RunFailed, match="does not build"):
        hunted([1, 1, 0.9], absent=frozenset({2}))
    with pytest.raises(RunFailed, match="crashed"):
        hunted([1, 1, 0.9], crashing=frozenset({0}))


@pytest.mark.parametrize("place", [0, 2])
@pytest.mark.parametrize(("how", "said"), [("refused", "has no wheel"), ("broken", "no module numpy")])
def test_good_or_bad_that_can_not_be_had_is_no_fault_of_the_words(place, how, said):
    with pytest.raises(RunFailed, match=f"can't be measured: {said}") as told:
        hunted([1, 1, 0.9], **{how: frozenset({place})})
    assert told.value.exit_code == 3
    assert str(told.value).startswith(f"r{place}")


def test_a_middle_one_without_what_a_worker_needs_is_passed_over():
    found, state = hunted([1, 1, 1, 0.9, 0.9], broken=frozenset({2}))
    assert "no module numpy" in state.reasons[2]
    assert (found.ended.last, found.ended.first) == (1, 3)


def test_a_spoilt_batch_is_measured_again():
    found, state = hunted([1, 0.9], failing=1)
    assert found.ended == Ended(End.FOUND, 0, 1)
    assert [bool(one.dropped) for one in state.measured[1]][:2] == [True, False]
