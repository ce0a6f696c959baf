"""Regression candidates: the scenarios by name, and what holds for any records."""

import time
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.catalog.policies import load
from harness.measure.comparison import Verdict
from harness.tiers.regressions import BAND, Label, Versioned, changes
from harness.tiers.values import Mark, Status
from harness.tiers.verdict import judge
from tests.support.tier_rows import AS_OF, CLASSES, HUB_CLASS, SUBJECT, measurement

POLICY = load("network-v2").policy
VERSIONS = {
    "runtime": "0.25.1 abc",
    "driver": "580.1",
    "os": "Debian GNU/Linux 12",
    "kernel": "6.1.0",
    "python": "3.11.7",
}


def record(
    name, rate=100.0, who="a", rig=None, hardware=HUB_CLASS, age=0, status=Status.ACCEPTED, subject=SUBJECT, **versions
):
    facts = dict(
        operator=who, rig=rig or f"rig-{who}", measured=AS_OF - timedelta(days=age), status=status, subject=subject
    )
    known = {axis: version for axis, version in (VERSIONS | versions).items() if version is not None}
    return Versioned(measurement(name, rate, hardware, **facts), tuple(sorted(known.items())))


def step(who, rate=90.0, axis="driver", before="580.1", after="590.2", tag="", **other):
    """Two records of `who`, at 100 before and at `rate` after."""
    return [
        record(f"{who}{tag}-old", 100.0, who, age=9, **{axis: before}, **other),
        record(f"{who}{tag}-new", rate, who, age=1, **{axis: after}, **other),
    ]


def only(records, people=None):
    found = changes(records, POLICY, people)
    assert len(found) == 1, found
    return found[0]


wide = replace(record("wide", driver="590.2").measurement, medians=(80.0, 95.0, 110.0))
SCENARIOS = {
    "slower with a new driver": (step("a", 90.0), Label.POSSIBLE_REGRESSION),
    "faster with a new driver": (step("a", 110.0), Label.POSSIBLE_IMPROVEMENT),
    "too wide to say": (
        [record("old"), Versioned(wide, record("wide", driver="590.2").versions)], Label.INSUFFICIENT),
    "across the edge of the band": (step("a", 97.0), Label.INSUFFICIENT),
    "slower by an amount that excludes 1 and stays in the band": (step("a", 98.5), None),
    "as fast as before": (step("a", 100.2), None),
    "two operators see it slower": (step("a", 90.0) + step("b", 92.0), Label.CONFIRMED),
    "two operators see it faster": (step("a", 110.0) + step("b", 108.0), Label.CONFIRMED),
    "two operators at odds": (step("a", 90.0) + step("b", 110.0), Label.INSUFFICIENT),
    "two see it slower, one faster": (step("a", 90.0) + step("b", 92.0) + step("c", 110.0), Label.CONFIRMED),
    "two and two at odds": (
        step("a", 90.0) + step("b", 92.0) + step("c", 110.0) + step("d", 110.0), Label.INSUFFICIENT),
    "one sees it slower, another no difference": (step("a", 90.0) + step("b", 100.0), Label.POSSIBLE_REGRESSION),
    "one operator on two rigs": (
        step("a", 90.0, rig="r1", tag="1") + step("a", 90.0, rig="r2", tag="2"), Label.POSSIBLE_REGRESSION),
    "one operator with both signs": (
        step("a", 90.0, rig="r1", tag="1") + step("a", 110.0, rig="r2", tag="2"), Label.INSUFFICIENT),
    "two handles on one rig": (
        step("a", 90.0, rig="same") + step("b", 90.0, rig="same"), Label.POSSIBLE_REGRESSION),
    "two operators on different devices": (
        step("a", 90.0) + step("b", 90.0, hardware=CLASSES[0]), Label.CONFIRMED),
    "two operators whose other versions differ": (
        step("a", 90.0) + step("b", 90.0, kernel="6.12.0"), Label.CONFIRMED),
    "two operators, two steps": (
        step("a", 90.0)[:1] + step("a", 90.0)[1:] + step("b", 90.0, after="591.0"), "two"),
    "two axes": ([record("old"), record("new", 90.0, driver="590.2", kernel="6.12.0")], None),
    "no axis": ([record("old", age=3), record("new", 90.0)], None),
    "an axis missing on one side": ([record("old", driver=None), record("new", 90.0)], Label.POSSIBLE_REGRESSION),
    "another operator": ([record("old"), record("new", 90.0, "b", "rig-a", driver="590.2")], None),
    "another rig": ([record("old"), record("new", 90.0, rig="other", driver="590.2")], None),
    "another device": ([record("old"), record("new", 90.0, hardware=CLASSES[0], driver="590.2")], None),
    "another quantisation": (
        [record("old"), record("new", 90.0, subject=replace(SUBJECT, quantisation="Q8_0"), driver="590.2")], None),
    "not accepted": ([record("old"), record("new", 90.0, status=Status.PENDING, driver="590.2")], None),
    "a class's runtime series goes with the runtime": (
        [record("old"), record("new", 90.0, hardware=replace(HUB_CLASS, runtime_series="llama.cpp 0.26"), runtime="0.26.0 d")],
        Label.POSSIBLE_REGRESSION),
    "a class's series alone, where no runtime is named": (
        [record("old", runtime=None),
         record("new", 90.0, hardware=replace(HUB_CLASS, runtime_series="llama.cpp 0.26"), runtime=None)],
        Label.POSSIBLE_REGRESSION),
    "another system is another kernel, too": (
        [record("old"),
         record("new", 90.0, hardware=replace(HUB_CLASS, os_family="Windows"), os="Windows 11", kernel="10.0.26100")], None),
}  # fmt: skip


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_scenario_holds(name):
    records, label = SCENARIOS[name]
    found = [change.label for change in changes(records, POLICY)]
    assert found == {None: [], "two": [Label.POSSIBLE_REGRESSION] * 2}.get(label, [label])


