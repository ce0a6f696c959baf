"""Webhooks: what is told, to whom, signed how, tried how often; and where none ever goes."""

from __future__ import annotations

import json
import threading
from base64 import b64decode
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from harness.errors import BadInput, NotAllowed, NotFound, Unavailable
from harness.progress import SILENT
from harness.registry.actions import webhooks
from harness.registry.exchange import files
from harness.registry.opening import open_database
from harness.registry.queries.happened import Topic
from harness.registry.remote import outgoing
from harness.registry.remote.outgoing import Answer
from harness.registry.standard_webhooks import PREFIX, WAITS_S, headers
from harness.service.courier import Courier
from tests.support.patience import PATIENCE_S
from tests.support.registry_world import world

PUBLIC = "https://hooks.example/registry"


@dataclass
class Receiver:
    """In the place of the network."""

    status: int = 200
    got: list[tuple[str, dict, dict]] = field(default_factory=list)

    def __call__(self, url, body, sent, *, private):
        assert headers(sent["webhook-id"], int(sent["webhook-timestamp"]), body, b"") is not None
        self.got.append((url, json.loads(body), dict(sent)))
        if self.status == 0:
            raise Unavailable("does not answer", where=url)
        return Answer(self.status, "text/plain", b"")


@pytest.fixture
def made(place):
    return world(place)


