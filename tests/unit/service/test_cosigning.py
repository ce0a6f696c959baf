"""The service asks its witnesses after each checkpoint, keeps what they sign, and is never held up or led astray by one."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest

from harness.errors import BadInput, NotAllowed, Unavailable
from harness.progress import SILENT
from harness.registry.actions import cosigning, witnesses
from harness.registry.actions.cosigning import Peers
from harness.registry.actions.create import sign_checkpoint
from harness.registry.exchange import files, public, witnessed
from harness.registry.exchange.audit import audit
from harness.registry.queries.witnesses import listing
from harness.registry.remote import outgoing
from harness.registry.remote.outgoing import Answer
from harness.service.witness.state import Witness, opened
from harness.tlog import checkpoint, cosignature, proof
from harness.tlog.cosignature import Cosigner
from tests.support.registry_world import ORIGIN, World, key, world
from tests.support.served import served
from tests.support.witnessed import witnessed as running

VKEY = checkpoint.vkey(ORIGIN, key("registry").public_key())
OWN = Cosigner("w.example/1", key("w1").public_key())


@pytest.fixture
def witness(tmp_path) -> Iterator[tuple[Witness, httpx2.Client]]:
    with opened(tmp_path / "witness", "w.example/1") as found:
        found.know(ORIGIN, VKEY, lambda _old, _new: False)
        with running(found) as client:
            yield found, client


def named(made: World, found: Witness, client: httpx2.Client) -> None:
    witnesses.add(made.registry, made.editor(), str(client.base_url), found.vkey, "of a friend")


def until(what, seconds: float = 120.0):
    """What the question gives once it gives something."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        found = what()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("nothing came")


def newest(made: World) -> bytes:
    with made.registry.reading() as reader:
        return reader.checkpoint()


def signed_by(made: World, *cosigners: Cosigner) -> dict[str, int]:
    return cosignature.times(newest(made), cosigners, "x")


def test_a_checkpoint_is_cosigned_and_served_with_receipts_exports_and_audits(place, tmp_path, witness):
    found, client = witness
    made = world(place)
    named(made, found, client)
    own = cosignature.parse_vkey(found.vkey, "x")
    with served(made.registry, key("registry"), limited=False, private_witnesses=(found.name,)) as service:
        over = made.registry
        made.join("ann")
        entry = made.submit(made.record("ann")).entry.index
        service.get(f"/v1/entries/{entry}").raise_for_status()  # signs it
        until(lambda: signed_by(made, own))
        receipt = service.get(f"/v1/entries/{entry}").json()
        note = proof.read(receipt["proof"].encode(), "x").checkpoint
        assert cosignature.times(note, [own], "x")
        about = service.get("/v1/registry").json()
        assert cosignature.times(about["checkpoint"].encode(), [own], "x")
        assert about["witnesses"] == {found.name: found.vkey}
        assert 'repro_cosignatures_total{outcome="signed",witness="w.example/1"}' in service.get("/metrics").text
    files.export(over, tmp_path / "files", SILENT)
    there = files.in_memory(tmp_path / "files")
    asked = witnessed.quorum([found.vkey], None)
    public.export(over, tmp_path / "public", SILENT)
    for registry in (over, there, public.in_memory(tmp_path / "public")):
        seen = audit(registry, None, SILENT, asked)
        assert not seen.faults, seen.faults
        assert seen.cosigned is not None
        assert (seen.cosigned.size, seen.cosigned.names) == (seen.entries, (found.name,))
    files.export(there, tmp_path / "again", SILENT)
    for path in (tmp_path / "files").rglob("*"):
        if path.is_file():
            assert path.read_bytes() == (tmp_path / "again" / path.relative_to(tmp_path / "files")).read_bytes()
    with over.reading() as reader:
        (listed,) = listing(reader)
    assert (listed.name, listed.signed > entry) == (found.name, True)


def test_each_further_checkpoint_is_signed_too_and_one_that_nothing_changed_is_not_asked_again(tmp_path, witness):
    found, client = witness
    made = world(str(tmp_path / "registry"))
    named(made, found, client)
    peers = Peers((found.name,))
    sizes = []
    for name in ("ann", "bob", "cat"):
        made.join(name)
        sign_checkpoint(made.registry, key("registry"))
        (due,) = cosigning.due(made.registry, peers, 0.0)
        asked = cosigning.ask(made.registry, due, peers, 0.0)
        assert asked.error is None
        sizes.append(asked.signed)
        assert cosigning.due(made.registry, peers, 0.0) == []
    assert sizes == sorted(set(sizes))
    # Another process, which knows nothing of it, asks from nothing and is told the size.
    made.join("dan")
    sign_checkpoint(made.registry, key("registry"))
    fresh = Peers((found.name,))
    (due,) = cosigning.due(made.registry, fresh, 0.0)
    assert cosigning.ask(made.registry, due, fresh, 0.0).error is None
    witnesses.remove(made.registry, made.editor(), found.name, "moved away")
    sign_checkpoint(made.registry, key("registry"))
    assert cosigning.due(made.registry, Peers(), 0.0) == []
    assert not audit(made.registry, None, SILENT).faults


