"""The order of timed trials."""

from collections import Counter

from harness.measure.schedule import timed_order
from harness.measure.trial import Purpose
from harness.measure.workload import WorkloadPlan
from harness.worker.plan import Plan

WORKLOADS = tuple(WorkloadPlan(name, "greedy", (1, 2), 4) for name in "abcd")


def test_every_workload_is_timed_as_often_as_asked_and_no_pass_repeats_one():
    order = [w.id for w, _ in timed_order(WORKLOADS, 3, seed=1)]
    assert Counter(order) == dict.fromkeys("abcd", 3)
    for begin in range(0, 12, 4):
        assert sorted(order[begin : begin + 4]) == list("abcd")


def test_the_seed_decides_the_order():
    first = timed_order(WORKLOADS, 5, seed=7)
    assert first == timed_order(WORKLOADS, 5, seed=7)
    assert first != timed_order(WORKLOADS, 5, seed=8)


def test_a_distinct_prompt_is_run_once_a_process():
    workload = WorkloadPlan("e", "greedy", (1, 2), 4, distinct=(3, 4))
    purposes = [p for w, p in timed_order((*WORKLOADS, workload), 3, seed=3) if w.id == "e"]
    assert Counter(purposes) == {Purpose.TIMED: 3, Purpose.DISTINCT: 1}


def test_a_plan_survives_its_journey():
    plan = Plan("llama.cpp", "/m.gguf", "gguf", {"threads": 2}, seed=4, workloads=(
        WorkloadPlan("f", "forced", (), 2, (5, 6)), WorkloadPlan("g", "greedy", (1,), 2, None, (9,))), probe=(1, 2))  # fmt: skip
    assert Plan.from_json(plan.to_json()) == plan
