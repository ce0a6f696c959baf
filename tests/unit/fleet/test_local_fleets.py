"""The user's own machine as a fleet: whom `cancel` reaches, what a batch needs, what is told of a job that is lost."""

import signal
import subprocess
import sys
import threading

import pytest

from harness.catalog import matrices
from harness.errors import BadInput, Conflict, Unavailable
from harness.files import locked
from harness.fleet import __main__ as leader
from harness.fleet import lead
from harness.fleet import state as states
from harness.fleet.executors.local import EXECUTOR, leading, runner_lock
from harness.fleet.outcome import Ending, Held, Outcome, Phase
from harness.fleet.plan import Node, make_plan
from tests.support import fleet_matrices
from tests.support.patience import PATIENCE_S

MATRIX = """
name = "fleet"
[grid]
models = ["m"]
runtimes = ["simulated"]
"""
# Its last words are a batch's: the fleet's folder and the number. It holds the job's lock until Ctrl-C.
HOLDS = """
import os, signal, sys
from harness.files import locked
signal.signal(signal.SIGINT, signal.default_int_handler)
{}
try:
    with locked(__import__("pathlib").Path(sys.argv[1], "jobs", "00000", "lock"), "busy"):
        print("held", flush=True)
        signal.pause()
except KeyboardInterrupt:
    os._exit(0)
"""


@pytest.fixture
def loaded(tmp_path):
    (tmp_path / "m.toml").write_text(MATRIX)
    return matrices.read(tmp_path / "m.toml")


@pytest.fixture
def state(tmp_path, loaded):
    return states.create(tmp_path / "state", make_plan(loaded, [Node(name="here")], "local", "x", folder=str(tmp_path)))


@pytest.mark.parametrize("fork", ["", "if os.fork(): os._exit(0)"], ids=["nobody noted it", "its leader was killed"])
def test_cancel_stops_a_job_whose_leader_is_not_known(state, fork):
    batch = state.new_batch("here", state.plan.jobs)
    state.job_folder(0)
    child = subprocess.Popen(
        [sys.executable, "-c", HOLDS.format(fork), str(state.folder), str(batch.number)],
        stdout=subprocess.PIPE, start_new_session=True, text=True,
    )  # fmt: skip
    assert child.stdout.readline() == "held\n"
    assert EXECUTOR.poll(state, [batch])
    EXECUTOR.cancel(state, [batch])
    assert not EXECUTOR.poll(state, [batch])
    assert child.wait(PATIENCE_S) == 0
    child.stdout.close()


def test_cancel_leaves_another_fleet_s_job_alone(state, tmp_path):
    other = states.create(tmp_path / "other", state.plan)
    batch = other.new_batch("here", other.plan.jobs)
    other.job_folder(0)
    child = subprocess.Popen(
        [sys.executable, "-c", HOLDS.format(""), str(other.folder), str(batch.number)],
        stdout=subprocess.PIPE, start_new_session=True, text=True,
    )  # fmt: skip
    assert child.stdout.readline() == "held\n"
    EXECUTOR.cancel(state, [state.new_batch("here", state.plan.jobs)])
    assert child.poll() is None
    EXECUTOR.cancel(other, [batch])
    assert child.wait(PATIENCE_S) == 0
    child.stdout.close()


def test_whoever_looks_whether_a_batch_is_led_keeps_nobody_from_leading_it(state):
    batch = state.new_batch("here", state.plan.jobs)
    with locked(runner_lock(state, batch), "busy"):
        found = []
        thread = threading.Thread(target=lambda: found.append(_led(state, batch)))
        thread.start()
        thread.join(0.1)
    thread.join(PATIENCE_S)
    assert found == [True]
    with leading(state, batch), pytest.raises(Conflict, match="running already"):
        _led(state, batch)


def _led(state, batch):
    with leading(state, batch):
        return True


def test_a_batch_hears_ctrl_c_where_a_script_in_the_background_started_it():
    before = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        assert leader.main(["no such word"]) == 1
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def test_a_fleet_whose_folder_is_gone_says_so_and_may_go_on_once_it_is_back(state, tmp_path):
    gone = state.plan.model_copy(update={"folder": str(tmp_path / "gone")})
    moved = states.create(tmp_path / "moved", gone)
    with pytest.raises(BadInput, match="is gone, and the matrix's paths are seen from there"):
        lead.resume(moved)
    assert [one.status for one in lead.take(moved)] == ["waiting"]


def test_a_lost_job_names_the_log_that_tells_why(state):
    batch = state.new_batch("here", state.plan.jobs)
    state.note_handle(batch, "1 1.0")
    (lost,) = lead.take(state)
    assert lost.detail.endswith("batch-0001.log")
    state.log("job-00000").write_text("repro: the disk is full\n")
    (lost,) = lead.take(state)
    assert (lost.status, lost.detail.endswith("job-00000.log")) == ("lost", True)