def test_the_signature_is_that_of_the_specification_s_libraries():
    body, secret = b'{"test": 2432232314}', b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    found = headers("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body, secret)
    assert found["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert found["webhook-timestamp"] == "1614265330"


def test_the_queue_and_decisions_are_told_once_to_who_asked_for_them(made):
    registry, receiver = made.registry, Receiver()
    made.accepted("early")
    both = webhooks.add(registry, PUBLIC, [Topic.QUEUE, Topic.DECISION], private=False)
    webhooks.add(registry, PUBLIC + "/decisions", [Topic.DECISION], private=False)
    assert both.secret.startswith(PREFIX)
    assert webhooks.collect(registry) == 0  # what was before is told to nobody
    record = made.accepted("ann", sku="Synthetic GPU B")
    assert webhooks.collect(registry) == 3
    assert webhooks.collect(registry) == 0
    assert webhooks.deliver(registry, receiver) == webhooks.Delivered(3, 0)
    assert webhooks.deliver(registry, receiver) == webhooks.Delivered(0, 0)
    told = sorted((url, body["type"], body["data"]["subject"]) for url, body, _ in receiver.got)
    assert told == [
        (PUBLIC, "log.record-approved", record),
        (PUBLIC, "log.record-submitted", record),
        (PUBLIC + "/decisions", "log.record-approved", record),
    ]
    assert len({sent["webhook-id"] for _, _, sent in receiver.got}) == 3


def test_an_approval_that_is_not_enough_says_that_the_record_is_pending(tmp_path):
    made, receiver = world(str(tmp_path / "registry"), "ed", "eva", approvals=2), Receiver()
    made.join("ann")
    webhooks.add(made.registry, PUBLIC, [Topic.DECISION], private=False)
    webhooks.collect(made.registry)
    record = made.record("ann")
    made.submit(record)
    for name in ("ed", "eva"):
        made.act(made.editor(name), "record-approved", record.id, reason="complete and clean")
        webhooks.collect(made.registry)
    webhooks.deliver(made.registry, receiver)
    assert [(body["data"]["by"], body["data"]["status"]) for _, body, _ in receiver.got] == [
        ("ed", "pending"),
        ("eva", "accepted"),
    ]


def test_a_tier_that_changes_is_told_with_both(made):
    registry, receiver = made.registry, Receiver()
    row = made.accepted("ann")
    webhooks.add(registry, PUBLIC, [Topic.TIER], private=False)
    assert webhooks.collect(registry) == 0
    for name, letter in (("bob", "B"), ("cat", "C")):
        made.accepted(name, row, rig=f"of {name}", sku=f"Synthetic GPU {letter}")
    webhooks.collect(registry)
    webhooks.deliver(registry, receiver)
    (body,) = [body for _, body, _ in receiver.got if body["data"]["row"] == row]
    assert (body["type"], body["data"]["before"]) == ("row.tier-changed", "low")
    assert body["data"]["after"] in ("moderate", "high")


def test_what_is_not_taken_is_tried_again_with_one_id_later_and_later_and_has_an_end(made):
    registry, receiver = made.registry, Receiver(status=0)
    webhooks.add(registry, PUBLIC, [Topic.QUEUE], private=False)
    webhooks.collect(registry)
    made.submit(made.record("ann"))
    assert webhooks.collect(registry) == 1
    now = 4_000_000_000_000
    for number, wait in enumerate(WAITS_S):
        assert webhooks.deliver(registry, receiver, now) == webhooks.Delivered(0, 1)
        assert webhooks.deliver(registry, receiver, now + wait * 1000 - 1) == webhooks.Delivered(0, 0)
        now += wait * 1000
        assert len(receiver.got) == number + 1
    assert webhooks.deliver(registry, receiver, now) == webhooks.Delivered(0, 1)
    assert webhooks.deliver(registry, receiver, now * 2) == webhooks.Delivered(0, 0)  # given up
    assert len({sent["webhook-id"] for _, _, sent in receiver.got}) == 1
    ((_, box),) = webhooks.listed(registry)
    assert (box.waiting, box.delivered_or_given_up, box.last_said) == (0, 1, "does not answer")


@pytest.mark.parametrize(("status", "again"), [(204, False), (301, True), (410, False), (500, True)])
def test_only_2xx_is_taken_and_410_ends_it(made, status, again):
    registry, receiver = made.registry, Receiver(status=status)
    webhooks.add(registry, PUBLIC, [Topic.QUEUE], private=False)
    webhooks.collect(registry)
    made.submit(made.record("ann"))
    webhooks.collect(registry)
    now = 4_000_000_000_000
    webhooks.deliver(registry, receiver, now)
    webhooks.deliver(registry, receiver, now + 10_000)
    assert len(receiver.got) == (2 if again else 1)


def test_what_happened_while_there_was_no_receiver_is_told_to_nobody(made):
    registry, receiver = made.registry, Receiver()
    row = made.accepted("ann")
    both = [Topic.QUEUE, Topic.TIER]
    first = webhooks.add(registry, PUBLIC, both, private=False)
    webhooks.collect(registry)
    webhooks.remove(registry, first.id)
    for name, letter in (("bob", "B"), ("cat", "C")):
        made.accepted(name, row, rig=f"of {name}", sku=f"Synthetic GPU {letter}")
    webhooks.add(registry, PUBLIC, both, private=False)
    assert webhooks.collect(registry) == 0
    made.submit(made.record("dan"))
    assert webhooks.collect(registry) == 1
    webhooks.deliver(registry, receiver)
    assert [body["type"] for _, body, _ in receiver.got] == ["log.record-submitted"]


def test_nor_what_changed_while_others_followed_other_topics(made):
    registry = made.registry
    row = made.accepted("ann")
    webhooks.add(registry, PUBLIC, [Topic.DECISION], private=False)
    tiers = webhooks.add(registry, PUBLIC + "/tiers", [Topic.TIER], private=False)
    webhooks.collect(registry)
    webhooks.remove(registry, tiers.id)
    for name, letter in (("bob", "B"), ("cat", "C")):
        made.accepted(name, row, rig=f"of {name}", sku=f"Synthetic GPU {letter}")
    webhooks.collect(registry)
    webhooks.add(registry, PUBLIC + "/tiers", [Topic.TIER], private=False)
    assert webhooks.collect(registry) == 0


def test_one_look_at_the_log_puts_no_more_than_the_limit_into_an_outbox(made, monkeypatch):
    monkeypatch.setattr(webhooks, "MOST_WAITING", 2)
    webhooks.add(made.registry, PUBLIC, [Topic.QUEUE], private=False)
    for number in range(3):
        made.submit(made.record(f"ann{number}"))
    assert webhooks.collect(made.registry) == 2
    made.submit(made.record("bob"))
    assert webhooks.collect(made.registry) == 0


def test_a_receiver_that_is_gone_is_told_nothing_more_until_it_is_added_again(made):
    registry, receiver = made.registry, Receiver(status=410)
    gone = webhooks.add(registry, PUBLIC, [Topic.QUEUE], private=False)
    for number in range(3):
        made.submit(made.record(f"ann{number}"))
    webhooks.collect(registry)
    assert webhooks.deliver(registry, receiver) == webhooks.Delivered(0, 1)
    made.submit(made.record("bob"))
    assert webhooks.collect(registry) == 0
    assert webhooks.deliver(registry, receiver) == webhooks.Delivered(0, 0)
    ((hook, box),) = webhooks.listed(registry)
    assert (bool(hook.gone), box.waiting, box.last_said) == (True, 0, "it answers 410: gone")
    webhooks.remove(registry, gone.id)
    webhooks.add(registry, PUBLIC, [Topic.QUEUE], private=False)
    made.submit(made.record("cat"))
    assert webhooks.collect(registry) == 1


def test_a_receiver_that_is_silent_holds_up_no_other(made):
    """The silent one answers only once the other has everything: one after the other, neither would end."""
    registry, others = made.registry, threading.Event()

    def post(url, _body, _sent, *, private):
        if url.endswith("/silent"):
            assert others.wait(PATIENCE_S)
        else:
            others.set()
        return Answer(200, "text/plain", b"")

    for name in ("/silent", "/quick"):
        webhooks.add(registry, PUBLIC + name, [Topic.QUEUE], private=False)
    webhooks.collect(registry)
    made.submit(made.record("ann"))
    webhooks.collect(registry)
    assert webhooks.deliver(registry, post) == webhooks.Delivered(2, 0)


def test_a_service_delivers_to_others_while_one_receiver_is_silent(made, monkeypatch):
    registry, others, ended = made.registry, threading.Semaphore(0), threading.Event()

    def deliver_to(_registry, receiver):
        if receiver == silent:
            ended.wait(PATIENCE_S)
        others.release()
        return webhooks.Delivered(0, 0)

    silent = webhooks.add(registry, PUBLIC + "/silent", [Topic.QUEUE], private=False).id
    webhooks.add(registry, PUBLIC + "/quick", [Topic.QUEUE], private=False)
    webhooks.collect(registry)
    made.submit(made.record("ann"))
    monkeypatch.setattr(webhooks, "deliver_to", deliver_to)
    courier = Courier(registry, seconds=0.01)
    try:
        for _ in range(3):  # round after round
            assert others.acquire(timeout=PATIENCE_S)
    finally:
        ended.set()
        courier.close()


def test_a_process_that_dies_after_it_claimed_a_message_leaves_it_to_the_next_one(made, place):
    registry, receiver = made.registry, Receiver()
    webhooks.add(registry, PUBLIC, [Topic.QUEUE], private=False)
    webhooks.collect(registry)
    made.submit(made.record("ann"))
    webhooks.collect(registry)

    def dies(*_arguments, **_more):
        raise KeyboardInterrupt

    now = 4_000_000_000_000
    with pytest.raises(KeyboardInterrupt):
        webhooks.deliver(registry, dies, now)
    other = open_database(place)
    assert webhooks.deliver(other, receiver, now + 1000) == webhooks.Delivered(0, 0)
    assert webhooks.deliver(other, receiver, now + 301_000) == webhooks.Delivered(1, 0)


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"], ["10.0.0.7"], ["169.254.169.254"], ["192.168.1.1"], ["::1"], ["fe80::1"], ["fc00::1"], ["0.0.0.0"],
        ["::ffff:127.0.0.1"], ["64:ff9b::7f00:1"], ["93.184.216.34", "10.0.0.7"],
    ],
)  # fmt: skip
def test_no_message_goes_to_this_machine_or_its_network(addresses):
    with pytest.raises(NotAllowed):
        outgoing.post(PUBLIC, b"{}", {}, resolve=lambda *_: addresses)


