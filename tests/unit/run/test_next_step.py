"""What a run does next."""

from harness.errors import BadInput, RunFailed
from harness.measure.stopping import FixedNumber, Rule, SequentialLooks
from harness.run.execute.next_step import Failure, Finish, GiveUp, RunProcess, SoFar, next_step

LOOKS = SequentialLooks()


def progress(medians=(), failures=(), used=None, elapsed=10.0):
    return SoFar(medians, failures, len(medians) + len(failures) if used is None else used, elapsed, 10.0)


def test_three_quiet_processes_are_enough():
    assert next_step(progress(), LOOKS, 600) == RunProcess(0)
    assert next_step(progress((80.0, 80.1)), LOOKS, 600) == RunProcess(2)
    step = next_step(progress((80.0, 80.1, 79.9)), LOOKS, 600)
    assert isinstance(step, Finish)
    assert step.decision.rule is Rule.PRECISE


def test_noisy_processes_are_continued_until_the_budget_ends():
    noisy = (80.0, 88.0, 74.0)
    assert next_step(progress(noisy), LOOKS, 600) == RunProcess(3)
    step = next_step(progress(noisy, elapsed=590), LOOKS, 600)
    assert isinstance(step, Finish)
    assert step.decision.rule is Rule.BUDGET
    assert not step.decision.precise


def test_one_failure_is_survived_and_a_second_ends_the_run():
    crash = Failure(0, RunFailed("the worker was killed"))
    assert next_step(progress((), (crash,)), LOOKS, 600) == RunProcess(1)
    assert isinstance(next_step(progress((), (crash, crash)), LOOKS, 600), GiveUp)


def test_bad_input_is_final_at_once():
    other_ids = RunFailed("11 tokens in place of 5", where="tokenizer", code="tokenizer")
    assert isinstance(next_step(progress((), (Failure(0, other_ids),)), LOOKS, 600), GiveUp)
    assert isinstance(next_step(progress((), (Failure(0, BadInput("context")),)), FixedNumber(3), 600), GiveUp)
