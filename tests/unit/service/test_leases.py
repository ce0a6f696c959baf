"""Leases over HTTP: one machine at a time measures a request; who may call what; nothing of it enters the log."""

from __future__ import annotations

import secrets
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness.record.envelope import key_id
from harness.registry.actions import leases, requests
from harness.registry.actions.requests import Step
from tests.support.registry_world import key
from tests.unit.service.conftest import over, problem
from tests.unit.service.test_signed_reads import signed


def asked(world, name="ann", model="gemma-3-270m-q4_k_m", accepted=True):
    world.join(name)
    made = requests.open_request(world.registry, world.actor(name), model=model, hardware="cpu", runtime="llama.cpp")
    if accepted:
        requests.step(world.registry, world.editor(), Step.ACCEPT, made.request, reason="useful to know")
    return made.request


def take(service, who, request, lease=None, **query):
    lease = lease or secrets.token_hex(32)
    more = "".join(f"&{name}={value}" for name, value in query.items())
    return signed(service, f"/v1/jobs/{request}/lease?lease={lease}{more}", who, method="POST")


def call(service, who, lease, what, query=""):
    return signed(service, f"/v1/leases/{lease}/{what}{query}", who, method="POST")


@pytest.fixture
def people(service):
    for name in ("ann", "bob", "cy"):
        service.world.join(name)
    return {name: service.world.person(name).operator for name in ("ann", "bob", "cy")}


def jobs(service, who):
    found = signed(service, "/v1/jobs", who)
    assert found.status_code == 200, found.text
    return [one["request"] for one in found.json()["jobs"]]


def test_a_request_is_taken_renewed_given_back_and_taken_by_another(service, people):
    request = asked(service.world)
    asked(service.world, model="secret", accepted=False)
    before = service.size()
    (job,) = signed(service, "/v1/jobs", people["bob"]).json()["jobs"]
    assert job["row"] == {"model": "gemma-3-270m-q4_k_m", "runtime": "llama.cpp", "suite": "default"}
    made = take(service, people["bob"], request)
    assert made.status_code == 201
    assert made.json()["job"] == job
    assert jobs(service, people["cy"]) == []
    assert problem(take(service, people["cy"], request))["code"] == "conflict"
    assert problem(take(service, people["bob"], request))["code"] == "conflict"  # his other machine
    lease = made.json()["lease"]
    longer = call(service, people["bob"], lease, "heartbeat", "?for_s=3600").json()
    assert longer["until"] > made.json()["until"]
    assert problem(call(service, people["cy"], lease, "heartbeat"))["status"] == 404
    assert problem(call(service, people["cy"], lease, "release"))["status"] == 404
    assert call(service, people["bob"], lease, "release").json()["until"] is None
    assert problem(call(service, people["bob"], lease, "heartbeat"))["code"] == "conflict"
    assert take(service, people["cy"], request).status_code == 201
    assert service.size() == before


def test_the_same_call_again_is_the_same_lease(service, people):
    request, lease = asked(service.world), secrets.token_hex(32)
    for _ in range(5):
        assert take(service, people["bob"], request, lease).status_code == 201
    other = asked(service.world, model="another")
    assert problem(take(service, people["bob"], other, lease))["code"] == "conflict"
    assert problem(take(service, people["cy"], request, lease))["code"] == "conflict"
    assert call(service, people["bob"], lease, "release").status_code == 200
    for _ in range(leases.MOST_TAKEN - 1):
        made = take(service, people["bob"], request)
        assert made.status_code == 201
        call(service, people["bob"], made.json()["lease"], "release")
    assert "was taken 3 times" in problem(take(service, people["bob"], request))["detail"]


def test_of_many_that_ask_at_once_one_gets_it(service, people):
    request = asked(service.world)

    def ask(number):
        return leases.take(service.world.registry, ("ann", "bob", "cy")[number % 3], request, f"{number:064x}", 600)

    def tried(number):
        try:
            return ask(number).lease
        except Exception as error:
            return type(error).__name__

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(tried, range(24)))
    assert sorted(set(found) - {"Conflict"}) == [one for one in found if one.isalnum() and len(one) == 64]
    assert sum(len(one) == 64 for one in found) == 1


def test_a_lease_that_ended_is_renewed_until_somebody_else_takes_it(service, people):
    registry, request = service.world.registry, asked(service.world)
    now = int(time.time())
    one, other = "1" * 64, "2" * 64
    leases.take(registry, "bob", request, one, 600, now)
    assert leases.renew(registry, "bob", one, 600, now + 5000).until_s == now + 5600
    leases.take(registry, "cy", request, other, 600, now + 5601)
    with pytest.raises(leases.Conflict, match="another machine"):
        leases.renew(registry, "bob", one, 600, now + 5602)
    leases.release(registry, "cy", other)
    day = now + leases.WHOLE_S
    assert leases.renew(registry, "bob", one, 3600, day - 10).until_s == day
    with pytest.raises(leases.Conflict, match="a day"):
        leases.renew(registry, "bob", one, 600, day)


