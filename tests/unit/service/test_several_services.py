"""Two services on one database, behind one name: what an editor or a program began at the one goes on at the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from harness.registry.actions import sessions
from harness.registry.opening import open_database
from tests.support.console_desk import Desk, console
from tests.support.console_forms import form_to
from tests.support.registry_world import key
from tests.support.served import served
from tests.unit.service.conftest import problem
from tests.unit.service.test_signed_reads import signed


@pytest.fixture
def two(place) -> Iterator[tuple[Desk, Desk]]:
    """The same browser at both."""
    with (
        console(place, "pia") as (made, [first]),
        served(open_database(made.registry.target), key("registry"), limited=False) as client,
    ):
        yield first, replace(first, client=client)


def test_who_signed_in_at_one_acts_at_the_other_until_the_session_ends(two):
    first, second = two
    found = first.world.record("ada")
    first.world.submit(found)
    assert first.sign_in().status_code == 303
    second.cookie = first.cookie
    assert second.get(f"/console/records/{found.id}").status_code == 200
    page = first.prepare("record-approved", found.id)
    form = form_to(page.text, "/console/acts")
    before = first.size()
    act = second.signed(form)
    assert second.post(form.action, act).status_code == 303
    assert first.post(form.action, act).status_code == 303  # the same act: it is there already
    assert first.size() == before + 1
    leave = form_to(second.get("/console/editors").text, "/console/sign-out")
    assert second.post(leave.action, leave.fields).status_code == 303
    assert first.get("/console/editors").status_code == 303
    assert "sign-in" in first.get("/console/editors").headers["location"]


def test_a_page_of_one_is_signed_in_at_the_other_and_its_number_counts_once(two):
    first, second = two
    form = form_to(first.get("/console/sign-in").text, "/console/sign-in")
    brought = first.signed(form)
    assert second.post(form.action, brought).status_code == 303
    assert first.post(form.action, brought).status_code == 403


def test_a_number_of_one_signs_a_request_to_the_other_once(two):
    first, second = two
    first.world.join("ann")
    who = first.world.person("ann").operator
    nonce = first.client.get("/v1/nonce").json()["nonce"]
    assert signed(second, "/v1/submissions", who, nonce=nonce).status_code == 200
    assert problem(signed(first, "/v1/submissions", who, nonce=nonce))["field"] == "nonce"


def test_a_session_of_a_clock_that_was_ahead_ends_with_it(place):
    with console(place, "pia") as (made, [desk]):
        token = sessions.begin(made.registry, "pia", desk.passkey.key.id, 2_000_000_000)
        assert sessions.of(made.registry, token, 2_000_000_000 - sessions.SKEW_S) is not None
        assert sessions.of(made.registry, token, 1_999_990_000) is None
        assert sessions.of(made.registry, token, 2_000_000_000) is None