class Engine:
    """Takes every batch, and holds its jobs for ever."""

    def __init__(self, room=10):
        self.taken, self.room = [], room

    def nodes(self):
        return [Node(name="here")]

    def default_cache(self):
        return ""

    def most(self):
        return 1

    def submit(self, _state, batch):
        if len(self.taken) == self.room:
            raise Unavailable(
                "sbatch did not end in 60 s: temporarily unable to accept job", where="SLURM", fix="later"
            )
        self.taken.append(batch)
        return "1"

    def find(self, _state, _batch):
        return None

    def poll(self, _state, batches):
        taken = [batch for batch in batches if batch in self.taken]
        return {number: Held(Phase.RUNNING) for batch in taken for number in batch.jobs}


def test_of_two_that_start_one_matrix_at_once_one_is_refused(loaded, tmp_path, monkeypatch):
    """Both have seen that nothing was started, when the first one writes its plan down."""
    engine, wanted, planned, begun = Engine(), lead.Wanted("local", tmp_path / "results"), lead.planned, []

    def meanwhile(*asked):
        made = planned(*asked)
        if not begun:
            begun.append(made)
            begun.append(lead.start(*asked))
        return made

    monkeypatch.setattr(lead, "find", lambda _: engine)
    monkeypatch.setattr(lead, "planned", meanwhile)
    with pytest.raises(BadInput, match="was started already and is not over"):
        lead.start(loaded, wanted)
    assert len(engine.taken) == 1
    assert states.need_state(wanted.results, loaded).plan == begun[1].plan


def test_where_the_queue_is_full_halfway_it_is_told_what_goes_on_and_the_rest_waits(tmp_path, monkeypatch):
    """It said: try again later. Jobs were under way, and the one that never arrived was called lost."""
    path = tmp_path / "m.toml"
    path.write_text(fleet_matrices.text(tmp_path / "m.gguf", [100, 200, 300]))
    loaded, wanted, engine = matrices.read(path), lead.Wanted("local", tmp_path / "results"), Engine(room=1)
    monkeypatch.setattr(lead, "find", lambda _: engine)
    with pytest.raises(Unavailable, match="did not end") as told:
        lead.start(loaded, wanted)
    assert "1 of 3 jobs are handed over and go on: repro fleet status MATRIX" in str(told.value)
    state = states.need_state(wanted.results, loaded)
    assert [one.status for one in lead.take(state)] == ["running", "waiting", "waiting"]
    engine.room = 10
    assert lead.resume(state) == 2
    assert [one.status for one in lead.take(state)] == ["running"] * 3


def test_a_number_that_a_disturbed_node_made_is_tried_again_with_those_that_failed(state):
    state.job_folder(0)
    (state.results(0) / "x").mkdir(parents=True)
    fine = Outcome(
        number=0, node="here", ending=Ending.MEASURED, record="x", started_utc="2026-11-30T00:00:00Z", job_s=1
    )
    state.conclude(fine)
    lead._reopen(state)
    assert state.outcome(0) == fine
    state.conclude(fine.model_copy(update={"spoilt": "other load: it is high"}))
    lead._reopen(state)
    assert state.outcome(0) is None
    assert state.reopened(0) == 1


def test_a_node_s_cache_is_for_schedulers(loaded, tmp_path):
    with pytest.raises(BadInput, match="is for SLURM's nodes"):
        lead.planned(loaded, lead.Wanted("local", tmp_path, "/scratch/%n"))


@pytest.mark.parametrize("line", ['partition = "bench"', "time_limit_s = 60"])
def test_what_only_a_scheduler_heeds_is_refused_here(tmp_path, line):
    (tmp_path / "m.toml").write_text(f'{MATRIX}\n[[machines]]\nname = "a"\n{line}\n')
    with pytest.raises(BadInput, match="is for a scheduler's nodes"):
        lead.planned(matrices.read(tmp_path / "m.toml"), lead.Wanted("local", tmp_path))


@pytest.mark.parametrize(
    ("look_s", "answers", "rest"),
    [(1.0, True, lead.LEAST_REST), (10.0, True, lead.MOST_REST_S), (10.0, False, EXECUTOR.poll_s)],
    ids=["in proportion", "not for minutes", "not after a look in vain"],
)
def test_whoever_watches_rests_longer_the_longer_a_look_takes(state, monkeypatch, look_s, answers, rest):
    now, rests = [0.0], []

    def take(_state):
        now[0] += look_s
        if not answers and len(rests) < 2:
            raise Unavailable("SLURM does not answer", fix="wait")
        return lead.without_engine(_state)

    monkeypatch.setattr(lead, "take", take)
    monkeypatch.setattr(lead.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(lead.time, "sleep", rests.append)
    state.new_batch("here", state.plan.jobs)
    monkeypatch.setattr(lead, "live", lambda _found: len(rests) < 2)
    lead.follow(state, lambda _found: None)
    assert rests == [rest] * 2
