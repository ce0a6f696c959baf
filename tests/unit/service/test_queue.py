"""The queue over HTTP: for editors of a list that is in force, and for nobody else."""

from __future__ import annotations

import base64

import pytest

from harness.errors import NotAllowed, RecordInvalid
from harness.registry.facts.stored import read_as
from harness.registry.queries import desk
from tests.support.registry_world import key
from tests.unit.service.conftest import problem
from tests.unit.service.test_signed_reads import signed


@pytest.fixture
def waiting(service):
    service.world.join("ann")
    found = service.world.record("ann")
    service.world.submit(found)
    return service, found


def test_only_an_editor_is_told_what_waits(waiting):
    service, found = waiting
    ann = service.world.person("ann").operator
    for path in ("/v1/queue", f"/v1/queue/{found.id}", f"/v1/queue/{found.id}/bodies"):
        assert problem(service.client.get(path))["status"] == 401
        refused = problem(signed(service, path, ann))
        assert (refused["status"], found.id in str(refused)) == (403, False)
        assert signed(service, path, key("ed")).status_code == 200


def test_a_record_comes_with_its_examination_its_fact_and_the_bytes_that_were_signed(waiting):
    service, found = waiting
    brief = signed(service, "/v1/queue", key("ed")).json()
    assert [one["id"] for one in brief["records"]] == brief["examine"] == [found.id]
    one = signed(service, f"/v1/queue/{found.id[:8]}", key("ed")).json()
    assert one["subject"] == {"id": found.id, "failed": False, "row": found.id, "home": ""}
    assert one["fact"]["status"] == "pending"
    assert one["examined"]["dossier"]["operator"] == "ann"
    assert "examined" not in signed(service, f"/v1/queue/{found.id[:8]}?examine=0", key("ed")).json()
    bodies = signed(service, f"/v1/queue/{found.id}/bodies", key("ed")).json()
    assert base64.b64decode(bodies["record"]) == found.envelope
    assert base64.b64decode(bodies["samples"]) == found.samples
    assert problem(signed(service, "/v1/queue/feed", key("ed")))["status"] == 404


def test_what_a_newer_service_adds_is_passed_over_and_nonsense_is_named(waiting):
    service, found = waiting
    told = signed(service, f"/v1/queue/{found.id}", key("ed")).json()["examined"]
    told["dossier"]["remarks"] = [{"kind": "k", "text": "t", "records": [], "new": 1}]
    held = read_as(desk.Examined, told | {"more": 1}, "here")
    assert held.dossier.remarks[0].text == "t"
    for wrong in ({}, [], {"dossier": 5, "failure": None, "doubts": []}, told | {"doubts": [{"record": 1}]}):
        with pytest.raises(RecordInvalid):
            read_as(desk.Examined, wrong, "here")


def test_a_list_of_editors_that_expired_opens_the_queue_to_nobody(waiting):
    service, _ = waiting
    with service.world.registry.reading() as reader:
        desk.for_editors(reader, "ed", editor=True, today="2099-12-31")
        for handle, editor, today in (
            ("ed", True, "2100-01-01"),
            ("ed", False, "2026-12-01"),
            ("ann", True, "2026-12-01"),
        ):
            with pytest.raises(NotAllowed):
                desk.for_editors(reader, handle, editor=editor, today=today)
