"""The log's key: announced by the editors, followed by who knows the one before, and nothing of the old one counts afterwards."""

from __future__ import annotations

import base64
from dataclasses import asdict

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from harness.errors import BadInput, LogInconsistent, RecordInvalid, Unavailable
from harness.progress import SILENT
from harness.record.envelope import key_id
from harness.registry.actions import acts, editors, log_key
from harness.registry.actions.acts import Actor, Item
from harness.registry.actions.create import sign_checkpoint
from harness.registry.exchange import files
from harness.registry.exchange.audit import audit
from harness.registry.facts import RegistryFact
from harness.registry.queries import key_changes
from harness.registry.queries.receipts import receipt
from harness.registry.remote.log_key import followed, told_key
from harness.registry.remote.registry import Remote
from harness.service.witness.state import opened
from harness.terminal.witnessing import know
from harness.tlog import checkpoint, entry, merkle, proof
from harness.tlog import witness as witnessing
from tests.support.registry_world import ORIGIN, World, key, world
from tests.support.served import served

ONE, TWO, THREE = key("registry"), key("registry-2"), key("registry-3")


def vkey(of: Ed25519PrivateKey) -> str:
    return checkpoint.vkey(ORIGIN, of.public_key())


def announce(made: World, following: Ed25519PrivateKey) -> int:
    return log_key.announce(made.registry, made.editor(), key_id(following.public_key()), "a new machine")


def rotate(made: World, present: Ed25519PrivateKey, following: Ed25519PrivateKey) -> int:
    announce(made, following)
    return log_key.rotate(made.registry, [present], following)


def changes(made: World) -> tuple[dict[str, str], ...]:
    with made.registry.reading() as reader:
        return tuple(asdict(one) for one in key_changes.changes(reader))


def test_a_log_goes_on_under_another_key_and_everything_verifies_across(place, tmp_path):
    made = world(place)
    made.join("ann")
    sign_checkpoint(made.registry, ONE)
    with made.registry.reading() as reader:
        before = receipt(reader, 1)
    rotate(made, ONE, TWO)
    made.submit(made.record("ann"))
    sign_checkpoint(made.registry, TWO)
    rotate(made, TWO, THREE)
    with made.registry.reading() as reader:
        after = receipt(reader, 1)
        fact = reader.need(RegistryFact)
    assert (before.registry_key, after.registry_key) == (vkey(ONE), vkey(THREE))
    for one, by in ((before, ONE), (after, THREE)):
        proof.check(proof.read(one.proof, "x"), one.leaf, {ORIGIN: by.public_key()}, "x")
    assert [former.key for former in fact.earlier] == [one.public_key().public_bytes_raw().hex() for one in (ONE, TWO)]
    found = audit(made.registry, None, SILENT)
    assert not found.faults, found.faults
    assert found.checkpoints == 6
    files.export(made.registry, tmp_path / "files", SILENT)
    again = files.into(tmp_path / "files", str(tmp_path / "again"), SILENT)
    assert not audit(again, None, SILENT).faults
    files.export(again, tmp_path / "twice", SILENT)
    for path in (tmp_path / "files").rglob("*"):
        if path.is_file():
            assert path.read_bytes() == (tmp_path / "twice" / path.relative_to(tmp_path / "files")).read_bytes()


