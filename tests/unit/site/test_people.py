"""Operators' pages: what is public and nothing else, with the verdicts of the rows' scores."""

import re
from dataclasses import replace
from datetime import date
from itertools import pairwise

import pytest

from harness.registry.db import public as public_records
from harness.registry.db import reader
from harness.registry.queries import active_policy
from harness.registry.queries.rows import score_row
from harness.site.data.values import Site
from harness.site.pages import operators
from tests.support.registry_world import world
from tests.support.site_world import ONE, gathered

HOSTILE = '<script>alert("x")</script> 漢字 \u202egnp.exe & "quotes"'


def site_of(reader):
    loaded = active_policy.in_force(reader)
    return Site(
        reader.origin(), "https://test.example/registry/", loaded.policy, "network-v2", loaded.sha256, date(2026, 11, 24),
        reader.size(), False,
    )  # fmt: skip


@pytest.fixture
def small(tmp_path):
    return world(str(tmp_path / "registry"))


def files(registry, summaries=(), wanted=None):
    with registry.reading() as reader:
        known = {one.row: one for one in summaries}
        made = list(operators.files(reader, site_of(reader), gathered(reader), known, wanted))
    assert len({path for path, _ in made}) == len(made)
    return {path: data.decode() for path, data in made}


def scored(registry, row):
    with registry.reading() as reader:
        return score_row(reader, row, site_of(reader).policy, date(2026, 11, 24))


def summary(row, **changes):
    return replace(ONE, row=row, **changes)


