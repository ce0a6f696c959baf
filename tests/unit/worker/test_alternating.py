"""Ours and a peer in turns: who comes first, and that our side is a worker's trial. A real child; the engine is the simulated one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.peers.alternating import alternate, orders
from tests.support.patience import PATIENCE_S

PEERS = Path(__file__).parents[3] / "benchmarks" / "peers"
CHILD = """
import sys
from alternating import Ours, alternate, serve
from harness.measure.workload import WorkloadPlan
work = [WorkloadPlan("x", "greedy", (1, 2), 4)]
options = {"step_us": 100, "within_ppm": 0, "between_ppm": 0, "fault": sys.argv[2], "fault_at": 2}
ours = Ours("simulated", "model.gguf", "gguf", options, work)
serve(int(sys.argv[1]), lambda test, order: alternate(order, lambda: ours.measured(test).decode_rate, lambda: 7.0))
"""


def answers(fault: str, requests: str) -> tuple[int, list[dict[str, float]], str]:
    """Exit status, answers and errors of a child that serves `requests`."""
    reading, writing = os.pipe()
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(writing), fault],
        env=os.environ | {"PYTHONPATH": str(PEERS)}, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        pass_fds=(writing,),
    )  # fmt: skip
    os.close(writing)
    _, said = child.communicate(requests, timeout=PATIENCE_S)
    with os.fdopen(reading) as pipe:
        return child.returncode, [json.loads(line) for line in pipe], said


@pytest.mark.parametrize("seed", range(8))
def test_both_come_first_equally_often_and_a_drift_cancels(seed):
    made = orders(8, seed)
    assert [made[i : i + 2] for i in range(0, 8, 2)] == [
        ["ours", "its"] if made[i] == "ours" else ["its", "ours"] for i in range(0, 8, 2)
    ]


def test_chance_decides_who_begins():
    assert {orders(2, seed)[0] for seed in range(20)} == {"ours", "its"}


def test_an_odd_number_of_pairs_is_served_whole():
    assert len(orders(5, 0)) == 5


def test_the_answers_name_the_side_whatever_the_order():
    heard = []
    pairs = list(alternate(["ours", "its"], lambda: heard.append("a") or 1.0, lambda: heard.append("b") or 2.0))
    assert pairs == [(1.0, 2.0, "ours"), (1.0, 2.0, "its")]
    assert heard == ["a", "b", "b", "a"]


def test_each_pair_that_is_asked_for_is_answered_by_a_workers_trial():
    status, made, _ = answers("none", "x 3\nx 1\n")
    assert status == 0
    assert len(made) == 4
    assert {pair["its"] for pair in made} == {7.0}
    assert all(pair["ours"] > 0 for pair in made)


def test_a_trial_that_a_worker_would_call_invalid_ends_the_child():
    status, made, said = answers("short", "x 6\n")
    assert status != 0
    assert len(made) < 6
    assert "token-count" in said
