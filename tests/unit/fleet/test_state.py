"""A fleet on disk, and how its jobs stand: written whole, read strictly, computed and never stored."""

import json

import pytest

from harness.errors import BadInput, RecordInvalid
from harness.fleet import state as states
from harness.fleet.lead import why_stuck
from harness.fleet.outcome import Ending, Held, Outcome, Phase, Seeing, Status, counts, finished, live, standings
from tests.support import fleet_matrices


@pytest.fixture
def state(tmp_path):
    return states.create(tmp_path / "state", fleet_matrices.planned(tmp_path, "local"))


def ended(number, ending=Ending.MEASURED):
    node = "n1" if number < 2 else "n2"
    return Outcome(number=number, node=node, ending=ending, started_utc="2026-01-01T00:00:00Z", job_s=1.5)


def seeing(outcomes=(), held=(), submitted=(), cancelled=False, ends=()):
    return Seeing(dict(outcomes), dict(held), frozenset(submitted), cancelled, dict(ends))


def test_what_was_written_is_read_again(state):
    state.conclude(ended(2))
    batch = state.new_batch("n1", state.plan.jobs[:2])
    state.note_handle(batch, "77")
    state.drain("n2", "too hot")
    again = states.open_state(state.folder)
    assert again.plan == state.plan
    assert again.outcomes() == {2: ended(2)}
    assert [(one.number, one.jobs) for one in again.batches()] == [(1, (0, 1))]
    assert again.handle(batch) == "77"
    assert again.drained()["n2"].reason == "too hot"
    assert again.new_batch("n2", state.plan.jobs[2:]).number == 2
    assert again.handle(again.batches()[1]) is None  # not handed over yet, as far as anybody knows


def test_a_fleet_is_stuck_where_each_node_that_is_left_waits_for_more_than_its_turn(state):
    on_n1, on_n2 = Held(Phase.QUEUED, "SLURM says drained"), Held(Phase.QUEUED)
    assert why_stuck(standings(state.plan, seeing(held={0: on_n1, 1: on_n2}))) == (
        "Nothing runs, 2 jobs wait: n1: SLURM says drained. Mend the node, or stop: repro fleet cancel MATRIX"
    )
    assert not why_stuck(standings(state.plan, seeing(held={0: on_n1, 2: on_n2})))  # the other node goes on
    assert not why_stuck(standings(state.plan, seeing(held={0: on_n1, 1: Held(Phase.RUNNING)})))
    assert not why_stuck(standings(state.plan, seeing(outcomes={0: ended(0)})))


def test_an_outcome_counts_more_than_what_an_executor_says(state):
    found = standings(state.plan, seeing({0: ended(0)}, {0: Held(Phase.RUNNING), 1: Held(Phase.RUNNING)}, {0, 1, 2}))
    assert [one.status for one in found] == [Status.MEASURED, Status.RUNNING, Status.LOST, Status.WAITING]
    assert live(found)
    assert not finished(found)
    assert counts(found) == {"waiting": 1, "running": 1, "measured": 1, "lost": 1}


def test_what_is_not_over_is_cancelled_once_the_fleet_is(state):
    found = standings(state.plan, seeing({0: ended(0)}, {1: Held(Phase.RUNNING)}, {0, 1, 2, 3}, cancelled=True))
    assert [one.status for one in found] == [Status.MEASURED, Status.RUNNING, Status.CANCELLED, Status.CANCELLED]


def test_every_ending_is_a_status():
    assert {one.value for one in Ending} <= {one.value for one in Status}


def test_a_job_that_is_tried_again_keeps_its_earlier_outcome(state):
    state.conclude(ended(0, Ending.FAILED))
    state.reopen(0)
    assert state.outcome(0) is None
    assert len(list(state.job_folder(0).glob("outcome-*.json"))) == 1


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b'{"format": 2}', b'{"format": 1, "command": "id"}', b"\xff", b"[" * 20_000]
)
def test_a_damaged_plan_is_refused_in_one_line(state, data):
    (state.folder / "plan.json").write_bytes(data)
    with pytest.raises(RecordInvalid, match="is damaged") as told:
        states.open_state(state.folder)
    assert "\n" not in str(told.value)