def test_a_name_that_answers_otherwise_a_moment_later_leads_nowhere(made):
    """The connection goes to the address that was looked at: the name is asked once a try."""
    registry, asked = made.registry, []

    def rebinding(host, port):
        asked.append(host)
        return ["192.0.2.1"] if len(asked) == 1 else ["127.0.0.1"]

    def post(url, body, sent, *, private):
        return outgoing.post(url, body, sent, private=private, resolve=rebinding)

    webhooks.add(registry, "https://rebind.example:9/x", [Topic.QUEUE], private=False)
    webhooks.collect(registry)
    made.submit(made.record("ann"))
    webhooks.collect(registry)
    now = 4_000_000_000_000
    for later in (0, 10_000):
        assert webhooks.deliver(registry, post, now + later).failed == 1
    assert asked == ["rebind.example"] * 2
    ((_, box),) = webhooks.listed(registry)
    assert box.last_said == "leads to this machine or its network"


def test_secrets_are_in_no_export_and_in_no_words(made, tmp_path, caplog):
    registry = made.registry
    added = webhooks.add(registry, PUBLIC + "/a-secret-path", [Topic.QUEUE], private=False)
    ((hook, _),) = webhooks.listed(registry)
    assert added.secret[len(PREFIX) :] not in repr(hook) + caplog.text
    assert repr(hook.secret) not in repr(hook)
    files.export(registry, tmp_path / "out", SILENT)
    every = b"".join(path.read_bytes() for path in Path(tmp_path / "out").rglob("*") if path.is_file())
    for secret in (added.secret.encode(), hook.secret, b"a-secret-path"):
        assert secret not in every


