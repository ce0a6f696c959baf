"""Steps of the wall clock are no rate errors, and can't hide one."""

import pytest

from harness.measure.clocks import ClockReading, account
from harness.measure.findings import CODES, Severity
from harness.run.conclude import findings
from harness.run.execute.collect import collect
from harness.worker.frames import Frame

S = 1_000_000_000
FIRST = ClockReading(7 * S, 9 * S, 1_700_000_000 * S, 5 * S)


def readings(seconds=60, every=1.0, *, steps=(), real_ppm=0, perf_ppm=0, since=0.0, until=1e9, sleeps=()):
    """A process's readings: (moment, size) steps of the wall clock in seconds, and rate errors from `since` to `until`."""
    found = []
    for n in range(round(seconds / every) + 1):
        at = n * every
        wrong = max(0.0, min(at, until) - since)
        slept = sum(size for when, size in sleeps if when < at)
        jumped = sum(size for when, size in steps if when < at)
        found.append(
            ClockReading(
                FIRST.perf_ns + round(at * S + wrong * perf_ppm * 1e3),
                FIRST.raw_ns + round(at * S),
                FIRST.real_ns + round((at + jumped + slept) * S + wrong * real_ppm * 1e3),
                FIRST.asleep_ns + round(slept * S),
            )
        )
    return found


def test_a_step_of_a_second_in_a_minute_is_a_step_and_no_rate():
    found = account(readings(steps=[(30.5, 1.0)]))
    assert (found.rate_ppm, found.steps, found.largest_step_ns, found.undecided) == (0, 1, S, False)


@pytest.mark.parametrize(
    "steps",
    [
        [(10.5, 1.0), (40.5, -1.0)],
        [(10.5, -0.2)],
        [(0.5, 3600.0)],
        [(59.5, 1.0)],
        [(10.5, 1.0), (20.5, 1.0)],
        [(5.5, 0.128)],
    ],
    ids=["back and forth", "back", "an hour, at once", "in the last second", "twice", "ntpd's least"],
)
def test_no_step_is_taken_for_a_rate(steps):
    found = account(readings(steps=steps))
    assert (found.rate_ppm, found.steps) == (0, len(steps))


@pytest.mark.parametrize("every", [0.02, 0.5, 5.0, 20.0])
def test_how_often_the_clocks_are_read_does_not_matter(every):
    found = account(readings(every=every, steps=[(30.5, 1.0)]))
    assert (found.rate_ppm, found.steps) == (0, 1)
    assert account(readings(every=every, real_ppm=20_000)).rate_ppm == pytest.approx(20_000, rel=0.01)


@pytest.mark.parametrize(
    "clock", [{"real_ppm": 20_000}, {"perf_ppm": 20_000}, {"real_ppm": -20_000, "perf_ppm": -20_000}]
)
def test_a_wrong_rate_is_a_rate(clock):
    assert account(readings(**clock)).rate_ppm == pytest.approx(20_000, rel=0.01)


def test_a_step_does_not_hide_a_rate():
    found = account(readings(real_ppm=20_000, steps=[(59.5, -1.2)]))
    assert found.rate_ppm == pytest.approx(20_000, rel=0.01)
    assert found.steps == 1


def test_a_rate_that_is_corrected_by_steps_again_and_again_is_a_rate():
    found = account(readings(steps=[(n + 0.5, 0.3) for n in range(5, 60, 15)]))
    assert found.rate_ppm == pytest.approx(20_000, rel=0.01)


def test_a_clock_that_is_slewed_for_seconds_is_wrong_for_these_seconds():
    """chrony may slew by 8 %: the stamps of these trials are wrong by it."""
    found = account(readings(perf_ppm=80_000, real_ppm=80_000, since=20, until=24))
    assert found.rate_ppm == pytest.approx(80_000, rel=0.01)


@pytest.mark.parametrize("ppm", [500, -500, 12], ids=["the kernel's most", "and back", "a leap smear"])
def test_usual_slewing_is_nothing_to_say(ppm):
    found = account(readings(perf_ppm=ppm, real_ppm=ppm))
    assert (found.rate_ppm <= findings.DRIFT_NOTE_PPM, found.steps) == (True, 0)


def test_sleep_is_neither_a_step_nor_a_rate():
    found = account(readings(sleeps=[(30.5, 600.0)]))
    assert (found.rate_ppm, found.steps, found.asleep_ns) == (0, 0, 600 * S)


@pytest.mark.parametrize("count", [2, 3])
def test_a_jump_in_few_readings_is_undecided(count):
    found = account(readings(every=60 / (count - 1), steps=[(30.5, 1.0)]))
    assert (found.undecided, found.rate_ppm) == (True, 0)
    assert account(readings(every=60 / (count - 1), perf_ppm=20_000)).rate_ppm == pytest.approx(20_000, rel=0.01)


def test_one_reading_or_none_says_nothing():
    assert account([]) == account([FIRST]) == account([FIRST, FIRST])
    assert account([FIRST]).rate_ppm == 0


def test_the_clocks_of_this_machine_agree():
    found = account([ClockReading.now() for _ in range(50)])
    assert (found.steps, found.undecided) == (0, False)
    assert FIRST.drift_ppm(readings(steps=[(1.5, 1.0)])[-1]) == 0


def heard(**clocks):
    clock = {"stamp_cost_ps": 1, "resolution_ns": 1, "gap_p999_ns": 1}
    log = collect(0, [Frame("clock", clock), Frame("clocks", {"drift_ppm": 0, **clocks})])
    return findings._instrument(findings.Instrument.of([log], []))


def test_a_step_is_a_note_of_the_run():
    (found,) = heard(steps=1, largest_step_ns=S)
    assert (found.code, found.severity) == ("clock_step", Severity.NOTE)
    assert "1.000 s" in found.text
    assert found.code in CODES


def test_an_undecided_jump_and_sleep_are_warnings():
    assert [f.severity for f in heard(steps=1, largest_step_ns=S, undecided=True)] == [Severity.WARNING]
    (slept,) = heard(asleep_ns=S)
    assert (slept.code, slept.severity, slept.code in CODES) == ("slept", Severity.WARNING, True)


def test_only_a_rate_makes_a_run_invalid():
    assert [f.severity for f in heard(drift_ppm=16_666)] == [Severity.INVALID]
    assert [f.severity for f in heard(drift_ppm=1_500)] == [Severity.WARNING]
    assert not heard(drift_ppm=500)


def test_a_journal_from_before_has_no_steps():
    assert not heard()
