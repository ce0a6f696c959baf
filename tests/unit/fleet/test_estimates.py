"""How long a job will take: by earlier runs of the same work, by its number of processes; else nobody knows."""

import pytest

from harness.catalog.machines import Machine
from harness.catalog.triples import Triple
from harness.errors import BadInput
from harness.fleet import estimates
from harness.fleet.estimates import Past, estimate_s
from harness.fleet.plan import Job, Plan

STEP = {"step_us": 100}


def past(seconds, processes, options=STEP):
    return Past("tiny.gguf", "simulated", "quick", frozenset(options.items()), processes, seconds)


def triple(**more):
    return Triple(**({"model": "/models/tiny.gguf", "runtime": "simulated", "suite": "quick", "options": STEP} | more))


@pytest.mark.parametrize(
    ("asked", "known", "seconds"),
    [
        ({"processes": 1}, [past(3600.0, 60)], 60.0),  # an hour was sixty processes
        ({"processes": 6}, [past(30.0, 3), past(40.0, 4), past(200.0, 1)], 60.0),
        ({}, [past(30.0, 3), past(50.0, 5)], 40.0),  # the stopping rule decides, as it did
        ({"processes": 10, "budget_s": 45}, [past(30.0, 3)], 45.0),
        ({"options": {"step_us": 1000}}, [past(30.0, 3)], None),
        ({"options": {}}, [past(30.0, 3)], None),
        ({"suite": "default"}, [past(30.0, 3)], None),
        ({}, [], None),
    ],
)
def test_an_estimate_is_of_the_same_work_and_as_many_processes(asked, known, seconds):
    assert estimate_s(triple(**asked), known) == seconds


def test_what_a_run_was_asked_for_is_read_from_its_record(simulated_record):
    (one,) = estimates.past(simulated_record.parent.parent)[:1]
    assert (one.model, one.runtime, one.suite, one.processes) == ("tiny.gguf", "simulated", "quick", 3)
    assert ("step_us", 200) in one.options
    same = triple(options=dict(one.options), processes=6)
    assert estimate_s(same, [one]) == pytest.approx(2 * one.seconds)


def test_a_plan_that_fits_is_not_refused_for_a_longer_run_of_before():
    job = Job(number=0, machine="all", node="n1", repeat=0, triple=triple(processes=1))
    plan = Plan(
        id="x", matrix="m", title="m", sha256="0" * 64, executor="local", seed=0, machines=(Machine(name="all"),), jobs=(job,),
        budget_s=100,
    )  # fmt: skip
    estimates.refuse_beyond_budget(plan, estimates.of_plan(plan, [past(3600.0, 60)]))
    with pytest.raises(BadInput, match="take about 3,600 node-seconds"):
        estimates.refuse_beyond_budget(plan, estimates.of_plan(plan, [past(3600.0, 1)]))
