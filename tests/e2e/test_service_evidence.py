"""`repro import` over a URL: what it prints, writes and refuses, beside the same with the registry's folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.conftest import refused
from tests.support.people import hosted

LOGS = Path(__file__).parents[1] / "data" / "imported"


@pytest.fixture
def people(tmp_path):
    return hosted(tmp_path, "ann")


@pytest.fixture
def row(people):
    found = people.good("ann", "submit", people.record("ann", "first")).split()[0]
    people.good("ed", "review", "approve", found, "--reason", "complete")
    return found


def imported(people, row, who="ed", **environment):
    words = ("import", LOGS / "llama-bench.json", "--row", row[:8], "--reason", "a forum")
    return people(who, *words, **environment)


def test_an_editor_imports_a_log_over_a_url_and_what_is_there_enters_once(people, row, url):
    first = imported(people, row, REPRO_REGISTRY=url)
    assert first.returncode == 0, first.stderr
    assert first.stdout.splitlines()[-1].startswith("2 measurements beside row")
    again = imported(people, row, REPRO_REGISTRY=url)
    assert again.stdout.splitlines()[-1] == f"0 measurements beside row {row[:12]}, 2 already there"
    assert again.stdout == imported(people, row).stdout
    log = json.loads(people.good("x", "registry", "log", "--json"))
    assert [(one["kind"], one["by"], one["reason"]) for one in log[-2:]] == [("evidence-imported", "ed", "a forum")] * 2
    assert "shown, never counted" in people.good("x", "explain", row[:8], REPRO_REGISTRY=url)
    assert "everything holds" in people.good("x", "audit", url)


def test_nobody_but_an_editor_imports_over_a_url(people, row, url):
    people.good("eve", "keys", "new", "--role", "editor", "--handle", "eve")
    for who in ("ann", "eve"):
        line = refused(imported(people, row, who, REPRO_REGISTRY=url))
        assert "Traceback" not in line
    assert "evidence-imported" not in people.good("x", "registry", "log", "--json")
    missing = refused(imported(people, "feedfeed", REPRO_REGISTRY=url))
    assert "feedfeed" in missing


def test_an_editor_removes_a_measurement_and_it_does_not_come_back(people, row, url):
    imported(people, row, REPRO_REGISTRY=url)
    first, second = json.loads(people.good("x", "explain", row[:8], "--json"))["evidence"]
    words = ("import", "--row", row[:8], "--reason", "another machine", "--remove")
    assert "must come with --row" in refused(people("ed", "import", "--remove", first["id"], REPRO_REGISTRY=url))
    assert "no measurement has an id" in refused(people("ed", *words, "feedfeed", REPRO_REGISTRY=url))
    done = people.good("ed", *words, first["id"][:9], REPRO_REGISTRY=url)
    assert done.splitlines()[0] == first["id"]
    assert "was removed before: another machine" in refused(people("ed", *words, first["id"], REPRO_REGISTRY=url))
    assert [one["id"] for one in json.loads(people.good("x", "explain", row[:8], "--json"))["evidence"]] == [
        second["id"]
    ]
    again = imported(people, row, REPRO_REGISTRY=url).stdout.splitlines()[-1]
    assert again == f"0 measurements beside row {row[:12]}, 1 already there, 1 removed earlier: not brought back"
    assert "everything holds" in people.good("x", "audit", people.registry)
