"""The newest release against the last one, night by night: what is watched, and what the nights come to."""

import json
import math

import numpy as np
import pytest

from harness.errors import RecordInvalid
from harness.hunt.points import Judged, Point, Standing, judge, point
from harness.hunt.watch import Step, history, next_step
from harness.measure.comparison import Verdict
from harness.record.canonical import canonical
from harness.run.prepare.package_index import Answer, Offered
from harness.tiers.regressions import Label
from runtimes.recipes import Recipe
from tests.support.failed_runs import failed_statement

SLOW, FAST = Point(0.9, 0.89, 0.91, 1e-5), Point(1.1, 1.09, 1.11, 1e-5)
SAME, SMALL = Point(1.0, 0.99, 1.01, 0.9), Point(0.96, 0.955, 0.965, 1e-6)
UNSURE = Point(0.9, 0.8, 1.01, 0.06)


@pytest.mark.parametrize(
    ("points", "standing", "label"),
    [
        ([], Standing.OPEN, Label.INSUFFICIENT),
        ([SLOW], Standing.OPEN, Label.INSUFFICIENT),
        ([SLOW, SLOW], Standing.CANDIDATE, Label.POSSIBLE_REGRESSION),
        ([FAST, FAST], Standing.CANDIDATE, Label.POSSIBLE_IMPROVEMENT),
        ([SLOW, FAST], Standing.OPEN, Label.INSUFFICIENT),
        ([SLOW, SAME], Standing.OPEN, Label.INSUFFICIENT),
        ([SLOW, SAME, SLOW], Standing.OPEN, Label.INSUFFICIENT),  # not successive
        ([SLOW, SAME, SLOW, SLOW], Standing.CANDIDATE, Label.POSSIBLE_REGRESSION),
        ([SAME, SAME], Standing.SETTLED, Label.INSUFFICIENT),
        ([SMALL, SMALL], Standing.SETTLED, Label.INSUFFICIENT),  # sure, and below 5 %
        ([UNSURE, UNSURE], Standing.SETTLED, Label.INSUFFICIENT),  # 10 %, and not sure
    ],
)
def test_a_change_needs_its_size_its_p_and_two_successive_nights(points, standing, label):
    assert judge(points) == Judged(standing, label)


def test_p_is_students():
    newest, last = [90.0, 91, 92, 90, 89, 91, 90, 92], [100.0, 101, 100, 99, 100, 101, 100, 99]
    logs = np.log(np.array(newest) / last)
    t = abs(logs.mean()) / (logs.std(ddof=1) / math.sqrt(8))
    assert t > 5.408  # the two-sided 0.1 % point of 7 degrees of freedom
    found = point(newest, last)
    assert found.p < 0.001
    assert found.ratio == pytest.approx(math.exp(logs.mean()))
    assert found.sign is Verdict.SLOWER
    assert point(last, last).p == 1.0
    noisy = point([90.0, 130, 70, 100], [100.0, 100, 100, 100])
    assert noisy.p > 0.05
    assert noisy.sign is Verdict.CANNOT_TELL
    with pytest.raises(RecordInvalid):
        point([1.0], [1.0, 2.0])


def test_equal_releases_hardly_ever_make_a_candidate():
    random = np.random.default_rng(4)

    def night():
        return point(np.exp(random.normal(0, 0.03, 8)).tolist(), np.exp(random.normal(0, 0.03, 8)).tolist())

    assert not [1 for _ in range(500) if judge([night(), night()]).standing is Standing.CANDIDATE]


RECIPE = Recipe({}, oldest="1.0")


def answer(*names):
    return Answer(tuple(Offered(name, True) for name in names))


@pytest.mark.parametrize(
    ("known", "offered", "pinned", "expected"),
    [
        ([], ("1.3", "1.2", "1.1"), "1.1", Step("1.3", "1.1")),  # beside the pinned one
        ([], ("1.3", "1.2"), "1.3", Step("1.3", "1.2")),  # the pinned one is the newest
        ([], ("1.3",), "1.3", None),
        ([], ("0.9",), "", None),
        ([Step("1.2", "1.1")], ("1.2", "1.1"), "1.1", Step("1.2", "1.1")),  # as last night
        ([Step("1.2", "1.1")], ("1.3", "1.2", "1.1"), "1.1", Step("1.3", "1.2")),  # what was the newest is the last
        ([Step("1.3", "1.2")], ("1.2", "1.1"), "1.0", Step("1.2", "1.0")),  # 1.3 was withdrawn
        (
            [Step("1.2", "1.1"), Step("1.1", "1.0")],
            ("1.3", "1.1"),
            "1.0",
            Step("1.3", "1.1"),
        ),  # 1.2 can't be had any more
        ([Step("1.2", "1.1")], ("1.3", "1.1"), "1.0", Step("1.3", "1.0")),  # nor anything that was watched
    ],
)
def test_the_newest_release_is_held_against_the_last_of_this_machine(known, offered, pinned, expected):
    assert next_step(known, answer(*offered), RECIPE, pinned) == expected


@pytest.fixture
def measured(simulated_record):
    def made(side, change=lambda statement: statement):
        side.mkdir(parents=True)
        (side / "record").mkdir()
        statement = change(json.loads(simulated_record.read_bytes()))
        (side / "record" / "record.json").write_bytes(canonical(statement))

    return made


def test_the_history_is_what_was_measured_here(tmp_path, measured):
    for name in ("1.3-after-1.2", "1.2-after-1.1", "x-after-y", "1.4-after-1.3.lock"):
        measured(tmp_path / name / "point-01" / "newest")
    assert history(tmp_path) == [Step("1.2", "1.1"), Step("1.3", "1.2")]


def test_a_release_that_never_ran_is_nobody_s_last_one(tmp_path, measured):
    measured(tmp_path / "1.2-after-1.1" / "point-01" / "newest")
    measured(tmp_path / "1.3-after-1.2" / "point-01" / "last")
    measured(tmp_path / "1.3-after-1.2" / "point-01" / "newest", failed_statement)  # 1.3 crashed
    (tmp_path / "1.4-after-1.2" / "point-01" / "newest" / ".partial").mkdir(parents=True)  # 1.4 was cut off
    assert history(tmp_path) == [Step("1.2", "1.1")]
