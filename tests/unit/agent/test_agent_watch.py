"""What happens beside a run, and only between its processes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.agent.policy import Policy
from harness.agent.state import Current, Stage
from harness.agent.watch import BEAT_S, FIRST_S, Lost, Stopped, Watch
from harness.catalog.triples import Triple
from harness.errors import Conflict, NotFound, RecordInvalid, Unavailable
from harness.progress import SILENT
from tests.support.agents import NOON
from tests.unit.agent.test_agent_jobs import GOOD, jobs

CURRENT = Current(job=jobs.read(GOOD), lease="c" * 64, triple=Triple(model="m", runtime="r"), stage=Stage.MEASURING)
OWN = Policy(models=["m"], runtimes=["r"], stop_file="/nowhere", most_disk_gib=1)


class Desk:
    def __init__(self, error=None):
        self.beats, self.error = [], error

    def renew(self, request, lease, for_s):
        self.beats.append(for_s)
        if self.error is not None:
            raise self.error


class Time:
    now, moment = 0.0, NOON

    def __call__(self):
        return self.now


def watching(desk, clock, used=0):
    return Watch(OWN, desk, CURRENT, SILENT, lambda _: clock.moment, lambda: used, clock)


def test_nothing_happens_while_a_worker_measures():
    desk, clock = Desk(), Time()
    watch = watching(desk, clock)

    def process():
        clock.now += 10 * BEAT_S
        clock.moment = replace(NOON, stop=True)
        watch.stage("measuring")
        watch.advance("process 1", 1, 3)
        watch.between()
        return True

    watch.between()
    assert len(desk.beats) == 1
    assert watch.step(process)
    assert len(desk.beats) == 1
    with pytest.raises(Stopped, match="stop file"):
        watch.between()


def test_heartbeats_come_a_minute_apart_and_ask_for_what_the_longest_process_needs():
    desk, clock = Desk(), Time()
    watch = watching(desk, clock)

    def lasting(seconds):
        def process():
            clock.now += seconds
            return True

        return process

    for _ in range(20):
        watch.advance("fetching", 1, 20)
        clock.now += 15
    assert desk.beats == [FIRST_S] * 5
    for seconds, asked in ((30, 600), (1000, 2300), (5000, 3600)):
        watch.step(lasting(seconds))
        clock.now += BEAT_S
        watch.between()
        assert desk.beats[-1] == asked


@pytest.mark.parametrize("error", [NotFound("gone"), Conflict("taken"), RecordInvalid("another answer")])
def test_a_lease_that_is_lost_ends_the_run(error):
    with pytest.raises(Lost):
        watching(Desk(error), Time()).between()


def test_a_registry_that_is_away_takes_nothing_away():
    desk, clock = Desk(Unavailable("away")), Time()
    watch = watching(desk, clock)
    for _ in range(3):
        watch.between()
        clock.now += BEAT_S
    assert len(desk.beats) == 3


def test_a_download_that_would_fill_the_disk_is_stopped_before_it_does():
    watch = watching(Desk(), Time(), used=1 << 29)
    watch.advance("fetching", 0, 1 << 29)
    with pytest.raises(Stopped, match="the policy allows 1"):
        watch.advance("fetching", 0, (1 << 29) + 1)