def test_an_outcome_with_a_key_that_is_not_ours_is_refused(state):
    state.conclude(ended(0))
    path = state.folder / "jobs" / "00000" / "outcome.json"
    path.write_text(path.read_text().replace('"node"', '"command": "id", "node"'))
    with pytest.raises(RecordInvalid, match="command"):
        state.outcomes()


def test_an_outcome_is_read_once_and_again_where_it_was_replaced(state, monkeypatch):
    state.conclude(ended(0))
    assert state.outcome(0) == ended(0)
    with monkeypatch.context() as patch:
        patch.setattr(states, "_read", lambda *_: pytest.fail("it was read again"))
        assert state.outcomes() == {0: ended(0)}
    state.reopen(0)
    assert state.outcome(0) is None
    state.conclude(ended(0, Ending.FAILED))
    assert state.outcome(0) == ended(0, Ending.FAILED)


def test_an_attempt_at_no_time_is_refused_in_one_line(state):
    state.begin_attempt(0, "here")
    path = state.folder / "jobs" / "00000" / "attempts" / "0001.json"
    path.write_text(json.dumps({"by": "here", "started_utc": "yesterday"}))
    with pytest.raises(RecordInvalid, match="started_utc"):
        state.earlier_s(0)


def test_what_a_kill_left_beside_an_attempt_is_none(state):
    state.begin_attempt(0, "here")
    (state.folder / "jobs" / "00000" / "attempts" / ".0002.json.abcdefgh").write_text("")
    assert state.attempts(0) == 1
    state.end_attempt(0, 2.0)
    assert state.earlier_s(0) == 2.0


def test_a_link_in_the_place_of_a_file_is_refused(state, tmp_path):
    target = tmp_path / "other.json"
    target.write_text((state.folder / "plan.json").read_text())
    (state.folder / "plan.json").unlink()
    (state.folder / "plan.json").symlink_to(target)
    with pytest.raises(BadInput, match="this is a link"):
        states.open_state(state.folder)


def _edited(state, change):
    path = state.folder / "plan.json"
    plan = json.loads(path.read_bytes())
    change(plan)
    path.write_text(json.dumps(plan))


@pytest.mark.parametrize(
    "change",
    [
        lambda plan: plan["jobs"][0].update(node="../../../etc"),
        lambda plan: plan["jobs"][0].update(node="/etc"),
        lambda plan: plan["jobs"][0].update(node="n1 $(id)"),
        lambda plan: plan["jobs"][0].update(node="ñ1"),
        lambda plan: plan["jobs"][0].update(number=7),
        lambda plan: plan["jobs"][0].update(number=-1),
        lambda plan: plan["jobs"][0].update(machine="other"),
        lambda plan: plan["jobs"][0].update(command="id"),
        lambda plan: plan["jobs"][0]["triple"].update(environment={"LD_PRELOAD": "x"}),
        lambda plan: plan["jobs"][0].update(turn={"pair": "p", "side": "a", "partner": 1, "rounds": 4, "seed": 0}),
        lambda plan: plan["jobs"].pop(0),
        lambda plan: plan.update(id="../x"),
        lambda plan: plan.update(executor="../x"),
        lambda plan: plan["machines"][0].update(constraint="x --wrap=id"),
    ],
)
def test_a_plan_that_was_edited_by_hand_is_refused_in_one_line(state, change):
    _edited(state, change)
    with pytest.raises(RecordInvalid) as told:
        states.open_state(state.folder)
    assert "\n" not in str(told.value)


def test_a_batch_of_another_nodes_jobs_and_an_outcome_of_another_job_are_refused(state):
    batch = state.new_batch("n1", state.plan.jobs[:2])
    path = state.folder / "batches" / "0001.json"
    path.write_text(batch.model_copy(update={"jobs": (0, 3)}).model_dump_json())
    with pytest.raises(RecordInvalid, match="jobs that the plan does not have"):
        state.batches()
    state.conclude(ended(0))
    (state.folder / "jobs" / "00000" / "outcome.json").rename(state.job_folder(1) / "outcome.json")
    with pytest.raises(RecordInvalid, match="another job"):
        state.outcome(1)
    (state.job_folder(1) / "outcome.json").write_text(ended(1).model_dump_json().replace("1.5", "-1"))
    with pytest.raises(RecordInvalid, match="job_s"):
        state.outcome(1)
