"""Claims of requests: a few an operator, answered by who holds them, closed by an editor who was told what was asked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.errors import BadInput
from harness.progress import SILENT
from harness.registry.exchange.audit import audit
from harness.registry.facts import RequestFact
from harness.registry.queries.review import dossier
from harness.registry.rules.requests import MOST_CLAIMS, claims
from tests.support.registry_world import World, world

WISH = {"model": "Qwen3 4B, Q4_K_M", "hardware": "RTX 4090", "runtime": "llama.cpp"}


@pytest.fixture
def small(tmp_path) -> World:
    made = world(str(tmp_path / "registry"))
    for name in ("ann", "bob"):
        made.join(name)
    return made


def asked(small: World, number: int = 0) -> str:
    name = f"{number:064x}"
    small.act(small.actor("ann"), "request-opened", name, detail=WISH)
    small.act(small.editor(), "request-accepted", name, reason="wanted")
    return name


def held(small: World, handle: str) -> list[str]:
    with small.registry.reading() as reader:
        return claims(reader, handle)


def sound(small: World) -> None:
    assert [fault.what for fault in audit(small.registry, None, SILENT).faults] == []


def test_an_operator_holds_only_a_few_claims_at_a_time(small):
    names = [asked(small, number) for number in range(MOST_CLAIMS + 1)]
    for name in names[:-1]:
        small.act(small.actor("bob"), "request-claimed", name)
    with pytest.raises(BadInput, match=f"bob holds {MOST_CLAIMS} requests already"):
        small.act(small.actor("bob"), "request-claimed", names[-1])
    small.act(small.actor("bob"), "request-released", names[0])
    small.act(small.editor(), "request-archived", names[1], reason="stale")
    small.act(small.actor("bob"), "request-claimed", names[-1])
    assert held(small, "bob") == sorted([*names[2:-1], names[-1]])
    sound(small)


def test_who_holds_a_claim_answers_it_and_nobody_else(small):
    name = asked(small)
    small.act(small.actor("bob"), "request-claimed", name)
    with pytest.raises(BadInput, match="bob has claimed the request"):
        small.submit(small.record("ann"), request=name)
    found = small.record("bob")
    small.submit(found, request=name)
    small.approve(found.id)
    with small.registry.reading() as reader:
        assert reader.need(RequestFact, name).status == "measured"
    assert held(small, "bob") == []
    sound(small)


def test_an_editor_reads_what_was_asked_before_a_record_closes_it(small):
    name = asked(small)
    found = small.record("bob")
    small.submit(found, request=name)
    with small.registry.reading() as reader:
        told = {remark.kind: remark.text for remark in dossier(reader, found.id).remarks}["answers a request"]
        assert reader.need(RequestFact, name).status == "accepted"
    assert "Qwen3 4B, Q4_K_M, RTX 4090, llama.cpp" in told


def test_an_audit_says_where_the_log_asks_for_fewer_approvals_than_its_policy(tmp_path, monkeypatch):
    from harness.registry.exchange import audit as module

    small = world(str(tmp_path / "registry"), "ed", "flo", approvals=1)
    sound(small)
    stricter = module.in_force

    def two(reader):
        loaded = stricter(reader)
        return replace(loaded, policy=replace(loaded.policy, approvals=2))

    monkeypatch.setattr(module, "in_force", two)
    (fault,) = audit(small.registry, None, SILENT).faults
    assert fault.what == "the log needs 1, the policy that it names for 2 approvals of a record"