def test_a_witness_that_has_seen_more_says_that_entries_are_missing_here(tmp_path, witness):
    found, client = witness
    made = world(str(tmp_path / "registry"))
    named(made, found, client)
    sign_checkpoint(made.registry, key("registry"))
    files.export(made.registry, tmp_path / "older", SILENT)
    made.join("ann")
    sign_checkpoint(made.registry, key("registry"))
    peers = Peers((found.name,))
    (due,) = cosigning.due(made.registry, peers, 0.0)
    assert cosigning.ask(made.registry, due, peers, 0.0).error is None
    older = files.into(tmp_path / "older", str(tmp_path / "rolled-back"), SILENT)
    fresh = Peers((found.name,))
    (due,) = cosigning.due(older, fresh, 0.0)
    asked = cosigning.ask(older, due, fresh, 0.0)
    assert isinstance(asked.error, NotAllowed)
    assert "entries are missing here" in asked.error.what


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, "text/plain", b""),
        Answer(200, "text/plain", b"hello\n"),
        Answer(200, "text/plain", b"\xff\n"),
        Answer(200, "text/plain", cosignature.line(b"another text\n", key("w1"), OWN.name, 5)),
        Answer(200, "text/plain", cosignature.line(b"another text\n", key("w2"), OWN.name, 5)),
        Answer(500, "text/plain", b"no"),
        Answer(302, "text/plain", b""),
        Answer(409, "text/plain", b"3\n"),
        Answer(409, cosigning.SIZE_TYPE, b"-3\n"),
        Answer(409, cosigning.SIZE_TYPE, b"99999999999999999999999\n"),
        Answer(409, cosigning.SIZE_TYPE, "٣\n".encode()),
        Answer(409, cosigning.SIZE_TYPE, b"0\n"),
        Answer(409, cosigning.SIZE_TYPE, b" " * 20 + b"5\n"),
        Answer(409, cosigning.SIZE_TYPE, b"5 5\n"),
        Unavailable("does not answer", where="x"),
    ],
)
def test_a_witness_that_answers_nonsense_is_asked_later_and_leaves_nothing(tmp_path, answer):
    made = world(str(tmp_path / "registry"))
    witnesses.add(made.registry, made.editor(), "https://w.example", cosignature.vkey(OWN), "of a friend")
    sign_checkpoint(made.registry, key("registry"))
    before = newest(made)
    peers = Peers()

    def post(*_: object, **__: object) -> Answer:
        if isinstance(answer, Exception):
            raise answer
        return answer

    for failures in (1, 2, 3):
        (due,) = cosigning.due(made.registry, peers, 1e6 * failures)
        asked = cosigning.ask(made.registry, due, peers, 1e6 * failures, post)
        assert asked.error is not None
        assert cosigning.due(made.registry, peers, 1e6 * failures + 4.9 * 2 ** (failures - 1)) == []
    assert newest(made) == before
    assert not audit(made.registry, None, SILENT).faults


def _of_another_text(note: bytes) -> bytes:
    """With an empty line the registry's own signature becomes text, and that text is what it signs."""
    text, _, lines = note.rpartition(b"\n\n")
    return b"\n" + cosignature.line(text + b"\n\n" + lines, key("w1"), OWN.name, int(time.time()))


def _of_next_year(note: bytes) -> bytes:
    return cosignature.line(checkpoint.split(note, "x")[0], key("w1"), OWN.name, int(time.time()) + 365 * 86400)