def test_a_change_holds_the_pairs_their_intervals_and_who_saw_what():
    change = only(step("a", 90.0) + step("b", 92.0) + step("c", 100.0))
    assert (change.axis, change.before, change.after, change.subject) == ("driver", "580.1", "590.2", SUBJECT)
    assert [(older, newer) for older, newer, _ in change.pairs] == [(f"id-{w}-old", f"id-{w}-new") for w in "abc"]
    assert [found.verdict for *_, found in change.pairs] == [Verdict.SLOWER, Verdict.SLOWER, Verdict.SAME]
    assert change.pairs[0][2].ratio == pytest.approx(0.9, rel=1e-9)
    assert change.pairs[0][2].high < BAND[0]
    assert (change.sign, change.operators) == (Verdict.SLOWER, ("a", "b", "c"))
    assert (change.faster, change.slower) == ((), ("a", "b"))


def test_persons_that_the_caller_knows_of_are_one():
    records = step("a", 90.0) + step("b", 90.0)
    assert only(records, {"a": "ann", "b": "ann"}).label is Label.POSSIBLE_REGRESSION
    assert only(records, {"a": "ann"}).label is Label.CONFIRMED


def test_a_difference_that_the_network_s_band_tolerates_is_still_a_candidate():
    older, newer = step("a", 93.0)
    assert judge(older.measurement, newer.measurement, POLICY).mark is Mark.INSIDE
    assert only([older, newer]).label is Label.POSSIBLE_REGRESSION


def test_a_side_that_looked_more_than_once_gets_the_smaller_alpha():
    older, newer = step("a", 90.0)
    looked = replace(newer, measurement=replace(newer.measurement, fixed_number=False))
    assert only([older, newer]).pairs[0][2].level == pytest.approx(0.90)
    assert only([older, looked]).pairs[0][2].level == pytest.approx(0.96)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("1.9", "1.10"),
        ("v1.9.0", "1.10.0"),
        ("0.25.1 fff", "0.26.0 aaa"),
        ("b4567", "b10001"),
        ("Debian GNU/Linux 9", "Debian GNU/Linux 12"),
        ("6.1.0-18-amd64", "6.12.0-1-amd64"),
    ],
)
def test_the_older_version_is_told_by_its_number_not_by_its_date_or_spelling(first, second):
    records = [record("one", 100.0, age=1, runtime=first), record("two", 90.0, age=9, runtime=second)]
    change = only(records)
    assert (change.before, change.after, change.label) == (first, second, Label.POSSIBLE_REGRESSION)