def test_a_record_that_answers_ends_the_search_and_one_that_is_out_opens_it_again(service, people):
    world, request = service.world, asked(service.world)
    found, other = world.record("bob"), world.record("cy")
    lease = take(service, people["bob"], request).json()["lease"]
    assert problem(call(service, people["bob"], lease, "finish", f"?record={found.id}"))["code"] == "conflict"
    world.submit(found, request=request)
    world.submit(other)
    assert problem(call(service, people["bob"], lease, "finish", f"?record={other.id}"))["code"] == "conflict"
    assert problem(call(service, people["cy"], lease, "finish", f"?record={found.id}"))["status"] == 404
    for _ in range(2):
        assert call(service, people["bob"], lease, "finish", f"?record={found.id}").json()["until"] is None
    assert jobs(service, people["cy"]) == []
    assert "waits for an editor" in problem(take(service, people["cy"], request))["detail"]
    world.act(world.editor(), "record-rejected", found.id, reason="measured on battery")
    assert jobs(service, people["cy"]) == [request]
    assert take(service, people["cy"], request).status_code == 201


def test_a_claim_of_a_person_holds_for_his_machines_alone(service, people):
    world, request = service.world, asked(service.world)
    requests.step(world.registry, world.actor("bob"), Step.CLAIM, request)
    assert jobs(service, people["cy"]) == []
    assert "bob has claimed" in problem(take(service, people["cy"], request))["detail"]
    made = take(service, people["bob"], request)
    assert made.status_code == 201
    requests.step(world.registry, world.editor(), Step.ARCHIVE, request, reason="no longer wanted")
    lost = problem(call(service, people["bob"], made.json()["lease"], "heartbeat"))
    assert (lost["code"], "archived" in lost["detail"]) == ("conflict", True)


def test_an_operator_holds_five_at_most(service, people):
    wanted = [asked(service.world, model=f"m{number}") for number in range(6)]
    assert [take(service, people["bob"], one).status_code for one in wanted] == [201] * 5 + [429]


# Who → the status of each call on a lease of bob's; nobody else's call changes it, no call adds to the log.
ROLES = {
    "nobody": (401,) * 5,
    "unknown": (401,) * 5,
    "rig": (401,) * 5,
    "revoked": (401,) * 5,
    "editor": (403,) * 5,
    "other": (200, 409, 404, 404, 404),
    "holder": (200, 409, 200, 409, 200),
}


@pytest.mark.parametrize("role", ROLES)
def test_who_may_call_what(service, people, role):
    world, request = service.world, asked(service.world)
    lease = take(service, people["bob"], request).json()["lease"]
    revoked = world.join("dot").operator
    world.act(world.editor(), "key-revoked", key_id(revoked.public_key()), reason="stolen", detail={"from_index": 3})
    who = {
        "unknown": key("stranger"), "rig": world.person("bob").rig, "revoked": revoked, "editor": key("ed"),
        "other": people["cy"], "holder": people["bob"],
    }.get(role)  # fmt: skip
    before = service.size()
    record = "f" * 64
    calls = [
        ("GET", "/v1/jobs"),
        ("POST", f"/v1/jobs/{request}/lease?lease={secrets.token_hex(32)}"),
        ("POST", f"/v1/leases/{lease}/heartbeat"),
        ("POST", f"/v1/leases/{lease}/finish?record={record}"),
        ("POST", f"/v1/leases/{lease}/release"),
    ]
    told = [
        service.client.request(method, path) if who is None else signed(service, path, who, method=method)
        for method, path in calls
    ]
    assert tuple(one.status_code for one in told) == ROLES[role], [one.text for one in told]
    assert service.size() == before
    held = call(service, people["bob"], lease, "heartbeat").status_code
    assert held == (409 if role == "holder" else 200)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/jobs/{r}/lease", 400),
        ("/v1/jobs/{r}/lease?lease=short", 400),
        ("/v1/jobs/{r}/lease?lease={l}&for_s=1", 400),
        ("/v1/jobs/{r}/lease?lease={l}&for_s=99999999999999999999", 400),
        ("/v1/jobs/{r}/lease?lease={l}&for_s=x", 400),
        ("/v1/jobs/{r}/lease?lease={l}&for_s=600&for_s=3600", 400),
        ("/v1/jobs/..%2F..%2Fetc/lease?lease={l}", 404),
        ("/v1/jobs/%25/lease?lease={l}", 404),
        ("/v1/leases/'%20OR%201=1/heartbeat", 404),
        ("/v1/leases/{l}/finish?record=%25", 404),
    ],
)
def test_a_call_of_nonsense_is_one_problem(plain, path, status):
    plain.world.join("bob")
    request = asked(plain.world)
    target = path.format(r=request, l="a" * 64)
    assert problem(signed(plain, target, plain.world.person("bob").operator, method="POST"))["status"] == status


def test_calls_about_leases_have_a_limit_of_their_own(tmp_path):
    with over(str(tmp_path / "registry")) as service:
        service.world.join("bob")
        who = service.world.person("bob").operator
        statuses = [signed(service, "/v1/jobs", who).status_code for _ in range(125)]
        assert statuses[:120] == [200] * 120
        assert 429 in statuses[120:]
        assert (
            service.post(service.submission(service.world.record("bob"))).status_code == 201
        )  # events are another matter