@pytest.mark.parametrize("answered", [_of_another_text, _of_next_year])
def test_what_no_reader_would_take_from_a_witness_is_not_kept(tmp_path, answered):
    made = world(str(tmp_path / "registry"))
    witnesses.add(made.registry, made.editor(), "https://w.example", cosignature.vkey(OWN), "of a friend")
    sign_checkpoint(made.registry, key("registry"))
    before, peers = newest(made), Peers()
    (due,) = cosigning.due(made.registry, peers, 0.0)
    asked = cosigning.ask(
        made.registry, due, peers, 0.0, lambda *_, **__: Answer(200, "text/plain", answered(due.note))
    )
    assert isinstance(asked.error, Unavailable)
    assert newest(made) == before
    assert not audit(made.registry, None, SILENT).faults


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1", "240.0.0.1", "::1", "::",
     "fe80::1%eth0", "fd00::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "::127.0.0.1", "ff02::1",
     "100.127.255.255", "172.31.0.1", "192.0.0.8", "192.0.0.170", "192.0.2.1", "192.88.99.1", "198.19.0.1", "198.51.100.1",
     "203.0.113.1", "255.255.255.255", "fec0::1", "feff::1", "fe80::1", "fc00::1", "100::1", "100:0:0:1::1", "2001::1",
     "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:1::1", "2001:2::1", "2001:10::1", "2001:20::1", "2001:1ff::1", "2001:db8::1",
     "2002:c0a8:101::1", "3fff::1", "3fff:fff::1", "5f00::1", "64:ff9b:1::a00:1", "64:ff9b::5db8:d822", "::ffff:10.0.0.7",
     "::ffff:0:10.0.0.7", "::ffff:192.0.0.8", "4000::1", "e000::1"],
)  # fmt: skip
def test_no_address_of_this_machine_or_its_network_is_asked(address):
    assert not outgoing.public(address)
    for names in ([address], ["93.184.216.34", address], [address, "93.184.216.34"]):
        with pytest.raises(NotAllowed, match="this machine or its network"):
            outgoing.post("https://innocent.example/x", b"", {}, resolve=lambda _host, _port, names=names: names)


def test_a_public_address_is_one():
    for address in ("93.184.216.34", "1.1.1.1", "172.32.0.1", "192.0.1.1", "198.20.0.1", "223.255.255.255", "100.128.0.1",
                    "2606:2800:220:1:248:1893:25c8:1946", "2001:200::1", "2001:4860:4860::8888", "2a00::1", "::ffff:1.1.1.1"):  # fmt: skip
        assert outgoing.public(address), address


@pytest.mark.parametrize(
    "url", ["ftp://a.example", "https://", "https://me@a.example", "https://a.example:99999", "https://ä", "x"]
)
def test_what_is_no_address_is_refused(url):
    with pytest.raises(BadInput, match="must be an address"):
        outgoing.post(url, b"", {})


def test_without_tls_only_what_is_declared_is_asked():
    with pytest.raises(NotAllowed, match="must be encrypted"):
        outgoing.post("http://a.example", b"", {})


