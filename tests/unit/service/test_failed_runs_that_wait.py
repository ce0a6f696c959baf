"""Runs that failed and wait: every listing tells of all of them, also of those that it does not examine."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.registry.queries import desk, failures
from harness.registry.remote.registry import opened
from harness.terminal.review import print_listed, queue_document, say_unnamed
from tests.support.console_desk import console
from tests.support.failed_runs import submitted
from tests.support.registry_world import key


@pytest.fixture
def at_console(tmp_path, monkeypatch):
    """An editor's desk, and the ids of three that wait, where a list examines one."""
    monkeypatch.setitem(failures.listed.__kwdefaults__, "most", 1)
    with console(str(tmp_path / "registry"), "pia") as (made, [found]):
        found.sign_in()
        yield found, [submitted(made, "ann", sku=f"Synthetic GPU {name}") for name in "ABC"]


def test_review_names_each_failed_run_that_it_does_not_examine(at_console, tmp_path, capsys):
    over, ids = at_console
    remote = opened(
        str(over.client.base_url).rstrip("/"), lambda operator: None if operator else key("ed"), lambda: tmp_path
    )
    for registry in (over.world.registry, remote):
        told = queue_document(desk.listed(registry))
        assert [one["id"] for one in told] == ids
        assert [one.get("not_examined", False) for one in told] == [False, True, True]
        assert {one["status"] for one in told} == {"pending"}
        whole = queue_document(desk.listed(registry, examine_all=True))
        assert [one.get("not_examined", False) for one in whole] == [False] * 3
        print_listed(desk.listed(registry))
        assert "2 more records of runs that failed" in capsys.readouterr().out
    remote.close()


def test_of_a_service_that_names_no_more_their_number_is_told(at_console, capsys):
    over, _ = at_console
    say_unnamed(replace(desk.listed(over.world.registry), unread_failures=(), unnamed_failures=2))
    assert capsys.readouterr().err.startswith("2 more records of runs that failed wait")


def test_the_console_links_every_failed_run_that_fits(at_console):
    over, ids = at_console
    page = over.get("/console/").text
    assert "and 3 of runs that failed" in page
    assert all(f"/console/records/{one}" in page for one in ids)
    assert all(f"/console/records/{one}" in over.get("/console/?operator=ann").text for one in ids)
    assert not any(f"/console/records/{one}" in over.get("/console/?text=nothing+like+it").text for one in ids)