REFUSED = {
    "never announced": ("no key was announced", lambda m: log_key.rotate(m.registry, [ONE], TWO)),
    "another key": ("not the one that was announced", lambda m: (announce(m, TWO), log_key.rotate(m.registry, [ONE], THREE))),
    "the present one": ("is the present one", lambda m: announce(m, ONE)),
    "an editor's": ("another one's", lambda m: announce(m, key("ed"))),
    "an operator's": ("another one's", lambda m: announce(m, m.person("ann").operator)),
    "one that was used": (
        "another one's, or was used before",
        lambda m: (rotate(m, ONE, TWO), announce(m, ONE)),
    ),
    "no digest": (
        "must be a sha256",
        lambda m: m.act(m.editor(), log_key.ANNOUNCED, ORIGIN, reason="x-y", detail={"next_key_sha256": "00"}),
    ),
    "of another registry": (
        "names another registry",
        lambda m: m.act(m.editor(), log_key.ANNOUNCED, "other.example", reason="x-y", detail={"next_key_sha256": "00" * 32}),
    ),
    "by an operator": (
        "is not an editor",
        lambda m: log_key.announce(m.registry, m.actor("ann"), key_id(TWO.public_key()), "mine"),
    ),
    "by the key itself": (
        "is not an editor",
        lambda m: log_key.announce(m.registry, Actor("registry", (ONE,)), key_id(TWO.public_key()), "mine"),
    ),
    "without a reason": ("needs a reason", lambda m: log_key.announce(m.registry, m.editor(), key_id(TWO.public_key()), " ")),
    "signed by the old one": (
        "is not signed by the key that it brings",
        lambda m: (announce(m, TWO), m.act(Actor("registry", (ONE,)), log_key.ROTATED, ORIGIN, detail={"registry_key": _hex(TWO)})),
    ),
    "nothing that the old key signed": (
        "no checkpoint of the present key holds the announcement",
        lambda m: (announce(m, TWO), log_key.rotate(m.registry, [], TWO)),
    ),
    "an announcement that another one replaced": (
        "not the one that was announced",
        lambda m: (announce(m, TWO), announce(m, THREE), log_key.rotate(m.registry, [ONE], TWO)),
    ),
}  # fmt: skip


def _hex(one: Ed25519PrivateKey) -> str:
    return one.public_key().public_bytes_raw().hex()


@pytest.mark.parametrize("case", REFUSED)
def test_no_other_key_takes_over(tmp_path, case):
    made = world(str(tmp_path / "registry"))
    made.join("ann")
    words, act = REFUSED[case]
    with pytest.raises(BadInput, match=words):
        act(made)
    assert not audit(made.registry, None, SILENT).faults


def test_a_threshold_of_editors_announces(tmp_path):
    made = world(str(tmp_path / "registry"), "ed", "flo", threshold=2)
    digest = key_id(TWO.public_key())
    with pytest.raises(BadInput, match="too few editors"):
        announce(made, TWO)
    subject, detail = log_key.announcement(made.registry, digest)
    one = editors.propose(made.registry, made.editor(), log_key.ANNOUNCED, subject, detail, "a new machine")
    with pytest.raises(BadInput, match="too few editors"):
        editors.apply(made.registry, one, "x")
    both = editors.cosign(one, made.editor("flo"), "x")
    late = editors.cosign(
        editors.propose(made.registry, made.editor(), log_key.ANNOUNCED, subject, {"next_key_sha256": key_id(THREE.public_key())}, "x-y"),
        made.editor("flo"), "x",
    )  # fmt: skip
    editors.apply(made.registry, both, "x")
    with pytest.raises(BadInput, match="was signed before what entry"):
        editors.apply(made.registry, late, "x")
    log_key.rotate(made.registry, [ONE], TWO)


def test_after_it_was_rotated_nothing_of_the_old_key_acts(tmp_path):
    made = world(str(tmp_path / "registry"))
    made.join("ann")
    rotate(made, ONE, TWO)
    with made.registry.reading() as reader:
        size, newest = reader.size(), reader.checkpoint()
    with pytest.raises(BadInput):
        acts.challenge(made.registry, ONE, "ann", 7)
    with pytest.raises(BadInput, match="was rotated"):
        sign_checkpoint(made.registry, ONE)
    with made.registry.reading() as reader:
        event = acts.event(
            reader,
            made.actor("ann"),
            "request-opened",
            "a" * 64,
            detail={"model": "m", "hardware": "h", "runtime": "r"},
        )
    item = Item(event.signed(made.actor("ann").keys).to_bytes())
    with pytest.raises(Unavailable, match="was rotated"):
        made.registry.append_sealed([item], acts.utc(), lambda tree: checkpoint.sign(tree, ONE))
    with made.registry.reading() as reader:
        assert (reader.size(), reader.checkpoint()) == (size, newest)
    made.registry.append_all([item], acts.utc())
    with made.registry.reading() as reader:
        tree = checkpoint.Checkpoint(ORIGIN, reader.size(), reader.root())
    made.registry.keep_checkpoint(tree.size, checkpoint.sign(tree, ONE))  # as who holds the database would plant it
    (fault,) = audit(made.registry, None, SILENT).faults
    assert fault.where == f"checkpoint {tree.size}"
    acts.challenge(made.registry, TWO, "ann", 7)


