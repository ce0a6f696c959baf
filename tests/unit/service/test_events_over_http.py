"""Events over HTTP: what enters once, what the receipt proves, what a trial says, on SQLite and PostgreSQL."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from harness.progress import SILENT
from harness.record import envelope
from harness.registry.actions.incoming import Answer
from harness.registry.exchange.audit import audit
from harness.registry.queries.receipts import Receipt
from harness.registry.remote import receipts
from harness.service import wire
from harness.tlog import event as events
from harness.tlog.event import Event
from tests.support.registry_world import key, text
from tests.unit.service.conftest import problem


def test_an_event_is_answered_with_a_receipt_that_proves_it(service):
    joining = service.joining("ann")
    made = service.post({"event": joining})
    assert made.status_code == 201
    found = receipts.held(made.json(), "answer")
    assert (found.event.kind, found.event.by, found.entry.index, found.new) == ("operator-joined", "ann", 1, True)
    assert found.tree.size == 2
    assert made.headers["location"] == "/v1/entries/1"
    assert service.client.get("/v1/entries/1").json() == made.json()["receipt"]
    about = service.client.get("/v1/registry").json()
    assert (about["size"], about["signed"], about["key"]) == (2, 2, text(key("registry")))


def test_a_record_enters_as_multipart_and_as_json(service):
    service.world.join("ann")
    first = service.world.record("ann")
    made = service.post(service.submission(first))
    assert made.status_code == 201, made.text
    assert made.headers["location"] == f"/rows/{first.id[:16]}/"
    other = service.world.record("ann", sku="Synthetic GPU B")
    parts = {name: base64.b64encode(data).decode() for name, data in service.submission(other).items()}
    again = service.client.post("/v1/events", json=parts)
    assert again.status_code == 201, again.text
    assert service.world.status(first.id) == service.world.status(other.id) == "pending"


def test_the_same_thing_again_is_the_same_receipt(service):
    service.world.join("ann")
    parts = service.submission(service.world.record("ann"))
    first, again = service.post(parts), service.post(parts)
    assert (first.status_code, again.status_code) == (201, 200)
    assert {**first.json(), "new": False} == again.json()
    assert service.size() == 3


def test_a_record_signed_anew_enters_once(service):
    service.world.join("ann")
    found = service.world.record("ann")
    first = service.post(service.submission(found)).json()
    service.world.join("bob")  # the log went on: another event, of the same record
    again = service.post(service.submission(found))
    assert again.status_code == 200
    assert again.json()["receipt"]["entry"] == first["receipt"]["entry"]
    assert again.json()["event"] == first["event"]
    joining = service.post({"event": service.joining("ann")})
    assert (joining.status_code, joining.json()["receipt"]["entry"]) == (200, 1)


def test_many_at_once_enter_once_each_and_share_checkpoints(service):
    names = [f"op-{number:02}" for number in range(12)]
    bodies = [service.joining(name) for name in names]
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda body: service.post({"event": body}), bodies * 3))
    assert {one.status_code for one in answers} == {200, 201}
    entries = [one.json()["receipt"]["entry"] for one in answers if one.status_code == 201]
    assert sorted(entries) == list(range(1, 13))
    for one in answers:
        receipts.held(one.json(), "answer")
    assert service.size() == 13
    assert not audit(service.world.registry, None, SILENT).faults


def test_a_trial_says_what_would_happen_and_writes_nothing(service):
    service.world.join("ann")
    service.world.join("bob")
    parts = service.submission(service.world.record("ann"))
    said = service.post(parts, "?dry_run=1")
    assert said.status_code == 200
    assert said.json()["new"] is True
    assert said.json()["entry"] == 3
    assert said.json()["place"]["opens"] is True
    assert service.size() == 3
    service.post(parts)
    service.world.approve(service.world.record("ann").id)
    over = service.post(service.submission(service.world.record("bob")), "?dry_run=1").json()
    assert "ratio" in over["place"]["lines"][0]
    assert over["place"]["lines"][-1].startswith("if approved: ")


def test_who_may_not_act_is_told_so(service):
    service.world.join("ann")
    record = service.world.record("ann")
    stranger = service.submission(service.world.record("bob", seed=4))
    assert problem(service.post(stranger))["code"] == "not-found"
    service.world.join("bob")
    others = problem(service.post(service.submission(record, "bob")))
    assert others["status"] in (400, 403, 422)
    act = service.event("ann", "record-approved", record.id)
    assert problem(service.post({"event": act}))["status"] in (400, 403)
    taken = service.world.person("cat")
    detail = {"operator_key": text(taken.operator), "next_key_sha256": "00" * 32}
    service.world.people["ann2"] = service.world.person("ann")
    alike = service.event("cat", "operator-joined", "cat", **detail)
    assert service.post({"event": alike}).status_code == 201


def test_no_stranger_publishes_words_by_joining(service):
    """Who joins is public at once and for ever: a text would be, too, before any editor has read it."""
    sealed = envelope.read(service.joining("ann"), "event")
    made = replace(events.read(sealed.payload, "event"), reason="buy at spam.example")
    said = problem(service.post({"event": made.signed([service.world.person("ann").operator]).to_bytes()}))
    assert (said["status"], said["field"]) == (400, "reason")
    assert service.size() == 1


def test_a_real_registry_takes_no_synthetic_record(service):
    service.world.join("ann")
    found = service.world.record("ann", synthetic=True)
    said = problem(service.post(service.submission(found)))
    assert (said["status"], "synthetic" in said["detail"]) == (400, True)
    assert service.size() == 2


def test_a_service_beside_commands_goes_on_with_their_entries(service):
    service.post({"event": service.joining("ann")})
    service.world.join("bob")  # as a command does, in its own transaction
    made = service.post({"event": service.joining("cat")})
    assert made.json()["receipt"]["entry"] == 3
    assert service.client.get("/v1/entries/2").status_code == 200
    assert not audit(service.world.registry, None, SILENT).faults


@pytest.mark.parametrize(
    ("kind", "pages"),
    [
        ("record-submitted", (f"/rows/{'ab' * 8}/", "/operators/ann.html")),
        ("operator-joined", (None, "/operators/ann.html")),
        ("failure-submitted", (None, None)),  # the site makes no operator's page of failed runs alone
    ],
)
def test_an_answer_names_no_page_that_will_never_be(kind, pages):
    event = Event(kind, "example.org/bench", "ann", "2026-11-29T00:00:00Z", "ab" * 32, "", 1, "", {"row": ""})
    receipt = Receipt("example.org/bench", "", 1, "", b"", b"")
    found = wire.answer(Answer(receipt, True, b""), event, None)
    assert (found.row_page, found.operator_page) == pages
    elsewhere = wire.answer(Answer(receipt, True, b""), event, None, "https://site.example/bench")
    named = tuple(one and f"https://site.example/bench{one}" for one in pages)
    assert (elsewhere.row_page, elsewhere.operator_page) == named
    unknown = wire.answer(Answer(receipt, True, b""), event, None, None)
    assert (unknown.row_page, unknown.operator_page) == (None, None)