@pytest.mark.parametrize(
    "url",
    ["http://hooks.example/x", "ftp://x.example", "https://me@x.example/", "https://", "x", "https://a b/", " https://a.example/",
     "https://a..example/", "https://.example/", "https://a.example:0/", "https://a.example:65536/", f"https://{'a' * 64}.example/",
     f"https://{'a.' * 130}example/", "https://a.example/" + "x" * 2000, "https://a.example\\@127.0.0.1/", "https://127.0.0.1/",
     "https://127.1/", "https://2130706433/", "https://0x7f000001/", "https://0177.0.0.1/", "https://0/", "https://[::1]/",
     "https://[::ffff:7f00:1]/", "https://[fe80::1%25eth0]/", "https://[1:2]/", "https://169.254.169.254/latest"],
)  # fmt: skip
def test_an_address_that_can_not_be_used_is_refused_when_it_is_added(made, url):
    with pytest.raises(BadInput):
        webhooks.add(made.registry, url, [Topic.QUEUE], private=False)
    with pytest.raises(NotFound):
        webhooks.remove(made.registry, "nothing")
    assert webhooks.listed(made.registry) == []


def test_a_service_delivers_to_a_real_receiver_what_it_can_verify(made):
    got: list[tuple[dict, bytes]] = []
    arrived = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            got.append((dict(self.headers), self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(204)
            self.end_headers()
            arrived.set()

        def log_message(self, *_arguments):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}/hook?room=7"
        added = webhooks.add(made.registry, url, [Topic.QUEUE], private=True)
        courier = Courier(made.registry, seconds=0.05)
        made.submit(made.record("ann"))
        assert arrived.wait(PATIENCE_S)
        courier.close()
        server.shutdown()
    sent, body = got[0]
    secret = b64decode(added.secret[len(PREFIX) :])
    again = headers(sent["webhook-id"], int(sent["webhook-timestamp"]), body, secret)
    assert again["webhook-signature"] == sent["webhook-signature"]
    assert json.loads(body)["type"] == "log.record-submitted"