def test_who_knows_an_older_key_follows_by_the_announcements_alone(tmp_path):
    made = world(str(tmp_path / "registry"))
    rotate(made, ONE, TWO)
    rotate(made, TWO, THREE)
    told = changes(made)
    assert [(one["before"], one["after"]) for one in told] == [(vkey(ONE), vkey(TWO)), (vkey(TWO), vkey(THREE))]
    trees = followed(told, vkey(ONE), vkey(THREE))
    assert trees is not None
    assert len(trees) == 2
    assert followed(told, vkey(TWO), vkey(THREE)) is not None
    assert followed(told, vkey(ONE), vkey(TWO)) is not None
    assert followed(told, vkey(THREE), vkey(ONE)) is None
    assert followed((), vkey(ONE), vkey(THREE)) is None
    stranger = vkey(key("stranger"))
    assert followed(told, stranger, vkey(THREE)) is None
    assert followed(told, vkey(ONE), stranger) is None
    first, second = told
    lies = [
        ({**first, "after": stranger}, second),
        ({**first, "before": stranger}, second),
        ({**first, "after": vkey(THREE)},),
        ({**first, "proof": second["proof"]}, second),
        ({**first, "proof": ""}, second),
        ({**first, "leaf": second["leaf"]}, second),
        ({**first, "event": second["event"]}, second),
        ({**first, "event": base64.b64encode(b"{}").decode()}, second),
        ({name: value for name, value in first.items() if name != "leaf"}, second),
        ({**first, "leaf": "!"}, second),
        (second,),
        ({**first, "proof": 7}, second),
    ]
    # The same bytes in other letters: of the last one, base64 does not count every bit.
    padded = [name for name in ("leaf", "event") if first[name].endswith("=")]
    lies += [({**first, name: spare_bit(first[name])}, second) for name in padded]
    for one in lies:
        assert followed(one, vkey(ONE), vkey(THREE)) is None, one


def test_another_event_below_the_old_key_announces_nothing(tmp_path):
    made = world(str(tmp_path / "registry"))
    made.join("ann")
    rotate(made, ONE, TWO)
    with made.registry.reading() as reader:
        line = reader.entry(1)
        kept = reader.body(line.envelope_sha256)
        note = receipt(reader, 1)
    (told,) = changes(made)
    other = {
        **told,
        "leaf": base64.b64encode(note.leaf).decode(),
        "event": base64.b64encode(kept).decode(),
        "proof": note.proof.decode(),
    }
    assert entry.read(note.leaf, "x").index == 1
    assert followed((other,), vkey(ONE), vkey(TWO)) is None


def test_a_client_s_memory_and_a_witness_follow_over_http_and_refuse_what_was_not_announced(tmp_path):
    made, seen = world(str(tmp_path / "registry")), tmp_path / "seen"
    made.join("ann")
    sign_checkpoint(made.registry, ONE)
    with served(made.registry, ONE) as client:
        url = str(client.base_url)
        Remote(url, lambda _operator: None, seen).close()
        with opened(tmp_path / "witness", "w") as witness:
            found = told_key(url)
            witness.know(found.origin, found.vkey, found.follows)
    rotate(made, ONE, TWO)
    made.join("bob")
    sign_checkpoint(made.registry, TWO)
    with served(made.registry, TWO) as client:
        url = str(client.base_url)
        Remote(url, lambda _operator: None, seen).close()
        Remote(url, lambda _operator: None, seen).close()
        with opened(tmp_path / "witness", None) as witness:
            found = told_key(url)
            witness.know(found.origin, found.vkey, found.follows)
            assert witness.logs[ORIGIN].keys == (vkey(TWO),)
    # Somebody else's log of that name, with a key of their own that nothing announced.
    other = world(str(tmp_path / "other"))
    other.join("ann")
    with other.registry.reading() as reader:
        fact = reader.need(RegistryFact)
    assert fact.key == _hex(ONE)
    rotate(other, ONE, THREE)
    for name in ("bob", "cat", "dan"):
        other.join(name)
    sign_checkpoint(other.registry, THREE)
    with served(other.registry, THREE) as client:
        with pytest.raises(LogInconsistent, match="did not announce"):
            Remote(str(client.base_url), lambda _operator: None, seen)
        with opened(tmp_path / "witness", None) as witness:
            found = told_key(str(client.base_url))
            with pytest.raises(LogInconsistent, match="did not announce"):
                witness.know(found.origin, found.vkey, found.follows)


