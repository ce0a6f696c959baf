"""What a fleet cost: every try of a job, whether it ended, was cut off, was killed, or was tried again."""

import os
import time

import pytest

from harness.catalog.machines import Machine
from harness.catalog.triples import Triple
from harness.errors import Interrupted
from harness.fleet import job as jobs
from harness.fleet import state as states
from harness.fleet.measured import Ways
from harness.fleet.outcome import Ending, Outcome, Standing, Status
from harness.fleet.plan import Job, Plan
from harness.fleet.report import report


@pytest.fixture
def state(tmp_path, request):
    node = f"spent-{request.node.name[:40]}"
    planned = tuple(
        Job(number=n, machine="all", node=node, repeat=0, triple=Triple(model="m", runtime="simulated"))
        for n in range(2)
    )
    plan = Plan(
        id="x", matrix="m", title="m", sha256="0" * 64, executor="local", seed=0, machines=(Machine(name="all"),), jobs=planned,
        budget_s=4030,
    )  # fmt: skip
    return states.create(tmp_path / "state", plan)


def ended(state, ending, seconds, earlier=0.0):
    node = state.plan.jobs[0].node
    return Outcome(
        number=0, node=node, ending=ending, started_utc="2026-01-01T00:00:00Z", job_s=seconds, earlier_s=earlier
    )


def run(state, bench, number=0):
    return jobs.run_job(state, number, "test", ways=Ways(bench=bench), examine=lambda *_: ())


def refused(_request, _progress):
    from harness.errors import RunFailed

    raise RunFailed("the worker died")


def test_a_job_that_failed_for_long_and_is_tried_again_has_cost_both(state):
    state.begin_attempt(0, "first")
    state.end_attempt(0, 0.0)
    state.conclude(ended(state, Ending.FAILED, 4000.0))
    state.reopen(0)
    assert state.spent_s(0) == 4000.0  # its budget is used, whether or not it has ended again
    assert run(state, refused)
    outcome = state.outcome(0)
    assert outcome.earlier_s == 4000.0
    assert state.spent_s(0) == pytest.approx(4000.0 + outcome.job_s)
    made = report(state.plan, [Standing(state.plan.jobs[0], Status.FAILED, outcome)], {}, {})
    assert made.node_hours == pytest.approx((4000.0 + outcome.job_s) / 3600)


def test_the_budget_counts_what_was_tried_before(state):
    state.conclude(ended(state, Ending.FAILED, 4040.0))
    state.reopen(0)
    assert run(state, refused, 1)
    assert state.outcome(1).ending is Ending.LEFT_OUT


def test_what_is_cut_off_counts_and_so_does_each_time(state):
    def stopped(_request, _progress):
        time.sleep(0.2)
        raise Interrupted("pre-empted")

    for _ in range(2):
        with pytest.raises(Interrupted):
            run(state, stopped)
    assert 0.4 <= state.spent_s(0) < 60
    assert run(state, refused)
    assert state.outcome(0).earlier_s >= 0.4


def test_what_was_cut_off_counts_where_the_job_may_not_begin_again(state):
    def stopped(_request, _progress):
        time.sleep(0.2)
        raise Interrupted("pre-empted")

    with pytest.raises(Interrupted):
        run(state, stopped)
    state.drain(state.plan.jobs[0].node, "it is hot")
    assert run(state, refused)
    outcome = state.outcome(0)
    assert outcome.ending is Ending.DRAINED
    assert outcome.earlier_s >= 0.2


def test_a_kill_counts_until_the_last_sign_of_its_run(state):
    state.begin_attempt(0, "killed")
    journal = state.results(0) / ".partial" / "process-0"
    journal.parent.mkdir(parents=True)
    journal.write_text("")
    os.utime(journal, (time.time() + 100, time.time() + 100))
    assert 90 < state.spent_s(0) < 110
    state.begin_attempt(0, "again")  # hours in the queue are nobody's time
    os.utime(journal, (time.time() + 5000, time.time() + 5000))
    state.end_attempt(0, 1.0)
    assert 90 < state.spent_s(0) < 112


def test_what_is_not_over_is_in_the_report(state):
    found = [Standing(one, Status.LOST) for one in state.plan.jobs]
    assert report(state.plan, found, {}, {}, unfinished_s=7200.0).node_hours == 2.0
