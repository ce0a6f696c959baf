"""What ties the operators of a row, and what its independence rests on."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from harness.catalog.policies import load
from harness.tiers.cautions import HostFacts, of_row, same_machine
from harness.tiers.values import Source
from harness.tiers.verdict import compared, judge
from harness.tiers.voices import chorus
from tests.support.tier_rows import HUB_CLASS, community, editorial, independent, measurement, row, series

POLICY = load("network-v2").policy
FACTS = {
    "kernel": "6.1.0-18",
    "os": "Debian 12",
    "microcode": "0x1",
    "cpu": "AMD EPYC",
    "memory": "24",
    "libc": "2.36",
    "clock": "tsc",
}
START = datetime(2026, 11, 1)


def host(operator, wheel="", **facts):
    return HostFacts(f"record-{operator}", operator, wheel, FACTS | facts)


def cautions(found, joined=None):
    marks = {record.id: judge(found.hub, record, POLICY).mark for record in compared(found)}
    return [c.kind for c in of_row(found.hub, chorus(found.hub, found.others, marks), joined or {})]


def kinds(*hosts):
    return [(c.kind, c.operators) for c in same_machine(hosts)]


def test_one_build_under_two_handles_is_shown():
    assert kinds(host("b", "w" * 64), host("a", "w" * 64, kernel="other")) == [("same-build", ("a", "b"))]


def test_equal_facts_of_the_machine_are_shown():
    assert kinds(host("a"), host("b")) == [("same-host-facts", ("a", "b"))]


@pytest.mark.parametrize("name", FACTS)
def test_one_other_fact_is_another_machine(name):
    assert kinds(host("a"), host("b", **{name: "another"})) == []


def test_few_known_facts_say_nothing():
    few = dict.fromkeys(list(FACTS)[:3], "")
    assert kinds(host("a", **few), host("b")) == []
    assert kinds(host("a", ""), host("b", "")) != []


def test_one_operator_on_one_machine_is_nothing_to_show():
    assert kinds(host("a", "w"), replace(host("a", "w"), record="another")) == []


def seen(*records):
    """The same, of operators whose machines an editor has seen."""
    return [replace(record, source=Source.VERIFIED) for record in records]


def test_versions_and_systems_alone_are_words():
    assert cautions(row(editorial(), *seen(*series(3)))) == ["no-other-device"]
    systems = [
        measurement(f"s{i}", hardware=replace(HUB_CLASS, os_family=name))
        for i, name in enumerate(("Darwin", "Windows"))
    ]
    assert cautions(row(editorial(), *seen(*systems))) == ["no-other-device"]
    assert cautions(row(editorial(), *seen(*systems, *series(2)))) == ["no-other-device"]


def test_other_devices_and_the_community_ring_are_not():
    assert cautions(row(editorial(), *seen(*independent(3)))) == []
    assert cautions(row(editorial(), *seen(*community(3)))) == []
    assert cautions(row(editorial(), *seen(*series(2), *independent(1)))) == []


def test_a_row_of_which_no_machine_was_seen_says_so():
    assert cautions(row(editorial(), *independent(3))) == ["none-verified"]
    assert cautions(row(editorial(), *independent(2), *seen(*community(1)))) == []
    assert cautions(row(editorial())) == []


def joined(found, hours):
    return {record.operator: START + timedelta(hours=hours * i) for i, record in enumerate(found.others)}


def test_operators_who_joined_within_days_are_shown():
    found = row(editorial(), *seen(*independent(4)))
    assert cautions(found, joined(found, 12)) == ["joined-together"]
    assert cautions(found, joined(found, 240)) == []


def test_two_are_no_burst_and_an_old_hand_ends_one():
    two = row(editorial(), *seen(*independent(2)))
    assert cautions(two, joined(two, 1)) == []
    found = row(editorial(), *seen(*independent(4)))
    old = joined(found, 1) | {found.others[0].operator: START - timedelta(days=400)}
    assert cautions(found, old) == []
