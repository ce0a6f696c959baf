"""Regression candidates as a page and as JSON: labels, never facts, and of public records alone."""

import json
import re
from datetime import date, datetime
from itertools import pairwise

import jsonschema
import pytest

from harness.registry.queries import active_policy
from harness.registry.queries.regressions import changes
from harness.site.api import schemas
from harness.site.data.values import Site
from harness.site.pages import regressions
from tests.support.registry_world import world
from tests.support.site_world import gathered

OLD, NEW = {"version": "0.3.36"}, {"version": "0.3.37", "started": datetime(2026, 11, 9, 12)}


def site_of(reader):
    loaded = active_policy.in_force(reader)
    return Site(
        reader.origin(), "https://test.example/registry/", loaded.policy, "network-v2", loaded.sha256, date(2026, 11, 24),
        reader.size(), False,
    )  # fmt: skip


@pytest.fixture
def small(tmp_path):
    return world(str(tmp_path / "registry"))


def files(registry):
    with registry.reading() as reader:
        made = dict(regressions.files(site_of(reader), gathered(reader), regressions.repeated(reader)))
    jsonschema.validate(json.loads(made["api/v1/regressions.json"]), schemas.documents()["regressions"])
    return {path: data.decode() for path, data in made.items()}


def page_and_data(registry):
    made = files(registry)
    return made["regressions/index.html"], json.loads(made["api/v1/regressions.json"])["candidates"]


def pair(small, name, row="", after=57.0, **setup):
    older = small.accepted(name, row, rate=60.0, **OLD, **setup)
    newer = small.accepted(name, row or older, rate=after, **NEW, **setup)
    return older, newer


def test_one_person_makes_a_candidate_two_a_confirmed_change(small):
    older, newer = pair(small, "ann")
    page, (one,) = page_and_data(small.registry)
    assert (one["label"], one["verdict"], one["axis"], one["value_before"], one["value_after"]) == (
        "possible regression", "slower", "runtime", "0.3.36", "0.3.37",
    )  # fmt: skip
    assert (one["operators_slower"], one["persons_slower"]) == (["ann"], 1)
    assert (one["operators_faster"], one["persons_faster"]) == ([], 0)
    assert [(p["record_before"], p["record_after"], p["operator"]) for p in one["pairs"]] == [(older, newer, "ann")]
    assert "Seen slower by 1 person (<bdi>ann</bdi>)" in page
    for record in (older, newer):
        assert f'href="../records/{record}.json"' in page
    assert f'href="../rows/{older[:16]}/index.html"' in page
    pair(small, "bob", older)
    page, (one,) = page_and_data(small.registry)
    assert (one["label"], one["operators_slower"]) == ("confirmed change", ["ann", "bob"])
    assert "<h2" in page
    assert "Confirmed change</h2>" in page


def test_the_numbers_are_those_of_the_rules(small):
    older, _ = pair(small, "ann")
    pair(small, "bob", older, after=63.5)
    pair(small, "cat", sku="Synthetic GPU B", after=66.0)
    with small.registry.reading() as reader:
        found = changes(reader, site_of(reader).policy)
    page, data = page_and_data(small.registry)
    assert len(found) == len(data) == 1
    for want, one in zip(found, data, strict=True):
        assert (str(want.label), list(want.pairs[0][:2])) == (
            one["label"],
            [one["pairs"][0]["record_before"], one["pairs"][0]["record_after"]],
        )
        for (_, _, comparison), shown in zip(want.pairs, one["pairs"], strict=True):
            assert [shown[name] for name in ("ratio", "ratio_low", "ratio_high", "confidence_level")] == [
                comparison.ratio, comparison.low, comparison.high, comparison.level,
            ]  # fmt: skip
            assert f"{comparison.ratio:.3f}<br>" in page
            assert f"{comparison.low:.3f} to {comparison.high:.3f}" in page
    assert data[0]["devices"] == ["GeForce RTX 3090 ×1", "GeForce RTX 4090 ×1"]
    assert "2 devices" in page


