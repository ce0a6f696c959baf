"""From a request to the queue without a person, at a real service; and whatever may come between."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from harness.agent import lead, work
from harness.agent.state import Stage
from harness.agent.watch import Stopped
from harness.agent.work import Result
from harness.errors import Interrupted, Unavailable
from harness.record import store
from harness.registry.actions import leases, requests
from harness.registry.actions.requests import Step
from tests.support import agents


class Away:
    """A service that does not answer some calls."""

    def __init__(self, real, *calls):
        self._real, self._calls = real, calls

    def __getattr__(self, name):
        if name in self._calls:
            raise Unavailable("can't be reached", where="service")
        return getattr(self._real, name)


def kept(scene, request):
    folder = scene.agent.state.results(request)
    return store.below(folder) if folder.is_dir() else []


@pytest.fixture
def running(scene, monkeypatch):
    """The same with real runs on the simulated runtime."""
    monkeypatch.setattr(work, "first_line", lambda _record: "")  # a busy machine may spoil checks that rest on times
    scene.change(measure=agents.simulated)
    return scene


def test_a_request_is_measured_signed_and_queued_without_a_person(running):
    scene, request = running, running.ask()
    assert scene.turn().result is Result.ANSWERED
    ((record, answers),) = scene.queue().items()
    assert answers == request
    (path,) = kept(scene, request)
    assert store.read(path).id == record
    assert (path.parent / "receipt-test.example-registry.json").exists()
    (ended,) = scene.agent.state.ended()
    assert (ended.request, ended.ending, scene.agent.state.current()) == (request, "answered", None)
    again = scene.turn()
    assert (again.result, again.why) == (None, "nobody asks for anything now")
    assert len(scene.queue()) == 1


def test_the_stop_file_ends_a_run_between_two_processes_and_it_continues_afterwards(running, tmp_path):
    scene, request, stop = running, running.ask(), tmp_path / "stop"
    begun = []

    def measure(job, watch):
        step = watch.step

        def counted(process):
            begun.append(1)
            if len(begun) == 2:
                stop.touch()
            return step(process)

        watch.step = counted
        return agents.simulated(job, watch)

    moment = lambda own: replace(agents.NOON, stop=stop.exists())  # noqa: E731
    scene.change(measure=measure, moment=moment, policy=scene.agent.policy.model_copy(update={"stop_file": str(stop)}))
    assert scene.turn().result is Result.STOPPED
    assert scene.queue() == {}
    assert len(begun) == 2  # the second was not begun any more
    assert scene.turn().why.startswith("the stop file is there")
    other = leases.take(scene.world.registry, "ann", request, "a" * 64, 600)  # it was given back
    leases.release(scene.world.registry, "ann", other.lease)
    stop.unlink()
    assert scene.turn().result is Result.ANSWERED
    assert list(scene.queue().values()) == [request]
    (path,) = kept(scene, request)
    assert store.read(path).record.run.resumed


def test_who_stops_an_agent_is_told_how_it_continues(scene):
    def stopped(_request, _watch):
        raise Interrupted("Stopped; process 1 starts again with --resume")

    scene.change(measure=stopped)
    request = scene.ask()
    with pytest.raises(Interrupted, match="the next repro agent run continues") as told:
        lead.run(scene.agent, once=True)
    assert "--resume" not in str(told.value)
    assert scene.agent.state.current().job.request == request


def test_quiet_hours_end_a_run_and_begin_none(scene):
    scene.ask()
    policy = scene.agent.policy.model_copy(update={"quiet_hours": ["22:00-07:00"]})
    night = replace(agents.NOON, hour=23)
    scene.change(policy=policy, moment=lambda _: night)
    assert scene.turn().why == "quiet hours (22:00-07:00)"
    scene.change(moment=lambda _: replace(agents.NOON, hour=6, minute=59))
    assert scene.turn().result is None
    scene.change(moment=lambda _: replace(agents.NOON, hour=7))
    assert scene.turn().result is Result.ANSWERED


def test_who_lost_the_lease_meanwhile_sends_nothing_and_keeps_its_record(scene):
    request = scene.ask()

    def measure(job, watch):
        path = agents.prepared(job, watch)
        current = scene.agent.state.current()
        leases.release(scene.world.registry, "bob", current.lease)
        leases.take(scene.world.registry, "ann", request, "a" * 64, 600)
        return path

    scene.change(measure=measure)
    assert scene.turn().result is Result.LOST
    assert scene.queue() == {}
    assert scene.agent.state.current() is None
    (aside,) = scene.agent.state.folder.glob("results/*/*/record.json")
    assert store.read(aside).record.operator.handle == "bob"
    assert any("the record is kept in" in one for one in scene.said)


def test_a_lease_that_is_lost_between_two_processes_ends_the_run(scene, monkeypatch):
    monkeypatch.setattr("harness.agent.watch.BEAT_S", 0.0)
    request, steps = scene.ask(), []

    def measure(job, watch):
        step = watch.step

        def taken_away(process):
            steps.append(1)
            if len(steps) == 2:
                requests.step(
                    scene.world.registry, scene.world.editor(), Step.ARCHIVE, request, reason="no longer wanted"
                )
            return step(process)

        watch.step = taken_away
        return agents.prepared(job, watch)

    scene.change(measure=measure)
    assert scene.turn().result is Result.LOST
    assert (len(steps), scene.queue(), kept(scene, request)) == (2, {}, [])
    assert not scene.agent.state.results(request).exists()


@pytest.mark.parametrize("calls", [("offered",), ("take",), ("renew",), ("finish",), ("release",)])
def test_a_registry_that_is_away_in_the_middle_loses_and_doubles_nothing(scene, calls):
    request, real, made = scene.ask(), scene.agent.leases, []

    def measure(job, watch):
        made.append(1)
        return agents.prepared(job, watch)

    scene.change(leases=Away(real, *calls), measure=measure)
    try:
        first = scene.turn().result
    except Unavailable:
        first = None
    scene.change(leases=real)
    if first is None:
        assert scene.turn().result is Result.ANSWERED
    assert list(scene.queue().values()) == [request]
    assert len(made) == 1


def test_a_line_that_breaks_after_the_record_arrived_makes_one_entry(scene):
    request, send = scene.ask(), scene.agent.send

    def broken(path, own):
        send(path, own)
        raise Unavailable("can't be reached", where="service")

    scene.change(send=broken)
    with pytest.raises(Unavailable):
        scene.turn()
    assert scene.agent.state.current().stage is Stage.MEASURING
    scene.change(send=send)
    assert scene.turn().result is Result.ANSWERED
    assert list(scene.queue().values()) == [request]


def test_two_agents_never_measure_one_request_at_once(scene):
    """The second finds the request taken, at any point before the first gave it up."""
    request = scene.ask()
    lease = leases.take(scene.world.registry, "ann", request, "a" * 64, 600)
    assert scene.turn().why == "nobody asks for anything now"
    leases.release(scene.world.registry, "ann", lease.lease)
    real = scene.agent.leases

    class Race(Away):
        def take(self, *arguments):
            leases.take(scene.world.registry, "ann", request, "b" * 64, 600)
            return real.take(*arguments)

    scene.change(leases=Race(real))
    assert scene.turn().result is Result.LOST
    assert (scene.queue(), scene.agent.state.current()) == ({}, None)


def test_a_busy_machine_a_battery_a_full_disk_and_another_run_make_it_wait(scene):
    scene.ask()
    look = scene.agent.look

    def busy(cache):
        seen = look(cache)
        return replace(seen, quiet=replace(seen.quiet, others_ppm=80_000))

    scene.change(look=busy)
    assert scene.turn().why == "other programs use 8 % of the cores"
    scene.change(look=look, moment=lambda _: replace(agents.NOON, battery=True))
    assert scene.turn().why == "the machine runs on its battery"
    scene.change(moment=lambda _: agents.NOON)
    work.paths.cache().mkdir(parents=True, exist_ok=True)
    with (work.paths.cache() / "large").open("wb") as file:
        file.write(b"x" * (2 << 20))
    small = scene.agent.policy.model_copy(update={"most_disk_gib": 0})
    scene.change(policy=small)
    assert "the policy allows 0" in scene.turn().why
    scene.change(policy=scene.agent.policy.model_copy(update={"most_disk_gib": 50}))
    from harness.run.session import alone

    with alone(scene.agent.progress):
        assert scene.turn().result is Result.STOPPED
    assert any("another measurement is running" in one for one in scene.said)
    assert scene.turn().result is Result.ANSWERED


def test_a_machine_that_was_disturbed_sends_nothing_and_may_try_again(scene):
    request, look, looks = scene.ask(), scene.agent.look, []

    def disturbed(cache):
        looks.append(1)
        seen = look(cache)
        return replace(seen, quiet=replace(seen.quiet, others_ppm=900_000)) if len(looks) == 2 else seen

    scene.change(look=disturbed)
    assert scene.turn().result is Result.LOST
    assert scene.queue() == {}
    assert scene.turn().result is Result.ANSWERED
    assert list(scene.queue().values()) == [request]


def test_a_record_that_a_crash_left_is_looked_after_before_it_is_sent(scene):
    """Killed between the record and the look: whoever finds the record looks."""
    request, look, measure = scene.ask(), scene.agent.look, scene.agent.measure

    def killed(job, watch):
        measure(job, watch)
        raise KeyboardInterrupt

    scene.change(measure=killed)
    with pytest.raises(KeyboardInterrupt):
        scene.turn()
    assert kept(scene, request)
    scene.change(look=lambda cache: replace(look(cache), device_others=1))
    assert scene.turn().why.startswith("GPU in use")  # nothing is begun
    looks = []

    def disturbed(cache):
        looks.append(1)
        return replace(look(cache), device_others=1) if len(looks) == 2 else look(cache)

    scene.change(look=disturbed, measure=measure)
    assert scene.turn().result is Result.LOST
    assert scene.queue() == {}


def test_an_engine_that_fills_the_disk_ends_the_job_before_it_measures(scene):
    """What pip puts there tells no size beforehand: it is counted when the next step begins."""
    request, measure = scene.ask(), scene.agent.measure
    policy = scene.agent.policy.model_copy(update={"most_disk_gib": 1})
    measured = []

    def installs(job, watch):
        work.paths.cache().mkdir(parents=True, exist_ok=True)
        with (work.paths.cache() / "engine").open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, 1 << 30)
        watch.stage("measuring")
        measured.append(1)
        return measure(job, watch)

    scene.change(measure=installs, policy=policy)
    assert scene.turn().result is Result.STOPPED
    assert measured == []
    assert "the policy allows 1" in scene.turn().why  # and takes no lease for it
    (work.paths.cache() / "engine").unlink()
    scene.change(measure=measure)
    assert scene.turn().result is Result.ANSWERED
    assert list(scene.queue().values()) == [request]


def test_manual_approval_waits_for_a_word(scene):
    request = scene.ask()
    scene.change(policy=scene.agent.policy.model_copy(update={"approval": "manual"}))
    for _ in range(2):
        assert scene.turn().why == "no request fits: it waits for your approval (1)"
    assert [one.request for one in scene.agent.state.waiting()] == [request]
    assert len(scene.said) == 1
    scene.agent.state.approve(request)
    assert scene.turn().result is Result.ANSWERED
    assert scene.agent.state.waiting() == []


def test_what_fails_here_is_given_back_and_not_tried_again_without_a_word(scene):
    request = scene.ask()
    policy = scene.agent.policy.model_copy(update={"files": {"tiny": "/nowhere/tiny.gguf"}})
    scene.change(policy=policy, measure=agents.simulated)
    assert scene.turn().result is Result.FAILED
    (ended,) = scene.agent.state.ended()
    assert ended.ending == "refused"
    assert scene.turn().why == "no request fits: it ended here before (1)"
    assert leases.take(scene.world.registry, "ann", request, "a" * 64, 600).until_s
    assert scene.queue() == {}


def test_a_record_whose_own_checks_failed_is_kept_and_not_sent(scene, monkeypatch):
    request = scene.ask()
    monkeypatch.setattr(work, "first_line", lambda _record: "FAILED CHECKS: counting; do not use this number")
    assert scene.turn().result is Result.FAILED
    (ended,) = scene.agent.state.ended()
    assert (ended.ending, "counting" in ended.reason, len(kept(scene, request)), scene.queue()) == (
        "failed",
        True,
        1,
        {},
    )


def test_a_policy_that_changed_meanwhile_is_obeyed(scene, monkeypatch):
    request = scene.ask()

    def stop(job, watch):
        raise Stopped("the stop file is there")

    real = scene.agent.measure
    scene.change(measure=stop)
    assert scene.turn().result is Result.STOPPED
    scene.change(measure=real, policy=scene.agent.policy.model_copy(update={"models": ["other"], "files": {}}))
    assert scene.turn().result is None
    assert scene.agent.state.current() is None
    assert any(f"request {request[:12]} is dropped: the model 'tiny' is not on your list" in one for one in scene.said)


def test_a_registry_that_changes_the_job_between_two_answers_gets_nothing(scene):
    scene.ask()
    real = scene.agent.leases

    class Liar(Away):
        def take(self, *arguments):
            told = dict(real.take(*arguments))
            return told | {"job": told["job"] | {"hardware": "another"}}

    scene.change(leases=Liar(real))
    assert scene.turn().result is Result.LOST
    assert scene.queue() == {}
    assert any("gave another job than it offered" in one for one in scene.said)
