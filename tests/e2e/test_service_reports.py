"""Row reports and raised limits over a URL, as operators and an editor type them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.people import hosted


@pytest.fixture
def people(tmp_path):
    return hosted(tmp_path, "ann", "bob")


def test_two_verified_operators_report_a_row_over_a_url_and_an_editor_closes_it(people, url):
    there = {"REPRO_REGISTRY": url}
    row = people.good("ann", "submit", people.record("ann", "one"), **there).split()[0]
    people.good("ed", "review", "approve", row, "--reason", "complete", **there)
    people.operator("cat")
    for name in ("bob", "cat"):
        done = people.good(name, "row-report", "new", row[:10], "--reason", "twice too fast", **there)
        assert done.splitlines()[0] == row
        people.good("ed", "operator", "verify", name, "--reason", "seen the machine", **there)
    assert json.loads(people.good("ed", "explain", row, "--json"))["under_review"] is True
    assert "under review" in people.good("ed", "score")
    listed = json.loads(people.good("ed", "row-report", "list", "--json", **there))
    assert listed == json.loads(people.good("ed", "row-report", "list", "--json"))
    assert [one["by"] for one in json.loads(people.good("bob", "row-report", "list", "--json", **there))] == ["bob"]
    people.good("cat", "row-report", "withdraw", row[:10], **there)
    assert json.loads(people.good("ed", "explain", row, "--json"))["under_review"] is False
    closed = people.good("ed", "row-report", "close", row[:10], "--reason", "measured again: it holds", **there)
    assert closed.splitlines()[1].startswith("reports closed, entry ")
    again = people("bob", "row-report", "new", row, "--reason", "still", **there)
    assert (again.returncode, "30 days" in again.stderr, len(again.stderr.splitlines())) == (2, True, 1)


def test_an_editor_raises_limits_over_a_url_and_everybody_sees_them(people, url):
    there = {"REPRO_REGISTRY": url}
    people.good("ann", "submit", people.record("ann", "one"), **there)
    assert "60 events an hour" in people.good("bob", "operator", "limits", "ann", **there)
    words = ("operator", "raise-limits", "ann", "--per-hour", "600", "--per-day", "5000", "--reason", "a lab")
    people.good("ed", *words, "--until", in_a_month(), **there)
    shown = people.good("bob", "operator", "limits", "ann", **there)
    assert shown == people.good("bob", "operator", "limits", "ann")
    assert "600 events an hour" in shown
    assert people("ann", *words, "--until", in_a_month(), **there).returncode == 2
    people.good("ed", "operator", "end-limits", "ann", "--reason", "done", **there)
    assert "as for everybody" in people.good("ann", "operator", "limits", "ann", **there)


def in_a_month():
    return (datetime.now(UTC).date() + timedelta(days=30)).isoformat()
