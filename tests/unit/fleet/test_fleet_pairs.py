"""A pair: A and B take turns on one node, both records declare it, B / A is taken round by round."""

import shutil

import pytest

from harness.catalog import matrices
from harness.errors import BadInput, Interrupted, RunFailed
from harness.fleet import job as jobs
from harness.fleet import lead
from harness.fleet import state as states
from harness.fleet.answering import experiment
from harness.fleet.measured import PAIRS, Ways
from harness.fleet.outcome import Ending
from harness.fleet.plan import Node, make_plan
from harness.measure.rounds import order
from harness.run.kept import Kept
from harness.run.sweep import Cell

PAIR = """
name = "fleet"
[[pairs]]
name = "steps"
model = "gemma-3-270m-q4_k_m"
runtime = "simulated"
suite = "quick"
processes = 4
a = { options = { step_us = 100 } }
b = { options = { step_us = 200 } }
"""
GRID = """
[grid]
models = ["gemma-3-270m-q4_k_m"]
runtimes = ["simulated"]
[grid.options]
step_us = [1, 2, 3, 4, 5]
"""
NODES = tuple(Node(name=name) for name in ("n1", "n2", "n3"))


@pytest.fixture
def read(tmp_path):
    def written(text):
        (tmp_path / "m.toml").write_text(text)
        return matrices.read(tmp_path / "m.toml")

    return written


@pytest.fixture
def state(read, tmp_path, request, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))  # its lock is not the user's, who may be measuring
    (tmp_path / "repro-harness").mkdir()
    plan = make_plan(read(PAIR), [Node(name=f"test-{request.node.name[:30]}")], "local", "x")
    return states.create(tmp_path / "state", plan)


class Turns:
    """Begins runs that measure nothing, notes whose turn it was, and leaves a real record."""

    def __init__(self, record, fails="", stops_at=0):
        self.record, self.fails, self.stops_at, self.order, self.requests = record, fails, stops_at, [], []

    def __call__(self, request, _progress):
        self.requests.append(request)
        return _Run(self, request)


class _Run:
    def __init__(self, turns, request):
        self.turns, self.request = turns, request
        self.side = "a" if "step_us=100" in request.settings else "b"
        self.used = 0

    @property
    def complete(self):
        return range(self.used)

    def step(self):
        if self.side == self.turns.fails:
            raise RunFailed("the worker died")
        if self.turns.stops_at and len(self.turns.order) >= self.turns.stops_at:
            raise Interrupted("Stopped")
        if self.used == self.request.processes:
            return False
        self.used += 1
        self.turns.order.append(self.side)
        return True

    def conclude(self):
        target = self.request.results / f"{self.side}-{self.turns.record.parent.name}"
        shutil.copytree(self.turns.record.parent, target)
        return target / "record.json"

    def discard(self):
        pass


def fine(_cache, _gpu):
    return ()


def test_the_sides_of_a_pair_stay_together_in_every_nodes_order(read):
    made = make_plan(read(PAIR + GRID), NODES, "slurm", "x")
    assert len(made.jobs) == 3 * 7
    orders = set()
    for own in made.by_node().values():
        (a, b) = [job for job in own if job.turn is not None]
        assert (a.turn.side, b.turn.side, b.number) == ("a", "b", a.number + 1)
        assert (a.turn.partner, b.turn.partner) == (b.number, a.number)
        assert made.together(a) == made.together(b) == (a, b)
        orders.add((own.index(a), a.turn.seed))
    assert len(orders) == 3  # each node draws its own


def test_both_are_measured_in_turns_whoever_is_started(state, simulated_record):
    turns = Turns(simulated_record)
    assert jobs.run_job(state, 1, "test", ways=Ways(begin=turns), examine=fine)
    assert jobs.run_job(state, 0, "test", ways=Ways(begin=turns), examine=fine)
    seed = state.plan.jobs[0].turn.seed
    assert turns.order == ["ab"[place] for index in range(4) for place in order(2, index, seed)]
    outcomes = [state.outcome(number) for number in (0, 1)]
    assert [one.ending for one in outcomes] == [Ending.MEASURED] * 2
    assert [one.record[0] for one in outcomes] == ["a", "b"]
    declared = [one.experiment for one in turns.requests]
    assert declared[0].id == declared[1].id
    assert [(one.member, one.members, one.processes, one.name) for one in declared] == [
        (0, 2, 4, "steps"), (1, 2, 4, "steps"),
    ]  # fmt: skip
    assert [one.processes for one in turns.requests] == [4, 4]


def test_one_side_that_fails_leaves_the_other_its_record_and_both_are_tried_again(state, simulated_record):
    assert jobs.run_job(state, 0, "test", ways=Ways(begin=Turns(simulated_record, fails="b")), examine=fine)
    assert [state.outcome(number).ending for number in (0, 1)] == [Ending.MEASURED, Ending.FAILED]
    lead._reopen(state)
    assert [state.outcome(number) for number in (0, 1)] == [None, None]
    turns = Turns(simulated_record)
    assert jobs.run_job(state, 0, "test", ways=Ways(begin=turns), examine=fine)
    assert sorted(turns.order) == ["a"] * 4 + ["b"] * 4


def test_a_side_whose_record_can_not_be_read_is_measured_again(state, simulated_record):
    turns = Turns(simulated_record, stops_at=99)
    left = state.results(0) / "a-broken" / "record.json"
    left.parent.mkdir(parents=True)
    left.write_text("")
    kept = Kept(state.folder / "jobs", PAIRS, "00000")
    kept.note(Cell({"side": "a"}, None).key, left)
    assert jobs.run_job(state, 0, "test", ways=Ways(begin=turns), examine=fine)
    assert [state.outcome(n).ending for n in (0, 1)] == [Ending.MEASURED] * 2
    assert sorted(turns.order) == ["a"] * 4 + ["b"] * 4


def test_a_pair_that_is_stopped_is_not_over(state, simulated_record):
    with pytest.raises(Interrupted):
        jobs.run_job(state, 0, "test", ways=Ways(begin=Turns(simulated_record, stops_at=3)), examine=fine)
    assert [state.outcome(number) for number in (0, 1)] == [None, None]


def test_the_experiment_is_another_on_each_node_and_in_each_start(read):
    plans = [make_plan(read(PAIR), NODES, "slurm", identity) for identity in ("x", "y")]
    found = {experiment(plan, job, job.turn).id for plan in plans for job in plan.jobs}
    assert len(found) == 6


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("step_us = 200", "step_us = 100"), "a and b are the same configuration"),
        (('model = "gemma-3-270m-q4_k_m"\n', ""), "a has no model"),
        (("processes = 4", "processes = 1"), "processes"),
        (('name = "steps"', 'name = "../x"'), "name"),
        (("processes = 4", 'command = "id"'), "command"),
        (("b = {", "c = {"), "pairs"),
    ],
)
def test_a_pair_that_is_none_is_refused_in_one_line(read, change, said):
    with pytest.raises(BadInput, match=said) as told:
        read(PAIR.replace(*change))
    assert "\n" not in str(told.value)


def test_two_pairs_of_one_name_are_refused(read):
    with pytest.raises(BadInput, match="two pairs are called 'steps'"):
        read(PAIR + PAIR.split("\n", 2)[2])
