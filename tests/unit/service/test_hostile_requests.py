"""Requests that nobody honest sends: each is a problem document, none is our own fault, and nothing is taken."""

from __future__ import annotations

import base64
import json
import socket
import time
import tracemalloc
from dataclasses import replace
from hashlib import sha256
from urllib.parse import urlsplit

import pytest

from harness.errors import BadInput
from harness.registry.actions import acts
from harness.registry.actions.acts import Actor
from harness.service import bodies
from tests.support import parquet_bombs
from tests.support.registry_world import key, world
from tests.support.served import served
from tests.unit.service.conftest import problem

FORM = "multipart/form-data; boundary=b"


def form(*parts: tuple[str, bytes], end: bytes = b"--b--\r\n") -> bytes:
    made = b"".join(
        b'--b\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n' % (name.encode(), data)
        for name, data in parts
    )
    return made + end


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


HOSTILE = [
    ("text/plain", b"x", 415),
    ("", b"x", 415),
    ("application/xml", b"<x/>", 415),
    ("application/json; " + "x" * 5000, b"{}", 400),
    ("application/json", b"", 400),
    ("application/json", b"[]", 400),
    ("application/json", b"{}", 400),
    ("application/json", b'{"event": 1}', 400),
    ("application/json", b'{"event": "AA==", "event": "AA=="}', 400),
    ("application/json", b'{"event": "\xff"}', 400),
    ("application/json", b'{"event": "not base64!"}', 400),
    ("application/json", b'{"event": "AA==", "more": "AA=="}', 400),
    ("application/json", b"[" * 10_000, 400),
    ("application/json", b'{"a":' * 10_000, 400),
    ("application/json", b"[]" * 200_000, 400),
    ("application/json", b'{"event": NaN}', 400),
    ("application/json", b"1" * 100_000, 400),
    ("application/json", b'{"event":"' + b'\\"' * 200_000, 400),
    ("application/json", b'"' * 1_000_000, 400),
    ("application/json", '{"event": "AA=="}'.encode("utf-16"), 400),
    ("application/json", ('{"event":"\u2200"' + ',"x":[' * 50).encode("utf-16"), 400),
    ("application/json", json.dumps({"event": b64(b"{}")}).encode(), 422),
    ("application/json", json.dumps({"event": b64(b"[" * 20_000)}).encode(), 422),
    ("application/json", json.dumps({"event": b64(b" " * (2 << 20))}).encode(), 413),
    ("multipart/form-data", form(("event", b"x")), 400),
    ("multipart/form-data; boundary=" + "b" * 200, form(("event", b"x")), 400),
    (FORM, b"", 400),
    (FORM, b"\r\n" * 1000, 400),
    (FORM, form(), 400),
    (FORM, form(("event", b"x"), end=b""), 400),
    (FORM, form(("event", b"x")), 422),
    (FORM, form(("event", b"x"), ("event", b"y")), 400),
    (FORM, form(("other", b"x")), 400),
    (FORM, form(*(("event", b"x"),) * 1000), 400),
    (FORM, b"--b\r\n" + b"X: y\r\n" * 1000 + b"\r\nx\r\n--b--\r\n", 400),
    (FORM, b"--b\r\nContent-Disposition: form-data; name=" + b"e" * 5000 + b"\r\n\r\nx\r\n--b--\r\n", 400),
]


@pytest.mark.parametrize(("kind", "body", "status"), HOSTILE, ids=range(len(HOSTILE)))
def test_what_is_hostile_is_a_problem_document_and_nothing_is_taken(shared, kind, body, status):
    response = shared.client.post("/v1/events", content=body, headers={"content-type": kind})
    assert problem(response)["status"] == status, response.text
    assert shared.size() == 1


def test_a_text_in_json_costs_no_more_than_its_length_and_a_body_of_another_coding_is_refused(shared):
    """A regular expression with a way back took 1 GiB for 8 MiB of text, and hours for a text of escapes without an end."""
    body = b'{"event":"' + b"A" * (8 << 20) + b'"}'
    tracemalloc.start()
    try:
        bodies.json_object(body)
        assert tracemalloc.get_traced_memory()[1] < 6 * len(body)
        tracemalloc.reset_peak()
        began = time.process_time()
        with pytest.raises(BadInput):
            bodies.json_object(b'{"event":"' + b'\\"' * 20_000)
        assert time.process_time() - began < 1
    finally:
        tracemalloc.stop()
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    assert problem(shared.client.post("/v1/events", content=b"{}", headers=headers))["field"] == "content-encoding"