def test_the_name_is_resolved_once_and_redirects_lead_nowhere(witness):
    _, client = witness
    port = client.base_url.port
    asked = []

    def resolve(host: str, _port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["192.0.2.1"]

    answer = outgoing.post(f"http://w.example:{port}/add-checkpoint", b"x", {}, private=True, resolve=resolve)
    assert (answer.status, asked) == (400, ["w.example"])


def test_who_drips_a_header_now_and_then_is_left_when_the_time_is_over(monkeypatch):
    """A library's limit begins anew with every byte: ours is one for all of them."""
    monkeypatch.setattr(outgoing, "SECONDS", 2)
    left = threading.Event()
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        listening.settimeout(300)

        def drip() -> None:
            with listening.accept()[0] as own, suppress(OSError):
                own.sendall(b"HTTP/1.1 200 OK\r\n")
                while True:
                    own.sendall(b"X: a\r\n")
                    left.wait(0.05)
            left.set()

        threading.Thread(target=drip, daemon=True).start()
        with pytest.raises(Unavailable, match="does not answer"):
            outgoing.post(f"http://127.0.0.1:{listening.getsockname()[1]}/", b"x", {}, private=True)
        assert left.wait(300)  # the receiver was hung up on, however much it still had to say


def test_a_name_that_is_not_resolved_in_time_does_not_answer(monkeypatch):
    """The system's resolver waits as long as the name's own servers let it."""
    monkeypatch.setattr(outgoing, "SECONDS", 0.2)
    over = threading.Event()

    def resolve(_host: str, _port: int) -> list[str]:
        assert over.wait(300)
        return ["192.0.2.1"]

    with pytest.raises(Unavailable, match="its name was not resolved in time"):
        outgoing.post("https://slow.example/", b"x", {}, resolve=resolve)
    assert not over.is_set()
    over.set()


def test_a_slow_witness_holds_up_no_event_and_no_end(tmp_path):
    made = world(str(tmp_path / "registry"))
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        witnesses.add(made.registry, made.editor(), url, cosignature.vkey(OWN), "of a friend")
        with served(made.registry, key("registry"), limited=False, private_witnesses=(OWN.name,)) as service:
            for _ in range(3):
                assert service.get("/v1/entries/1").status_code == 200
                assert service.get("/readyz").status_code == 200


def test_an_audit_asks_for_as_many_as_it_was_told_and_for_no_old_tail(tmp_path, witness):
    found, client = witness
    made = world(str(tmp_path / "registry"))
    named(made, found, client)
    other = cosignature.vkey(OWN)
    with pytest.raises(BadInput, match="can't be asked for"):
        witnessed.quorum([other], 2)
    with pytest.raises(BadInput, match="one key twice"):
        witnessed.quorum([other, other], None)
    assert witnessed.quorum([], None) is None
    both = witnessed.quorum([found.vkey, other], None)
    assert any(
        "no checkpoint is signed by 2 of the 2" in fault.what
        for fault in audit(made.registry, None, SILENT, both).faults
    )
    sign_checkpoint(made.registry, key("registry"))
    peers = Peers((found.name,))
    (due,) = cosigning.due(made.registry, peers, 0.0)
    cosigning.ask(made.registry, due, peers, 0.0)
    one = witnessed.quorum([found.vkey, other], 1)
    seen = audit(made.registry, None, SILENT, one)
    assert (seen.faults, seen.cosigned.names) == ([], (found.name,))
    made.join("ann")
    now = datetime.now(UTC)
    with made.registry.reading() as reader:
        fresh, wrong = witnessed.look(reader, one, now)
        assert (fresh.size, wrong) == (reader.size() - 1, [])
        (later,) = witnessed.look(reader, one, now + timedelta(hours=2))[1]
        assert "have signed up to entry" in later[1]
        assert "from the future" in witnessed.look(reader, one, now - timedelta(hours=2))[1][0][1]


def test_a_planted_cosignature_is_found(tmp_path, witness):
    found, client = witness
    made = world(str(tmp_path / "registry"))
    named(made, found, client)
    sign_checkpoint(made.registry, key("registry"))
    peers = Peers((found.name,))
    (due,) = cosigning.due(made.registry, peers, 0.0)
    cosigning.ask(made.registry, due, peers, 0.0)
    import sqlite3

    with sqlite3.connect(made.registry.file) as database:
        database.execute("UPDATE cosignatures SET line = replace(line, 'A', 'B')")
    assert any("cosignature" in fault.where for fault in audit(made.registry, None, SILENT).faults)
    with sqlite3.connect(made.registry.file) as database:
        database.execute("UPDATE cosignatures SET size = size + 50")
    faults = audit(made.registry, None, SILENT).faults
    assert "is of a checkpoint that is not there" in [fault.what for fault in faults]


RULES = {
    "an operator": ("is not an editor", lambda w: w.act(w.actor("ann"), "witness-added", OWN.name, reason="mine", detail=DETAIL)),
    "without a reason": ("needs a reason", lambda w: w.act(w.editor(), "witness-added", OWN.name, reason=" ", detail=DETAIL)),
    "another name": ("the key is of", lambda w: w.act(w.editor(), "witness-added", "w.example/2", reason="x-y", detail=DETAIL)),
    "no key": ("must be the verifier key", lambda w: w.act(w.editor(), "witness-added", OWN.name, reason="x-y", detail=DETAIL | {"witness_key": VKEY})),
    "no address": ("must have an address", lambda w: w.act(w.editor(), "witness-added", OWN.name, reason="x-y", detail=DETAIL | {"url": "file:///etc"})),
    "an address with a user": ("must have an address", lambda w: w.act(w.editor(), "witness-added", OWN.name, reason="x-y", detail=DETAIL | {"url": "https://a@b"})),
    "one that is not there": ("knows no witness", lambda w: witnesses.remove(w.registry, w.editor(), OWN.name, "x-y")),
}  # fmt: skip
DETAIL = {"url": "https://w.example", "witness_key": cosignature.vkey(OWN)}


@pytest.mark.parametrize("case", RULES)
def test_who_may_name_a_witness_and_what_one_is(tmp_path: Path, case: str):
    made = world(str(tmp_path / "registry"))
    made.join("ann")
    words, act = RULES[case]
    with pytest.raises(Exception, match=words):
        act(made)


def test_a_witness_is_named_once_and_comes_back_with_its_own_key_only(tmp_path):
    made = world(str(tmp_path / "registry"))

    def add(who: str = "w1") -> None:
        vkey = cosignature.vkey(Cosigner(OWN.name, key(who).public_key()))
        witnesses.add(made.registry, made.editor(), "https://w.example", vkey, "of a friend")

    add()
    with pytest.raises(BadInput, match="is a witness already"):
        add()
    witnesses.remove(made.registry, made.editor(), OWN.name, "moved")
    with pytest.raises(BadInput, match="is not asked any more"):
        witnesses.remove(made.registry, made.editor(), OWN.name, "moved")
    with pytest.raises(BadInput, match="had another key"):
        add("w2")
    add()
    with made.registry.reading() as reader:
        assert [(one.name, one.removed) for one in listing(reader)] == [(OWN.name, False)]
    assert not audit(made.registry, None, SILENT).faults
