"""A few of each family of hostile requests, seeded, over HTTP: none is taken, none is our fault, each is a problem document.

`benchmarks/hostile_requests.py` sends ten thousand of them to `repro serve`.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from harness.progress import SILENT
from harness.registry.actions import proposals
from harness.registry.exchange.audit import audit
from harness.service import bodies, http1
from tests.support.console_desk import console
from tests.support.console_forms import form_to
from tests.support.hostile import lines, scene
from tests.support.hostile.families import FAMILIES, made
from tests.support.hostile.request import ask, flaw

COUNT, LEAST, SEED = 300, 4, 20_261_129


@pytest.fixture
def attacked(tmp_path, monkeypatch):
    monkeypatch.setattr(bodies, "SECONDS", 0.5)
    monkeypatch.setattr(http1, "HEAD_SECONDS", 0.5)
    monkeypatch.setattr(lines, "SLOW_S", 0.3)
    with console(str(tmp_path / "registry"), "pat") as (world, [desk]):
        yield scene.made(world, desk)


def test_a_few_of_each_family_are_problem_documents_and_nothing_is_taken(attacked):
    before = attacked.size()
    planned = list(made(attacked, SEED, COUNT, least=LEAST))
    assert {name for name, _ in planned} == set(FAMILIES)

    def tried(one):
        name, make = one
        hostile = make()
        found = flaw(hostile, ask(attacked.port, hostile))
        return f"{name}: {found}: {hostile.pieces[0][:300]!r}" if found else ""

    with ThreadPoolExecutor(8) as pool:
        flaws = [one for one in pool.map(tried, planned) if one]
    assert not flaws, "\n".join(flaws)
    assert (attacked.size(), attacked.world.status(attacked.record)) == (before, "pending")
    assert proposals.waiting(attacked.world.registry) == [attacked.proposal]
    assert attacked.desk.get("/console/").status_code == 200  # the editor's session goes on
    assert not audit(attacked.world.registry, None, SILENT).faults


def test_what_could_have_been_taken_is_taken_when_it_is_sent_as_it_is(attacked):
    """The families change what would enter: else they would prove nothing."""
    parts = attacked.unsent_parts[0]
    answer = attacked.desk.client.post("/v1/events", files={name: (name, data) for name, data in parts.items()})
    assert answer.status_code == 201
    act, owner = attacked.act, attacked.desk.passkey
    true = act.sealed(owner.key, owner.assertion(act.challenge, attacked.desk.origin))
    assert attacked.desk.client.post("/v1/events", files={"event": ("event", true)}).status_code == 201
    where, desk = f"/console/proposals/{attacked.proposal.sha256}", attacked.desk
    assert (
        desk.post(where, desk.signed(form_to(desk.get(where).text, where)))
        .headers["location"]
        .startswith("/console/editors?")
    )
    path = "/v1/submissions"
    assert attacked.desk.client.get(path, headers=attacked.signed(path, attacked.people[0])).status_code == 200
