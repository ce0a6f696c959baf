"""Requests that carry no event: who signs them is told of its own, once, in time, and for this registry alone."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from http_message_signatures import HTTPMessageSigner

from harness.errors import Unsigned
from harness.record import signed_request
from harness.record.envelope import key_id
from harness.registry.actions import nonces
from tests.support.registry_world import ORIGIN, key, text
from tests.unit.service.conftest import problem


def signed(over, path, who, method="GET", body=b"", **changes):
    nonce = changes.pop("nonce", None) or over.client.get("/v1/nonce").json()["nonce"]
    told = {"method": method, "target": path, "body": body, "key": who, "nonce": nonce, "origin": ORIGIN} | changes
    headers = signed_request.sign(**told)
    return over.client.request(method, path, headers=headers, content=body if method == "POST" else None)


@pytest.fixture
def waiting(service):
    service.world.join("ann")
    service.world.join("bob")
    found = service.world.record("ann")
    service.world.submit(found)
    return service, found


def test_nobody_else_is_told_of_a_record_that_waits(waiting):
    service, found = waiting
    ann, bob = (service.world.person(name).operator for name in ("ann", "bob"))
    path = f"/v1/records/{found.id[:12]}/status"
    assert signed(service, path, ann).json()["status"] == "pending"
    assert signed(service, path, key("ed")).json()["operator"] == "ann"
    assert problem(signed(service, path, bob))["status"] == 404
    assert problem(service.client.get(path))["status"] == 401
    assert problem(signed(service, "/v1/submissions?handle=ann", bob))["status"] == 403
    assert problem(service.client.get(f"/v1/rows/{found.id}"))["status"] == 404
    over = service.post(service.submission(service.world.record("bob")), "?place=1").json()
    assert over["place"]["lines"] == ["the row itself waits for an editor"]
    for public in ("/v1/registry", "/v1/requests", "/v1/operators/ann", "/v1/entries/4", "/metrics", "/readyz"):
        told = service.client.get(public).text
        assert found.id not in told
        assert found.claims.rig_key not in told


def test_a_signature_counts_once_for_one_request_in_its_time(waiting):
    service, _ = waiting
    ann = service.world.person("ann").operator
    path = "/v1/submissions"
    nonce = service.client.get("/v1/nonce").json()["nonce"]
    assert signed(service, path, ann, nonce=nonce).status_code == 200
    for changes in (
        {"nonce": nonce},  # used
        {"nonce": "1.2.3"},
        {"nonce": nonces.issued(b"another registry's secret")},
        {"nonce": nonces.issued(b"", int(time.time()) - 4000)},
        {"origin": "other.example/registry"},
        {"method": "GET", "target": "/v1/requests"},
        {"target": path + "?handle=bob"},
        {"key": key("nobody")},
        {"key": service.world.person("ann").rig},
    ):
        told = {"who": ann} | ({"who": changes.pop("key")} if "key" in changes else {})
        assert problem(signed(service, path, told["who"], **changes))["status"] == 401, changes


@pytest.mark.parametrize(("ahead_s", "status"), [(0, 200), (30, 200), (120, 401), (-600, 401)])
def test_whose_clock_is_wrong_is_told_so(waiting, monkeypatch, ahead_s, status):
    service, _ = waiting
    real = HTTPMessageSigner.sign
    created = datetime.now(UTC) + timedelta(seconds=ahead_s)
    monkeypatch.setattr(HTTPMessageSigner, "sign", lambda *own, **told: real(*own, **told, created=created))
    answer = signed(service, "/v1/submissions", service.world.person("ann").operator)
    assert answer.status_code == status
    assert status == 200 or "set the clock" in problem(answer)["remedy"]


def test_a_number_is_used_once_whatever_process_gave_it_and_old_ones_are_forgotten(service):
    registry = service.world.registry
    secret = nonces.secret(registry)
    assert nonces.secret(registry) == secret
    now = 1_800_000_000
    one = nonces.issued(secret, now)
    nonces.use(registry, secret, one, now)
    for later in (now, now + signed_request.LONGEST_S, now + signed_request.LONGEST_S + 10_000):
        with pytest.raises(Unsigned):
            nonces.use(registry, secret, one, later)
    nonces.use(registry, secret, nonces.issued(secret, now + 10_000), now + 10_000)
    with pytest.raises(Unsigned):  # forgotten by the table, and too old by itself
        nonces.use(registry, secret, one, now + 10_000)


def test_after_a_key_is_rotated_or_revoked_nothing_is_told_to_it(waiting):
    service, _ = waiting
    world = service.world
    who = world.person("ann")
    third = key("third")
    detail = {"operator_key": text(who.following), "next_key_sha256": key_id(third.public_key())}
    made = service.event("ann", "operator-joined", "ann")  # only to have the log's place
    assert made
    from harness.registry.actions import acts
    from harness.registry.actions.acts import Actor

    acts.act(world.registry, Actor("ann", (who.following,)), "operator-rotated", "ann", detail=detail)
    assert signed(service, "/v1/submissions", who.following).status_code == 200
    assert problem(signed(service, "/v1/submissions", who.operator))["status"] == 401
    world.act(
        world.editor(), "key-revoked", key_id(who.following.public_key()), reason="stolen", detail={"from_index": 5}
    )
    assert problem(signed(service, "/v1/submissions", who.following))["status"] == 401


def test_a_challenge_is_for_who_signs_and_three_may_be_open(waiting):
    service, _ = waiting
    ann = service.world.person("ann").operator
    made = [signed(service, "/v1/challenges", ann, method="POST") for _ in range(3)]
    assert [one.status_code for one in made] == [201] * 3
    assert problem(signed(service, "/v1/challenges", ann, method="POST"))["code"] == "too-many"
    told = signed(service, f"/v1/challenges/{made[0].json()['challenge']}", ann).json()
    assert told["handle"] == "ann"
    bob = service.world.person("bob").operator
    assert problem(signed(service, f"/v1/challenges/{made[0].json()['challenge']}", bob))["status"] == 404
    assert problem(signed(service, "/v1/challenges", key("ed"), method="POST"))["status"] == 403


def test_a_passkey_and_a_removed_editors_key_sign_no_request(plain):
    from harness.record.passkey import ED25519
    from tests.support.passkey_world import change, with_passkey

    owner = with_passkey(plain.world, "pat", ED25519)
    change(plain.world, {"flo": {"key": text(key("flo")), "next_key_sha256": "1" * 64}})
    plain.world.join("ann")
    path = "/v1/submissions?handle=ann"
    assert signed(plain, path, key("flo")).status_code == 200
    assert problem(signed(plain, path, owner.private))["status"] == 401
    change(plain.world, {"flo": None})
    assert problem(signed(plain, path, key("flo")))["status"] == 401
