"""Who is heard and who is shown, what a caller may bring along, and a standing without the words."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.catalog.policies import load
from harness.tiers.score import score, standing
from harness.tiers.values import Mark, Ring, Row, Source, State, Status, Tier
from harness.tiers.verdict import Judged
from harness.tiers.voices import Voice, covering, persons
from tests.property.test_tier_rules import rows
from tests.support.tier_rows import AS_OF, CLASSES, community, editorial, hub, independent, measurement, pending, row

POLICIES = [load("network-v1").policy, load("network-v2").policy]
POLICY = POLICIES[1]


def bare(found):
    return found.state, found.tier, found.contested


@given(rows(), st.sampled_from(tuple(Status)), st.sampled_from(POLICIES))
def test_a_standing_is_the_score_without_words(found, status, policy):
    found = replace(found, hub=replace(found.hub, status=status))
    scored = score(found, policy, AS_OF)
    assert standing(found, policy, AS_OF) == bare(scored)
    assert standing(found, policy, AS_OF, scored.judged, persons([found.hub, *found.others])) == bare(scored)


@given(rows(), st.sampled_from((60.0, 100.0, 140.0)), st.sampled_from(POLICIES))
def test_evidence_from_elsewhere_moves_nothing(found, rate, policy):
    before = score(found, policy, AS_OF)
    rigs = [record.rig for record in found.others]
    logs = [
        measurement(f"log{i}", rate, CLASSES[i % 4], source=Source.IMPORTED, operator="elsewhere", rig=rig)
        for i, rig in enumerate(rigs)
    ]
    after = score(Row(found.hub, (*found.others, *logs)), policy, AS_OF)
    assert (bare(after), after.derived_from, after.factors) == (bare(before), before.derived_from, before.factors)


def test_evidence_from_elsewhere_is_shown():
    log = measurement("log", source=Source.IMPORTED, hardware=CLASSES[0])
    assert score(row(editorial(), log), POLICY, AS_OF).judged[log.id].mark is Mark.INSIDE


@pytest.mark.parametrize("status", [Status.REJECTED, Status.SENT_BACK, Status.WITHDRAWN])
def test_a_refused_record_has_no_mark(status):
    refused = measurement("r", status=status)
    assert list(score(row(hub(), refused, pending("p")), POLICY, AS_OF).judged) == ["id-p"]


def test_persons_known_from_the_whole_registry_count_once():
    two = row(editorial(), *independent(2))
    tied = persons([two.hub, *two.others, replace(two.others[0], id="elsewhere", rig=two.others[1].rig)])
    assert score(two, POLICY, AS_OF).tier is Tier.HIGH
    assert bare(score(two, POLICY, AS_OF, people=tied)) == (State.REPRODUCED, Tier.MODERATE, False)


def test_the_hub_s_person_is_known_from_the_whole_hub():
    one = row(hub(), *community(1))
    tied = {record.operator: "somebody" for record in (one.hub, *one.others)}
    assert standing(one, POLICY, AS_OF, people=tied) == (State.APPROVED, Tier.LOW, False)


def test_verdicts_brought_along_are_taken():
    found = row(editorial(), *independent(2))
    outside = {record.id: Judged(Mark.OUTSIDE, None) for record in found.others}
    result = score(found, POLICY, AS_OF, outside)
    assert bare(result) == (State.APPROVED, Tier.MODERATE, True)
    assert result.judged == outside


places = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3)), max_size=7)


@given(places)
def test_voices_cover_as_many_classes_as_any_assignment_could(pairs):
    voices = [
        Voice(f"p{person}", measurement(f"{i}", hardware=CLASSES[place]), Ring.INDEPENDENT, CLASSES[place])
        for i, (person, place) in enumerate(pairs)
    ]
    found = covering(voices)
    assert all(voice in voices and voice.record.hardware == hardware for hardware, voice in found.items())
    assert len({voice.person for voice in found.values()}) == len(found)
    offered = set(pairs)
    most = max(
        sum((person, place) in offered for place, person in enumerate(order)) for order in permutations(range(5), 4)
    )
    assert len(found) == most