def test_no_page_states_a_percentage_of_a_version(small):
    pair(small, "ann")
    page, _ = page_and_data(small.registry)
    assert "%" not in page
    assert "regressed" not in page


def test_a_pair_with_a_record_that_is_not_public_is_no_candidate(small):
    older = small.accepted("ann", rate=60.0, **OLD)
    found = small.record("ann", rate=57.0, **NEW)
    small.submit(found, older)
    page, data = page_and_data(small.registry)
    assert data == []
    assert found.id[:12] not in page


def test_a_withdrawn_row_takes_its_pairs_along_and_leaves_the_others(small):
    row, _ = pair(small, "ann")
    pair(small, "bob", row)
    other, _ = pair(small, "cat", sku="Synthetic GPU B")
    assert page_and_data(small.registry)[1][0]["label"] == "confirmed change"
    small.act(small.actor("ann"), "record-withdrawn", row, reason="a wrong driver")
    page, (one,) = page_and_data(small.registry)
    assert (one["label"], one["operators_slower"], one["pairs"][0]["record_before"]) == (
        "possible regression",
        ["cat"],
        other,
    )
    assert "bob" not in page
    assert row[:12] not in page


def test_the_handle_of_a_person_that_has_nothing_public_does_not_show(small):
    older, _ = pair(small, "zed", rig="shared")
    small.submit(small.record("aaa-lurker", rig="shared", rate=58.0), older)
    made = files(small.registry)
    assert "aaa-lurker" not in "".join(made.values())
    assert json.loads(made["api/v1/regressions.json"])["candidates"][0]["operators_slower"] == ["zed"]


def test_two_handles_of_one_person_confirm_nothing(small):
    older, _ = pair(small, "ann", rig="shared")
    pair(small, "bob", older, rig="shared")
    page, (one,) = page_and_data(small.registry)
    assert (one["label"], one["operators_slower"], one["persons_slower"]) == (
        "possible regression",
        ["ann", "bob"],
        1,
    )
    assert "Seen slower by 1 person (<bdi>ann</bdi>, <bdi>bob</bdi>)" in page


def test_what_is_confirmed_comes_first_and_a_long_list_has_pages(small, monkeypatch):
    pair(small, "ann", model="a-possible", after=66.0)
    row, _ = pair(small, "ann", model="z-confirmed")
    pair(small, "bob", row, model="z-confirmed")
    pair(small, "cat", model="m-few", processes=2)
    labels = [one["label"] for one in page_and_data(small.registry)[1]]
    assert labels == ["confirmed change", "possible improvement", "insufficient evidence"]
    monkeypatch.setattr(regressions, "PAGE", 2)
    made = files(small.registry)
    assert list(made) == ["regressions/index.html", "regressions/page-2.html", "api/v1/regressions.json"]
    assert "m-few" in made["regressions/page-2.html"]
    assert "m-few" not in made["regressions/index.html"]


def test_hostile_names_are_escaped_and_intact(small):
    name = "<script>alert(1)</script> 漢字 & co"
    pair(small, "ann", model=name)
    page, (one,) = page_and_data(small.registry)
    assert one["subject"]["model_name"] == name
    assert "<script>alert" not in page
    assert "<bdi>&lt;script&gt;alert(1)&lt;/script&gt; 漢字 &amp; co</bdi>" in page


def test_an_empty_registry_tells_what_a_candidate_is(small):
    page, data = page_and_data(small.registry)
    assert data == []
    assert "What a candidate is" in page
    assert "None yet" in page
    small.accepted("ann")
    assert page_and_data(small.registry) == (page, [])


def test_the_same_registry_gives_the_same_bytes(small):
    older, _ = pair(small, "ann")
    pair(small, "bob", older)
    assert files(small.registry) == files(small.registry)


def test_headings_descend_by_one_and_there_is_one_h1(small):
    pair(small, "ann")
    page, _ = page_and_data(small.registry)
    levels = [int(level) for level in re.findall(r"<h([1-6])", page)]
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