def test_head_is_answered_as_get_and_other_methods_are_named_also_beside_a_site(tmp_path):
    made = world(str(tmp_path / "registry"))
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "index.html").write_text("the site")
    with served(made.registry, key("registry"), site=tmp_path / "site", limited=False) as client:
        assert client.get("/v1/entries/0").status_code == 200  # whose receipt signs the first checkpoint
        for path in ("/checkpoint", "/tile/0/000.p/1", "/v1/registry", "/healthz", "/index.html"):
            whole, head = client.get(path), client.head(path)
            assert (head.status_code, head.content) == (200, b"")
            assert head.headers["content-length"] == whole.headers["content-length"]
        for method, path, allowed in (
            ("GET", "/v1/events", "POST"),
            ("PUT", "/checkpoint", "GET"),
            ("PUT", "/index.html", "GET, HEAD"),
        ):
            found = client.request(method, path)
            assert (problem(found)["status"], found.headers["allow"]) == (405, allowed)
        assert client.head("/console/sign-in").status_code == 405  # nothing of the console comes with another method
        absent = client.get("/tile/0/000")
        assert (absent.status_code, absent.headers["cache-control"]) == (
            404,
            "no-store",
        )  # it will be there, with more entries
        longer = problem(client.get("/v1/consistency?old=1&size=2"))
        assert (longer["status"], longer["field"]) == (404, "size")


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    from tests.unit.service.conftest import over

    with over(str(tmp_path_factory.mktemp("hostile") / "registry"), limited=False) as found:
        yield found


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/events", 405),
        ("DELETE", "/v1/entries/0", 405),
        ("GET", "/v1/entries/-1", 400),
        ("GET", "/v1/entries/99999999999999999999999999", 400),
        ("GET", "/v1/entries/1e3", 400),
        ("GET", "/v1/entries/7", 404),
        ("GET", "/v1/operators/%2e%2e%2f", 404),
        ("GET", "/v1/operators/" + "x" * 3000, 404),
        ("GET", "/v1/operators/%00", 404),
        ("GET", "/v1/operators/~%00/limits", 404),
        ("GET", "/console/operators/%00", 404),
        ("GET", "/v1/submissions?handle=%00", 400),
        ("GET", "/v1/rows/%27;drop%20table", 404),
        ("GET", "/v1/rows/aa", 404),
        ("GET", "/v1/home", 400),
        ("GET", "/v1/home?subject_sha256=%00&device_sha256=x", 400),
        ("GET", "/v1/consistency?old=5&size=1", 400),
        ("GET", "/v1/consistency?old=-1&size=1", 400),
        ("GET", "/v1/consistency?old=0&size=99999999999999999999", 404),
        ("GET", "/v1/submissions", 401),
        ("GET", "/v1/records/aa/status", 401),
        ("POST", "/v1/challenges", 401),
        ("POST", "/v1/events?dry_run=perhaps", 400),
        ("GET", "/nothing", 404),
        ("GET", "/%ff%fe", 404),
    ],
)
def test_an_address_that_leads_nowhere_is_a_problem_document(shared, method, path, status):
    response = shared.client.request(method, path)
    assert response.status_code == status, response.text
    if status >= 400:
        problem(response)


@pytest.mark.parametrize(
    "headers",
    [
        {"signature-input": "x", "signature": "y"},
        {"signature-input": 'repro=("@method");created=1', "signature": "repro=:AA==:"},
        {"signature-input": "(" * 4000, "signature": ")" * 4000},
        {"signature-input": 'repro=("@method" "@path" "@query");keyid="x";tag="repro-harness:test.example/registry"', "signature": "repro=:AA==:"},
    ],
)  # fmt: skip
def test_a_signature_of_garbage_is_no_signature(shared, headers):
    assert problem(shared.client.get("/v1/submissions", headers=headers))["status"] == 401


