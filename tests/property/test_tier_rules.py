"""What must hold for any row: good news never lowers, bad news never raises, order and repetition are nothing."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from harness.catalog.policies import load
from harness.tiers.score import score
from harness.tiers.values import TIERS, UNKNOWN, Row, Source, State, Status
from tests.support.tier_rows import AS_OF, CLASSES, HUB_CLASS, measurement

POLICIES = [load("network-v1").policy, load("network-v2").policy]
STATES = [State.APPROVED, State.REPRODUCED, State.INDEPENDENT]


@st.composite
def records(draw, name, rates=(70.0, 95.0, 100.0, 105.0, 130.0), statuses=tuple(Status)):
    operator = draw(st.integers(0, 4))
    found = replace(
        measurement(name, draw(st.sampled_from(rates)), draw(st.sampled_from((HUB_CLASS, *CLASSES)))),
        operator=f"op{operator}",
        rig=f"rig{operator}-{draw(st.integers(0, 2))}",  # rigs of one's own: to share one is to be one voice
        measured=AS_OF - timedelta(days=draw(st.integers(0, 1000))),
        status=draw(st.sampled_from(statuses)),
    )
    found = on_a_series(found, draw(st.integers(0, 3)))
    unknown = draw(
        st.sampled_from([(), (), (), ("sku", "generation"), ("os_family",), ("runtime_series",), ("sku", "os_family")])
    )
    return replace(found, hardware=replace(found.hardware, **dict.fromkeys(unknown, UNKNOWN)))


def on_a_series(record, behind):
    """The drift of a record follows from its series: two of one series lie equally far behind."""
    hardware = replace(record.hardware, runtime_series=f"llama.cpp 0.{25 - behind}")
    return replace(record, hardware=hardware, series_behind=behind)


@st.composite
def rows(draw):
    hub = replace(
        draw(records("hub", rates=(100.0,), statuses=(Status.ACCEPTED,))),
        operator="editor",
        rig="editor-rig",
        source=draw(st.sampled_from(tuple(Source))),
        missing=draw(st.sampled_from([(), ("driver",)])),
    )
    others = [draw(records(f"r{i}")) for i in range(draw(st.integers(0, 9)))]
    return Row(hub, tuple(others))


@given(rows(), records("new", rates=(98.0, 100.0, 102.0), statuses=(Status.ACCEPTED,)), st.sampled_from(POLICIES))
@settings(max_examples=300)
def test_an_inside_reproduction_never_lowers(row, new, policy):
    before, after = score(row, policy, AS_OF), score(Row(row.hub, (*row.others, new)), policy, AS_OF)
    assert TIERS.index(after.tier) >= TIERS.index(before.tier)
    assert STATES.index(after.state) >= STATES.index(before.state)


@given(rows(), records("new", rates=(60.0, 140.0), statuses=(Status.ACCEPTED,)), st.sampled_from(POLICIES))
@settings(max_examples=300)
def test_an_outside_reproduction_never_raises(row, new, policy):
    before, after = score(row, policy, AS_OF), score(Row(row.hub, (*row.others, new)), policy, AS_OF)
    assert TIERS.index(after.tier) <= TIERS.index(before.tier)
    assert STATES.index(after.state) <= STATES.index(before.state)


@given(rows(), st.randoms(), st.sampled_from(POLICIES))
def test_order_and_repetition_are_nothing(row, random, policy):
    shuffled = [*row.others, *row.others[:3]]
    random.shuffle(shuffled)
    assert score(Row(row.hub, tuple(shuffled)), policy, AS_OF) == score(row, policy, AS_OF)


@given(rows(), st.integers(0, 4000), st.sampled_from(POLICIES))
def test_the_date_moves_only_the_age(row, days, policy):
    now, later = score(row, policy, AS_OF), score(row, policy, AS_OF + timedelta(days=days))
    assert (now.state, now.contested, now.judged) == (later.state, later.contested, later.judged)
    assert 0 <= TIERS.index(now.tier) - TIERS.index(later.tier) <= 1
    differing = [a.name for a, b in zip(now.factors, later.factors, strict=True) if a != b]
    assert set(differing) <= {"age"}


@given(rows(), st.sampled_from(POLICIES))
def test_a_score_says_where_it_comes_from(row, policy):
    found = score(row, policy, AS_OF)
    known = {row.hub.id, *(record.id for record in row.others)}
    assert {identifier for step in found.derived_from for identifier in step.records} <= known
    assert found.derived_from[-1].tier is found.tier
