"""Receipts: what a holder can show with one, and what is no receipt."""

from __future__ import annotations

import base64
import copy
import json

import pytest

from harness.errors import RecordInvalid, ReproError
from harness.record.envelope import key_id
from harness.registry.actions import acts, incoming
from harness.registry.actions.acts import Actor
from harness.registry.actions.incoming import Parcel
from harness.registry.remote import receipts
from harness.service import wire
from harness.tlog import merkle, proof
from harness.tlog.checkpoint import Checkpoint, sign
from tests.support.registry_world import ORIGIN, editors, key, text, world


@pytest.fixture(scope="module")
def answer(tmp_path_factory):
    made = world(str(tmp_path_factory.mktemp("receipts") / "registry"))
    for name in ("ann", "bob", "cat"):
        made.join(name)
    with made.registry.reading() as reader:
        data = reader.body(reader.entry(2).envelope_sha256)
    found = incoming.opened(made.registry, Parcel(data))
    again = incoming.again(made.registry, key("registry"), found, demonstration=False)
    return wire.answer(again, found.event, None).model_dump(mode="json")


def test_a_receipt_shows_event_entry_and_tree(answer):
    found = receipts.held(answer, "answer")
    assert (found.registry, found.entry.index, found.event.by, found.tree.size) == (ORIGIN, 2, "bob", 4)


def test_the_very_same_act_that_entered_meanwhile_is_there_whatever_it_changed(tmp_path):
    made = world(str(tmp_path / "registry"))
    made.join("ann")
    who = made.person("ann")
    with made.registry.reading() as reader:
        left = {"editors": editors("ed", "eve", version=2)}
        changed = acts.event(reader, made.editor(), "editors-changed", "editors", reason="two of us", detail=left)
        own = {"operator_key": text(who.following), "next_key_sha256": key_id(key("later").public_key())}
        rotated = acts.event(reader, Actor("ann", (who.following,)), "operator-rotated", "ann", reason="", detail=own)
    for event, signer in ((changed, key("ed")), (rotated, who.following)):
        one = incoming.opened(made.registry, Parcel(event.signed((signer,)).to_bytes()))
        assert one.entry is None
        brought = incoming.brought(one, demonstration=False)
        (first,) = incoming.take(made.registry, key("registry"), [brought])
        (again,) = incoming.take(made.registry, key("registry"), [brought])  # another service had opened it before
        assert (first.new, again.new) == (True, False)
        assert again.receipt.entry == first.receipt.entry


def test_no_changed_receipt_holds(answer):
    text = json.dumps(answer)
    tried = 0
    for place in range(0, len(text), 7):
        if text[place] in '"{}:, \\':
            continue
        other = text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]
        try:
            value = json.loads(other)
        except ValueError:
            continue
        same = {name: answer[name] for name in ("receipt", "event", "new")}
        if {name: value.get(name) for name in same} == same:
            continue  # beside the receipt
        tried += 1
        try:
            found = receipts.held(value, "answer", answer["receipt"]["registry_key"])
        except ReproError:
            continue
        # Only what nothing of the proof rests on may be otherwise: the number beside it, and the digest named twice.
        changed = {name for name in answer["receipt"] if value["receipt"].get(name) != answer["receipt"][name]}
        assert changed <= {"entry", "event_sha256"}, changed
        assert found.entry.index == 2
    assert tried > 100


def test_another_registrys_key_or_root_is_refused(answer):
    other = copy.deepcopy(answer)
    told = proof.read(other["receipt"]["proof"].encode(), "")
    forged = sign(Checkpoint(ORIGIN, 4, merkle.leaf_hash(b"x")), key("thief"))
    other["receipt"]["proof"] = proof.write(proof.Proof(told.index, told.hashes, forged)).decode()
    with pytest.raises(RecordInvalid):
        receipts.held(other, "answer")
    with pytest.raises(RecordInvalid, match="another key"):
        receipts.held(answer, "answer", "example.org+00000000+AA")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"c2sp.org/tlog-proof@v1\n",
        b"c2sp.org/tlog-proof@v2\nindex 0\n\nx",
        b"c2sp.org/tlog-proof@v1\nindex 00\n\nx",
        b"c2sp.org/tlog-proof@v1\nindex -1\n\nx",
        b"c2sp.org/tlog-proof@v1\nextra AA==\nindex 1\n\nx",
        b"c2sp.org/tlog-proof@v1\nindex 1\nAA==\n\nx",
        b"c2sp.org/tlog-proof@v1\nindex 1\n" + base64.b64encode(b"x" * 32) * 2 + b"\n\nx",
        b"c2sp.org/tlog-proof@v1\nindex 1\n" + (base64.b64encode(b"x" * 32) + b"\n") * 64 + b"\nx",
        b"\xff" * 100,
    ],
)
def test_what_is_no_proof_is_refused_in_one_line(data):
    with pytest.raises(RecordInvalid, match="is not a proof"):
        proof.read(data, "proof")


def test_a_proof_is_read_as_it_was_written(answer):
    data = answer["receipt"]["proof"].encode()
    assert proof.write(proof.read(data, "proof")) == data


def test_bits_that_base64_does_not_count_are_refused(answer):
    told = answer["receipt"]["proof"].encode()
    first = proof.write(proof.read(told, "proof")).split(b"\n")[2]
    spare = bytes([first[-2] + 1])  # the last of 43 letters holds four bits of the hash and two that must be 0
    with pytest.raises(RecordInvalid, match="is not a proof"):
        proof.read(told.replace(first, first[:-2] + spare + b"="), "proof")
    other = {**answer, "receipt": {**answer["receipt"], "leaf": "AB=="}}
    with pytest.raises(RecordInvalid, match="is not a receipt"):
        receipts.held(other, "answer")