@pytest.mark.parametrize(
    ("first", "second"),
    [("a9d1c02e", "a1d1c02e"), ("main", "1.0"), ("1.0 fff", "1.0 aaa"), ("Fedora 42", "Debian 13"), ("2.0.0", "2.0")],
)
def test_without_numbers_to_compare_the_older_is_what_anybody_measured_first(first, second):
    records = [record("one", 100.0, age=9, runtime=first), record("two", 90.0, age=1, runtime=second)]
    change = only(records)
    assert (change.before, change.after) == (first, second)
    # Somebody else who went back to it later sees the same step, not its reverse.
    back = [record("b1", 90.0, "b", age=5, runtime=second), record("b2", 100.0, "b", age=2, runtime=first)]
    assert only(records + back).label is Label.CONFIRMED


def test_neighbours_are_compared_and_a_step_that_one_machine_made_on_every_machine_that_has_both():
    a = [record(f"a{v}", rate, runtime=f"1.{v}") for v, rate in ((8, 100.0), (9, 100.0), (10, 80.0))]
    assert [(c.before, c.after) for c in changes(a, POLICY)] == [("1.9", "1.10")]
    b = [record(f"b{v}", rate, "b", runtime=f"1.{v}") for v, rate in ((8, 100.0), (10, 80.0))]
    found = {(c.before, c.after): c.label for c in changes(a + b, POLICY)}
    assert found == {("1.8", "1.10"): Label.CONFIRMED, ("1.9", "1.10"): Label.POSSIBLE_REGRESSION}


def test_the_newest_record_of_equal_versions_counts():
    older = record("older", 100.0, age=5)
    change = only([older, record("first", 80.0, age=3, driver="590.2"), record("again", 90.0, age=1, driver="590.2")])
    assert [(a, b) for a, b, _ in change.pairs] == [("id-older", "id-again")]


def test_twenty_thousand_records_take_seconds():
    records = [
        record(f"r{i}", 100.0, f"op{i % 500}", age=i % 40, runtime=f"0.{i // 500}.0") for i in range(20_000)
    ]  # 500 operators, 40 versions each
    began = time.process_time()
    assert changes(records, POLICY) == []
    assert time.process_time() - began < 10


@st.composite
def histories(draw):
    count = draw(st.integers(0, 12))
    return [
        record(
            f"r{i}",
            draw(st.sampled_from((80.0, 90.0, 97.0, 100.0, 103.0, 120.0))),
            draw(st.sampled_from("abc")),
            age=draw(st.integers(0, 30)),
            status=draw(st.sampled_from((Status.ACCEPTED, Status.ACCEPTED, Status.PENDING))),
            driver=draw(st.sampled_from((None, "580.1", "590.2", "1000.0"))),
            runtime=draw(st.sampled_from(("0.9", "0.10", "main", "c0ffee77"))),
        )
        for i in range(count)
    ]


@given(histories(), st.randoms())
def test_order_and_repetition_are_nothing(records, random):
    shuffled = records + records[:3]
    random.shuffle(shuffled)
    assert changes(shuffled, POLICY) == changes(records, POLICY)


@given(histories())
def test_pairs_are_of_one_operator_and_differ_on_one_axis(records):
    known = {one.measurement.id: one for one in records}
    for change in changes(records, POLICY):
        for older, newer, found in change.pairs:
            a, b = known[older], known[newer]
            assert (a.measurement.operator, a.measurement.rig) == (b.measurement.operator, b.measurement.rig)
            assert {axis for axis, _ in set(a.versions) ^ set(b.versions)} - {"os"} == {change.axis}
            assert Status.PENDING not in (a.measurement.status, b.measurement.status)
            assert found.low <= found.ratio <= found.high


@given(histories())
def test_one_operator_never_confirms(records):
    alone = [replace(one, measurement=replace(one.measurement, operator="a", rig="rig-a")) for one in records]
    assert Label.CONFIRMED not in {change.label for change in changes(alone, POLICY)}


@given(histories())
def test_a_confirmed_change_names_two_persons_or_more(records):
    for change in changes(records, POLICY):
        most = max(len(change.faster), len(change.slower))
        assert (change.label is Label.CONFIRMED) == (most >= 2 and len(change.faster) != len(change.slower))
        assert (change.sign is Verdict.CANNOT_TELL) == (change.label is Label.INSUFFICIENT)


def test_labels_are_words_and_never_a_figure():
    assert [str(label) for label in Label] == [
        "possible regression", "possible improvement", "insufficient evidence", "confirmed change",
    ]  # fmt: skip
