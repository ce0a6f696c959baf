"""A registry that lies to the agent that serves it: each lie ends in one line, the owner's words stand, files have a limit."""

from __future__ import annotations

import secrets

import pytest

from harness.agent import lead, state
from harness.agent.state import Current, Stage
from harness.agent.watch import Lost, Watch
from harness.agent.work import Result
from harness.errors import BadInput, Interrupted, NotAllowed, RecordInvalid, RunFailed, TooLarge, Unsigned
from harness.progress import SILENT
from tests.support import agents

ODD = [BadInput("no"), NotAllowed("no"), Unsigned("no"), TooLarge("no"), RecordInvalid("no")]


class Liar:
    """In the place of a service: what a test says, else what the real one says."""

    def __init__(self, real, **said):
        self._real, self._said = real, said

    def __getattr__(self, name):
        return self._said.get(name) or getattr(self._real, name)


def raising(error):
    def call(*_arguments):
        raise error

    return call


def job(scene, number: int, **more):
    (one,) = scene.agent.leases.offered()["jobs"]
    return {**one, "request": f"{number:064x}", **more}


def files(scene) -> int:
    return sum(1 for path in scene.agent.state.folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("error", ODD, ids=lambda one: type(one).__name__)
def test_whatever_is_said_of_a_heartbeat_costs_the_lease_and_not_the_job(scene, error):
    request = scene.ask()
    (one,) = scene.agent.leases.offered()["jobs"]
    found = lead.jobs.read(one)
    triple = lead.jobs.triple_of(found, scene.agent.policy)
    current = Current(job=found, lease=secrets.token_hex(32), triple=triple, stage=Stage.MEASURING)
    watch = Watch(scene.agent.policy, Liar(None, renew=raising(error)), current, SILENT, scene.agent.moment)
    with pytest.raises(Lost, match="the lease is lost: no"):
        watch.beat()
    assert not scene.agent.state.over(request)


@pytest.mark.parametrize("error", ODD, ids=lambda one: type(one).__name__)
def test_a_record_that_is_in_the_queue_ends_its_job_whatever_is_said_of_the_lease(scene, error):
    scene.ask()
    scene.change(leases=Liar(scene.agent.leases, finish=raising(error)))
    assert scene.turn().result is Result.ANSWERED
    assert scene.agent.state.current() is None
    assert len(scene.queue()) == 1


@pytest.mark.parametrize("given", [None, [], {}, {"request": "x"}, "text", 7])
def test_what_comes_with_a_lease_and_is_no_job_is_not_measured(scene, given):
    request = scene.ask()
    real = scene.agent.leases

    def take(*arguments):
        return {**real.take(*arguments), "job": given}

    scene.change(leases=Liar(real, take=take))
    assert scene.turn().result is Result.LOST
    assert scene.agent.state.current() is None
    assert not scene.agent.state.over(request)
    assert any("another job than it offered" in line for line in scene.said)


def test_jobs_that_fail_at_once_are_taken_once_a_minute(scene):
    scene.ask()
    model, slept = job(scene, 0), []

    def offered():
        return {"jobs": [{**model, "request": secrets.token_hex(32)} for _ in range(3)]}

    def take(request, lease, _for_s):
        return {"request": request, "lease": lease, "job": {**model, "request": request}}

    def sleep(seconds):
        slept.append(seconds)
        if len(slept) == 3:
            raise Interrupted("enough")

    scene.change(
        leases=Liar(None, offered=offered, take=take, release=lambda *_: None, renew=lambda *_: None),
        measure=raising(RunFailed("no such engine")),
    )
    with pytest.raises(Interrupted):
        lead.run(scene.agent, once=False, sleep=sleep)
    assert slept == [lead.WAIT_S] * 3
    assert len(scene.agent.state.ended()) == 3


def test_a_thousand_new_jobs_a_minute_fill_neither_disk_nor_terminal(scene, monkeypatch):
    monkeypatch.setattr(state, "MOST_WAITING", 20)
    scene.ask()
    model = job(scene, 0)
    scene.change(policy=agents.policy(scene.agent.policy.files["tiny"], approval="manual"))
    for look in range(3):
        told = {"jobs": [{**model, "request": f"{look:032x}{number:032x}"} for number in range(300)]}
        scene.change(leases=Liar(None, offered=lambda told=told: told))
        why = scene.turn().why
        assert "waits for your approval" in why
        assert "as many as may wait for your approval already" in why
        assert files(scene) <= 21
    assert len(scene.agent.state.waiting()) <= 20
    assert len(scene.said) <= 60


def test_what_is_offered_still_keeps_its_place_among_those_that_wait(scene, monkeypatch):
    monkeypatch.setattr(state, "MOST_WAITING", 2)
    scene.ask()
    model = job(scene, 0)
    scene.change(policy=agents.policy(scene.agent.policy.files["tiny"], approval="manual"))
    names = ["a" * 64, "b" * 64, "c" * 64]
    for some in (names[:2], names, names[1:]):
        told = {"jobs": [{**model, "request": name} for name in some]}
        scene.change(leases=Liar(None, offered=lambda told=told: told))
        scene.turn()
    assert sorted(one.request for one in scene.agent.state.waiting()) == names[1:]


HOSTILE = {
    "renamed": {"model": "../../etc/passwd"},
    "a rival": {"runtime": "openai-http"},
    "shell text": {"runtime": "simulated; rm -rf /"},
    "a release of nothing": {"runtime": "simulated@" + "9" * 100},
    "a suite by path": {"suite": "/tmp/evil.toml"},
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_the_owner_did_not_name_leaves_no_trace(scene, name):
    scene.ask()
    one = job(scene, 5)
    one["row"] = {**one["row"], **HOSTILE[name]}
    taken = []
    scene.change(leases=Liar(None, offered=lambda: {"jobs": [one]}, take=lambda *told: taken.append(told)))
    found = scene.turn()
    assert (found.result, taken, files(scene)) == (None, [], 0)
    assert found.why.startswith("no request fits")
    assert "\n" not in found.why


@pytest.mark.parametrize(
    "hardware",
    ["99999999999999999999 × here", "-1 x here", "０ x here", "here" + " " * 190 + "x", "x" * 200, "٣ x here", "1e9 x here", "NaN × NaN"],
)  # fmt: skip
def test_odd_hardware_is_refused_in_one_line(scene, hardware):
    scene.ask()
    one = job(scene, 5, hardware=hardware)
    taken = []
    scene.change(leases=Liar(None, offered=lambda: {"jobs": [one]}, take=lambda *told: taken.append(told)))
    found = scene.turn()
    assert (found.result, taken) == (None, [])
    assert "\n" not in found.why


def test_jobs_that_contradict_each_other_are_held_against_the_one_that_was_chosen(scene):
    request = scene.ask()
    real = scene.agent.leases
    (one,) = real.offered()["jobs"]
    other = {**one, "hardware": "something else"}
    scene.change(leases=Liar(real, offered=lambda: {"jobs": [other, one, {**one, "hardware": "HERE"}]}))
    assert scene.turn().result is Result.ANSWERED
    assert set(scene.queue().values()) == {request}
