"""Events that passkeys signed, over HTTP: taken with a receipt as any other, and hostile ones refused as problem documents."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import pytest

from harness.progress import SILENT
from harness.record.passkey import Assertion
from harness.registry.actions.passkeys import Prepared, prepared
from harness.registry.exchange.audit import audit
from harness.registry.remote import receipts
from tests.support.authenticator import Authenticator, other_s
from tests.support.hostile.passkeys import forged
from tests.support.passkey_world import RP_ID, WEB_ORIGIN, passkey, with_passkey
from tests.unit.service.conftest import Over, problem


def waiting(service: Over, name: str = "ann") -> str:
    found = service.world.record(name)
    service.world.submit(found)
    return found.id


def approval(service: Over, record: str, handle: str = "pat") -> Prepared:
    return prepared(service.world.registry, handle, "record-approved", record, reason="complete, and possible")


def test_an_act_of_a_passkey_is_answered_with_its_receipt(service):
    owner = with_passkey(service.world)
    record = waiting(service)
    made = approval(service, record)
    told = owner.assertion(made.challenge, WEB_ORIGIN)
    answer = service.post({"event": made.sealed(owner.key, told)})
    assert answer.status_code == 201, answer.text
    found = receipts.held(answer.json(), "answer")
    assert (found.event.kind, found.event.by, found.new) == ("record-approved", "pat", True)
    assert service.world.status(record) == "accepted"
    before = service.size()
    # The same act again, and with the signature's other form: the receipt of what is there, in the bytes that are there.
    for again in (told, replace(told, signature=other_s(told.signature))):
        once = service.post({"event": made.sealed(owner.key, again)})
        assert (once.status_code, once.json()["event"]) == (200, answer.json()["event"])
    assert service.size() == before
    about = service.client.get("/v1/registry").json()
    assert about["passkeys"]["web_origin"] == WEB_ORIGIN
    assert about["editors"]["editors"]["pat"]["key"] == owner.key.text()
    assert not audit(service.world.registry, None, SILENT).faults


def hostile(owner: Authenticator, made: Prepared) -> dict[str, Assertion]:
    """Assertions that are none of this act, by what is wrong."""
    plain = owner.assertion(made.challenge, WEB_ORIGIN.replace("https", "http"))
    return forged(owner, made, WEB_ORIGIN) | {"plain http": plain}


NAMES = sorted(hostile(passkey("pat"), Prepared(b"{}")))


@pytest.fixture
def attacked(plain: Over) -> tuple[Over, Authenticator, str]:
    owner = with_passkey(plain.world)
    return plain, owner, waiting(plain)


def test_a_forged_assertion_is_a_problem_and_no_entry(attacked):
    service, owner, record = attacked
    made, before = approval(service, record), service.size()
    for name in NAMES:
        answer = service.post({"event": made.sealed(owner.key, hostile(owner, made)[name])})
        assert answer.status_code in (403, 413, 422), (name, answer.text)
        assert problem(answer)["detail"], name
    assert (service.size(), service.world.status(record)) == (before, "pending")


def test_another_s_passkey_or_handle_acts_for_nobody(attacked):
    service, owner, record = attacked
    mallory, before = passkey("mallory"), service.size()
    service.world.join("eve")
    for made, signer in (
        (approval(service, record), mallory),
        (approval(service, record, "ed"), owner),
        (approval(service, record, "eve"), owner),
    ):
        answer = service.post({"event": made.sealed(signer.key, signer.assertion(made.challenge, WEB_ORIGIN))})
        assert answer.status_code in (403, 422), answer.text
        problem(answer)
    assert (service.size(), service.world.status(record)) == (before + 1, "pending")


@pytest.mark.parametrize(
    "told",
    [None, [], "", 7, {}, {"authenticator_data": "AA=="}, {"authenticator_data": "*", "client_data_json": ""},
     {"authenticator_data": 1, "client_data_json": 2}],
)  # fmt: skip
def test_a_malformed_part_is_a_problem(attacked, told):
    service, owner, record = attacked
    made = approval(service, record)
    value = json.loads(made.sealed(owner.key, owner.assertion(made.challenge, WEB_ORIGIN)))
    value["signatures"][0]["webauthn"] = told
    event = json.dumps(value).encode()
    assert problem(service.post({"event": event}))["status"] == 422
    body = {"event": base64.b64encode(event).decode()}
    assert problem(service.client.post("/v1/events", json=body))["status"] == 422


def test_an_act_of_another_registry_with_the_same_passkey_is_refused(attacked):
    """One person, one passkey, two registries at one web origin: the origin in the event keeps them apart."""
    service, owner, record = attacked
    made = approval(service, record)
    moved = Prepared(made.payload.replace(b"test.example/registry", b"test.example/elsewhere"))
    answer = service.post({"event": moved.sealed(owner.key, owner.assertion(moved.challenge, WEB_ORIGIN))})
    assert problem(answer)["field"] == "registry"
    assert owner.key.rp_id == RP_ID