def raw(over, *pieces: bytes, pause: float = 0) -> bytes:
    """What the service answers to these bytes."""
    parts = urlsplit(str(over.client.base_url))
    found = b""
    with socket.create_connection((parts.hostname, parts.port), timeout=20) as line:
        try:
            for piece in pieces:
                line.sendall(piece)
                time.sleep(pause)
        except OSError:
            pass  # it has closed the line: what it said first is there to read
        try:
            while chunk := line.recv(65536):
                found += chunk
                if b"\r\n\r\n" in found and found.rstrip().endswith(b"}"):
                    break
        except OSError:
            pass
    return found


HEAD = b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


def test_a_body_over_the_limit_is_refused_while_it_comes(shared):
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    answer = raw(shared, HEAD + b"Transfer-Encoding: chunked\r\n\r\n", *[chunk] * 200)
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"application/problem+json" in answer
    told = raw(shared, HEAD + b"Content-Length: 99999999999\r\n\r\n")
    assert told.startswith(b"HTTP/1.1 413")


def test_a_body_that_never_ends_is_refused_in_time(shared, monkeypatch):
    monkeypatch.setattr(bodies, "SECONDS", 0.3)
    answer = raw(shared, HEAD + b"Content-Length: 1000\r\n\r\n{", b" ", b" ", pause=0.2)
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"too-slow" in answer


def test_bodies_in_memory_are_bounded(shared, monkeypatch):
    monkeypatch.setattr(bodies, "ALL_LIMIT", 1000)
    busy = shared.client.post("/v1/events", content=b"x" * 2000, headers={"content-type": "application/json"})
    assert problem(busy)["status"] == 503
    assert int(busy.headers["retry-after"]) > 0
    monkeypatch.undo()
    assert (
        shared.client.post("/v1/events", content=b"{}", headers={"content-type": "application/json"}).status_code == 400
    )


def test_a_bomb_in_a_signed_submission_is_that_records_fault(plain):
    plain.world.join("ann")
    found = plain.world.record("ann")
    actor: Actor = plain.world.actor("ann")
    bomb = parquet_bombs.written(2_000_000)
    with plain.world.registry.reading() as reader:
        detail = {
            "envelope_sha256": sha256(found.envelope).hexdigest(),
            "samples_sha256": sha256(bomb).hexdigest(),
            "subject_sha256": "0" * 64,
            "row": found.id,
            "operator_key": found.claims.operator_key,
            "rig_key": found.claims.rig_key,
            "started": found.claims.started,
            "finished": found.claims.finished,
            "idempotency": "",
            "challenge": "",
            "request": "",
            "device_sha256": "0" * 64,
        }
        event = acts.event(reader, actor, "record-submitted", found.id, detail=detail)
    parts = {"event": event.signed(actor.keys).to_bytes(), "record": found.envelope, "samples": bomb}
    assert len(bomb) < 8 << 20
    assert problem(plain.post(parts))["status"] == 422
    assert plain.size() == 2


def test_parts_that_the_event_does_not_name_are_not_parsed(plain):
    plain.world.join("ann")
    parts = plain.submission(plain.world.record("ann"))
    for name in ("record", "samples"):
        said = problem(plain.post({**parts, name: b"garbage"}))
        assert (said["status"], said["field"]) == (422, name)
        said = problem(plain.post({one: data for one, data in parts.items() if one != name}))
        assert (said["status"], said["field"]) == (400, name)
    assert problem(plain.post({"event": plain.joining("bob"), "samples": b"x"}))["status"] == 400
    assert plain.size() == 2


def test_another_registrys_event_and_the_registrys_own_acts_are_refused(plain):
    made = json.loads(base64.b64decode(json.loads(plain.joining("ann"))["payload"]))
    actor = plain.world.actor("ann")
    with plain.world.registry.reading() as reader:
        event = acts.event(reader, actor, "operator-joined", "ann", detail=made["detail"])
    other = replace(event, registry="other.example/registry").signed(actor.keys).to_bytes()
    assert problem(plain.post({"event": other}))["field"] == "registry"
    with plain.world.registry.reading() as reader:
        own = acts.event(reader, Actor("registry", (key("registry"),)), "challenge-issued", "0" * 64, detail={"handle": "ann", "expires": "2099-01-01T00:00:00Z"})  # fmt: skip
    assert problem(plain.post({"event": own.signed([key("registry")]).to_bytes()}))["status"] == 403
    assert plain.size() == 1