def test_a_witness_that_runs_asks_the_log_again_once_a_minute_where_another_key_signs(tmp_path):
    made = world(str(tmp_path / "registry"))
    made.join("ann")
    sign_checkpoint(made.registry, ONE)

    def asking(old: int) -> bytes:
        with made.registry.reading() as reader:
            proof = tuple(merkle.consistency_proof(old, reader.size(), reader.node))
            return witnessing.write(witnessing.Request(old, proof, reader.checkpoint()))

    with opened(tmp_path / "witness", "w") as witness:
        with served(made.registry, ONE) as client:
            know(witness, [str(client.base_url)], [])
            witness.cosign(asking(0))
        size = witness.logs[ORIGIN].size
        rotate(made, ONE, TWO)
        with served(made.registry, TWO) as client:
            know(witness, [], [])
            asked = []

            def look_again(origin: str) -> None:
                asked.append(origin)
                found = told_key(str(client.base_url))
                witness.know(found.origin, found.vkey, found.follows)

            witness.look_again = look_again
            witness.cosign(asking(size))
            assert (asked, witness.logs[ORIGIN].keys) == ([ORIGIN], (vkey(TWO),))
            with made.registry.reading() as reader:
                tree = checkpoint.Checkpoint(ORIGIN, reader.size(), reader.root())
            stranger = witnessing.write(witnessing.Request(tree.size, (), checkpoint.sign(tree, THREE)))
            for _ in range(3):
                with pytest.raises(BadInput):
                    witness.cosign(stranger)
            assert asked == [ORIGIN]


def test_a_service_takes_up_the_new_key_without_a_restart(tmp_path):
    made = world(str(tmp_path / "registry"))
    made.join("ann")
    keys = {_hex(one): one for one in (ONE, TWO)}

    def own_key() -> Ed25519PrivateKey:
        with made.registry.reading() as reader:
            return keys[reader.need(RegistryFact).key]

    with served(made.registry, ONE, limited=False, own_key=own_key) as client:
        rotate(made, ONE, TWO)
        with made.registry.reading() as reader:
            event = acts.event(
                reader,
                made.actor("ann"),
                "request-opened",
                "a" * 64,
                detail={"model": "m", "hardware": "h", "runtime": "r"},
            )
        answer = client.post("/v1/events", files={"event": event.signed(made.actor("ann").keys).to_bytes()})
        assert answer.status_code == 201, answer.text
        assert answer.json()["receipt"]["registry_key"] == vkey(TWO)
        rotating = acts.Event(
            log_key.ROTATED, ORIGIN, "registry", acts.utc(), ORIGIN, "", 0, "", {"registry_key": _hex(THREE)}
        )
        refused = client.post("/v1/events", files={"event": rotating.signed([THREE]).to_bytes()})
        assert refused.status_code == 403
    assert not audit(made.registry, None, SILENT).faults


def test_a_checkpoint_of_the_wrong_key_spoils_an_export(tmp_path):
    made = world(str(tmp_path / "registry"))
    rotate(made, ONE, TWO)
    files.export(made.registry, tmp_path / "files", SILENT)
    with made.registry.reading() as reader:
        tree = checkpoint.Checkpoint(ORIGIN, reader.size(), reader.root())
    (tmp_path / "files" / "checkpoints" / str(tree.size)).write_bytes(checkpoint.sign(tree, ONE))
    with pytest.raises(RecordInvalid, match="known keys"):
        files.in_memory(tmp_path / "files")


def spare_bit(text: str) -> str:
    body = text.rstrip("=")
    changed = body[:-1] + chr(ord(body[-1]) + 1) + text[len(body) :]
    assert base64.b64decode(changed, validate=True) == base64.b64decode(text)
    return changed