def cells(page, label):
    """The text of a column's cells."""
    found = re.findall(rf'<td data-label="{label}"[^>]*>(.*?)</td>', page, re.S)
    return [re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", cell)).strip() for cell in found]


def test_a_page_lists_the_records_with_role_and_verdict(small):
    row = small.accepted("ann")
    same = small.accepted("bob", row, rate=101.0)
    other = small.accepted("bob", row, rig="bob's other", sku="Synthetic GPU B", rate=70.0)
    page = files(small.registry, [summary(row)])["operators/bob.html"]
    assert sorted(cells(page, "Role")) == ["community ring", "independent ring"]
    assert sorted(cells(page, "Verdict")) == ["inside", "outside"]
    assert "1 inside, 1 outside, 0 inconclusive" in page
    for record in (same, other):
        assert f'href="../records/{record}.json"' in page
    assert page.count(f'href="../rows/{row[:16]}/index.html"') == 2
    assert page.count('class="tier tier-moderate"') == 2
    opened = files(small.registry)["operators/ann.html"]
    assert (cells(opened, "Role"), cells(opened, "Verdict"), cells(opened, "Ratio")) == (["hub record"], ["–"], ["–"])


def test_ratio_and_verdict_are_those_of_the_row_s_score(small):
    row = small.accepted("ann")
    names = {"bob": 101.0, "cat": 70.0, "dan": 109.6}
    records = {name: small.accepted(name, row, rate=rate) for name, rate in names.items()}
    records["eve"] = small.accepted("eve", row, processes=2)
    whole = scored(small.registry, row)
    pages = files(small.registry)
    for name, record in records.items():
        judged = whole[1].judged[record]
        page = pages[f"operators/{name}.html"]
        interval = f"{judged.comparison.low:.3f} to {judged.comparison.high:.3f}"
        assert cells(page, "Verdict") == [str(judged.mark)]
        assert cells(page, "Ratio") == [f"{judged.comparison.ratio:.3f} {interval}"]


def test_the_list_counts_what_is_public(small):
    row = small.accepted("ann")
    small.accepted("ann", sku="Synthetic GPU B")
    small.accepted("bob", row)
    small.accepted("bob", row, rig="bob's other", rate=101.0)
    page = files(small.registry)["operators/index.html"]
    columns = {label: cells(page, label) for label in ("Public records", "Rows opened", "Reproductions", "Machines")}
    assert columns == {
        "Public records": ["2", "2"], "Rows opened": ["2", "0"], "Reproductions": ["0", "2"], "Machines": ["1", "2"],
    }  # fmt: skip
    assert re.findall(r'<th scope="row"><a href="([^"]+)"', page) == ["../operators/ann.html", "../operators/bob.html"]


OUT = {
    "pending": (),
    "rejected": ("record-rejected",),
    "sent-back": ("record-sent-back",),
    "rejected after approval": ("record-approved", "record-rejected"),
}


@pytest.mark.parametrize("acts", OUT.values(), ids=OUT)
def test_nothing_of_a_record_that_is_not_public_shows(small, acts):
    row = small.accepted("ann")
    own = small.record("ann", rig="annas-second", rate=103.0)
    other = small.record("lurker", rate=102.0)
    for found in (own, other):
        small.submit(found, row)
        for kind in acts:
            small.act(small.editor(), kind, found.id, reason="a reason of the editor")
    made = files(small.registry)
    assert set(made) == {"operators/index.html", "operators/ann.html"}
    everything = "".join(made.values())
    for text in ("lurker", own.id[:12], other.id[:12], own.measured.measurement.rig[:8], "a reason of the editor"):
        assert text not in everything
    assert cells(made["operators/index.html"], "Public records") == ["1"]
    assert cells(made["operators/index.html"], "Machines") == ["1"]


def test_a_withdrawn_record_and_what_stood_on_its_row_are_gone(small):
    row = small.accepted("ann")
    record = small.accepted("bob", row)
    small.act(small.actor("ann"), "record-withdrawn", row, reason="a wrong driver")
    made = files(small.registry)
    assert set(made) == {"operators/index.html"}
    assert not any(text in made["operators/index.html"] for text in ("ann", "bob", row[:12], record[:12]))


def test_a_finding_stands_with_its_reason_even_without_records(small):
    small.join("ann")
    small.act(small.editor(), "operator-verified", "ann", reason=HOSTILE)
    made = files(small.registry)
    for page in (made["operators/index.html"], made["operators/ann.html"]):
        assert "<script>alert" not in page
        assert f"<bdi>{escaped(HOSTILE)}</bdi>" in page
    small.act(small.editor(), "operator-unverified", "ann", reason="moved house")
    assert set(files(small.registry)) == {"operators/index.html"}
    small.accepted("ann")
    page = files(small.registry)["operators/ann.html"]
    assert "No longer verified." in page
    assert "moved house" in page


def escaped(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&#34;")


def test_a_hostile_model_name_is_escaped_and_intact(small):
    name = (HOSTILE.replace("\u202e", "") * 10)[:250]
    small.accepted("ann", model=name)
    page = files(small.registry)["operators/ann.html"]
    assert "<script>alert" not in page
    assert f"<bdi>{escaped(name)}</bdi>" in page


def test_one_person_s_handles_name_each_other_unless_they_are_not_public(small):
    row = small.accepted("ann")
    small.accepted("bob", row, rig="shared")
    small.accepted("cat", row, rig="shared", rate=101.0)
    small.submit(small.record("lurker", rig="shared", rate=102.0), row)
    small.accepted("dan", row, rate=99.0)
    small.act(small.editor(), "operators-tied", "dan", reason="one desk", detail={"other": "cat"})
    made = files(small.registry)
    assert "one person" not in made["operators/ann.html"]
    told = re.search(r"Counts as one person with.*?</p>", made["operators/bob.html"], re.S)[0]
    assert re.findall(r'href="([^"]+)"', told) == ["../operators/cat.html", "../operators/dan.html"]
    assert "lurker" not in "".join(made.values())


def test_only_wanted_pages_are_made_and_the_list_always(small):
    row = small.accepted("ann")
    small.accepted("bob", row)
    small.submit(small.record("lurker", rate=102.0), row)
    everything = files(small.registry)
    some = files(small.registry, wanted=["bob", "lurker", "nobody"])
    assert some == {path: everything[path] for path in ("operators/index.html", "operators/bob.html")}
    assert set(files(small.registry, wanted=[])) == {"operators/index.html"}


def test_whoever_is_one_person_with_somebody_wanted_gets_a_new_page_too(small):
    row = small.accepted("ann")
    small.accepted("bob", row, rig="shared")
    found = small.record("cat", rig="shared", rate=101.0)
    small.submit(found, row)
    small.accepted("dan", row, rate=99.0)
    assert set(files(small.registry, wanted=["cat"])) == {"operators/index.html", "operators/bob.html"}
    small.approve(found.id)
    assert set(files(small.registry, wanted=["cat"])) == {
        "operators/index.html",
        "operators/bob.html",
        "operators/cat.html",
    }


def test_more_wanted_than_one_question_takes_are_the_same_pages(small, monkeypatch):
    row = small.accepted("ann")
    small.accepted("bob", row)
    everything = files(small.registry)
    monkeypatch.setattr(public_records, "CHUNK", 1)
    monkeypatch.setattr(reader, "CHUNK", 1)
    assert files(small.registry) == everything


def test_a_long_list_has_several_pages(small, monkeypatch):
    row = small.accepted("ann")
    for name in ("bob", "cat"):
        small.accepted(name, row)
    monkeypatch.setattr(operators, "PAGE", 2)
    made = files(small.registry, wanted=[])
    assert list(made) == ["operators/index.html", "operators/page-2.html"]
    assert "cat.html" in made["operators/page-2.html"]
    assert "cat.html" not in made["operators/index.html"]
    assert 'href="../operators/page-2.html" aria-current="page"' in made["operators/page-2.html"]


def test_an_empty_registry_tells_how_to_begin(small):
    made = files(small.registry)
    assert set(made) == {"operators/index.html"}
    assert "Nobody yet." in made["operators/index.html"]
    assert "<table" not in made["operators/index.html"]


def test_the_same_registry_gives_the_same_bytes(small):
    row = small.accepted("ann")
    for name in ("bob", "cat", "dan"):
        small.accepted(name, row)
    assert files(small.registry) == files(small.registry)


def test_the_list_scores_no_row(small, monkeypatch):
    row = small.accepted("ann")
    small.accepted("bob", row)
    monkeypatch.setattr(operators, "judge", None)
    assert "bob" in files(small.registry, wanted=[])["operators/index.html"]


def test_headings_descend_by_one_and_there_is_one_h1(small):
    row = small.accepted("ann")
    small.accepted("bob", row)
    small.act(small.editor(), "operator-verified", "bob", reason="seen")
    for page in files(small.registry).values():
        levels = [int(level) for level in re.findall(r"<h([1-6])", page)]
        assert levels.count(1) == 1
        assert levels[0] == 1
        assert all(after - before <= 1 for before, after in pairwise(levels))
        ids = re.findall(r'\bid="([^"]+)"', page)
        assert len(ids) == len(set(ids))
