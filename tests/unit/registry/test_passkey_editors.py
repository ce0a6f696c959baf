"""Editors with passkeys, in front of a real log: how they come and go, what they decide, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from harness.errors import BadInput, RecordInvalid, ReproError
from harness.progress import SILENT
from harness.record import editor_keys, envelope
from harness.record.passkey import ED25519, ES256, Assertion
from harness.registry.actions import acts, editors, passkeys
from harness.registry.actions.passkeys import prepared
from harness.registry.db.transaction import Item
from harness.registry.exchange.audit import audit
from harness.registry.facts import EditorsFact
from tests.support.authenticator import other_s
from tests.support.passkey_world import (
    RP_ID,
    WEB_ORIGIN,
    act,
    allow,
    change,
    entry,
    listed,
    passkey,
    sealed,
    with_passkey,
)
from tests.support.registry_world import World, key, text, world

ALGORITHMS = pytest.mark.parametrize("algorithm", [ES256, ED25519])


@pytest.fixture
def lone(tmp_path) -> World:
    """A registry with one editor, who has a key file."""
    return world(str(tmp_path / "registry"))


def waiting(small: World, name: str = "ann") -> str:
    found = small.record(name)
    small.submit(found)
    return found.id


def size(small: World) -> int:
    with small.registry.reading() as reader:
        return reader.size()


def sound(small: World) -> None:
    found = audit(small.registry, None, SILENT)
    assert not found.faults, found.faults


def append(small: World, data: bytes):
    return small.registry.append_one(Item(data), acts.utc())


@ALGORITHMS
def test_an_editor_decides_with_a_passkey(small, algorithm):
    owner = with_passkey(small, "pat", algorithm)
    record = waiting(small)
    act(small, owner, "pat", "record-approved", record)
    assert small.status(record) == "accepted"
    act(small, owner, "pat", "record-rejected", record, reason="a mistake")
    assert small.status(record) == "rejected"
    assert passkeys.passkeys_of(small.registry) == {"pat": owner.key}
    sound(small)


@pytest.mark.parametrize(
    ("said", "match"),
    [
        ({"web_origin": "https://evil.example.org"}, "web origin must be"),
        ({"rp_id": "evil.example"}, "rpId must be"),
        ({"flags": 0x01}, "present and verified"),
        ({"flags": 0x04}, "present and verified"),
        ({"flags": 0x85}, "no extension"),
        ({"crossOrigin": True}, "another origin's frame"),
        ({"type": "webauthn.create"}, "type must be"),
        ({"client": b"{"}, "must be JSON"),
        ({"client": b"{}" + b" " * 5000}, "at most"),
        ({"data": b""}, "cut off"),
    ],
)
def test_a_forged_assertion_is_refused_and_leaves_nothing(lone, said, match):
    owner = with_passkey(lone)
    record, before = waiting(lone), size(lone)
    with pytest.raises(RecordInvalid, match=match):
        act(lone, owner, "pat", "record-approved", record, **said)
    assert (size(lone), lone.status(record)) == (before, "pending")


def test_an_assertion_signs_one_event_and_no_other(lone):
    owner = with_passkey(lone)
    first, other = waiting(lone), waiting(lone, "bob")
    made = prepared(lone.registry, "pat", "record-approved", first, reason="fine")
    told = owner.assertion(made.challenge, WEB_ORIGIN)
    for payload in (
        prepared(lone.registry, "pat", "record-approved", other, reason="fine"),
        prepared(lone.registry, "pat", "record-rejected", first, reason="fine"),
        prepared(lone.registry, "pat", "record-approved", first, reason="fine!"),
    ):
        with pytest.raises(RecordInvalid, match="another challenge"):
            append(lone, payload.sealed(owner.key, told))
    append(lone, made.sealed(owner.key, told))
    lone.act(lone.editor(), "record-rejected", first, reason="a mistake")
    with pytest.raises(BadInput, match="was signed before what entry"):  # and not twice
        append(lone, made.sealed(owner.key, told))


def test_another_person_s_passkey_under_an_editors_name_is_refused(lone):
    with_passkey(lone)
    record, mallory = waiting(lone), passkey("mallory")
    made = prepared(lone.registry, "pat", "record-approved", record, reason="x")
    told = mallory.assertion(made.challenge, WEB_ORIGIN)
    with pytest.raises(RecordInvalid, match="no known key has signed"):
        append(lone, made.sealed(mallory.key, told))
    with pytest.raises(RecordInvalid, match="did not sign"):
        append(lone, made.sealed(passkey("pat").key, told))
    with pytest.raises(BadInput, match="not signed by the editor's key of ed"):
        act(lone, passkey("pat"), "ed", "record-approved", record)


def test_the_second_form_of_a_signature_makes_no_second_entry(lone):
    owner = with_passkey(lone)
    made = prepared(lone.registry, "pat", "record-approved", waiting(lone), reason="fine")
    told = owner.assertion(made.challenge, WEB_ORIGIN)
    append(lone, made.sealed(owner.key, told))
    before = size(lone)
    for again in (told, replace(told, signature=other_s(told.signature))):
        with pytest.raises(ReproError):
            append(lone, made.sealed(owner.key, again))
    assert size(lone) == before


@pytest.mark.parametrize(
    "change_of",
    [
        lambda one: one["webauthn"].update(more="x"),
        lambda one: one.update(more="x"),
        lambda one: one["webauthn"].update(
            client_data_json=one["webauthn"]["client_data_json"].replace("=", "") + "=" * 4
        ),
        lambda one: one.update(webauthn=dict(reversed(one["webauthn"].items()))),
        lambda one: one.pop("webauthn"),
    ],
)
def test_an_envelope_is_written_in_one_way(lone, change_of):
    owner = with_passkey(lone)
    value = json.loads(sealed(owner, prepared(lone.registry, "pat", "record-approved", waiting(lone), reason="fine")))
    before = size(lone)
    change_of(value["signatures"][0])
    with pytest.raises(RecordInvalid):
        append(lone, json.dumps(value, indent=1).encode())
    assert size(lone) == before


def test_a_true_signature_twice_or_a_stranger_s_beside_it_is_refused(lone):
    owner, stranger = with_passkey(lone), passkey("stranger")
    made = prepared(lone.registry, "pat", "record-approved", waiting(lone), reason="fine")
    own = envelope.asserted(owner.key, owner.assertion(made.challenge, WEB_ORIGIN))
    theirs = envelope.asserted(stranger.key, stranger.assertion(made.challenge, WEB_ORIGIN))
    whole = envelope.read(made.sealed(owner.key, owner.assertion(made.challenge, WEB_ORIGIN)), "x")
    for signatures in ((own, own), (own, theirs), (theirs, own)):
        with pytest.raises(RecordInvalid, match="holds more than"):
            append(lone, replace(whole, signatures=signatures).to_bytes())


def test_thresholds_count_passkeys_and_key_files_alike(tmp_path):
    small = world(str(tmp_path / "registry"), "ed", "flo", threshold=2)
    both = acts.Actor("ed", (key("ed"), key("flo")))
    allow(small, who=both)
    owner, fay = passkey("pat"), passkey("fay", ED25519)
    change(small, {"pat": entry(owner)}, "ed", "flo", threshold=2)
    document = editors.changed(small.registry, editors.Change([public("fay", ED25519)], threshold=3))
    proposal = editors.propose_editors(small.registry, small.editor("ed"), document, "fay joins")
    with pytest.raises(BadInput, match="too few of the present"):
        editors.apply(small.registry, proposal, "CHANGE")
    asked = passkeys.challenge_of(proposal, "CHANGE")
    two = passkeys.cosigned(proposal, owner.key, owner.assertion(asked, WEB_ORIGIN), "CHANGE")
    with pytest.raises(BadInput, match="your signature already"):
        passkeys.cosigned(two, owner.key, owner.assertion(asked, WEB_ORIGIN), "CHANGE")
    with pytest.raises(BadInput, match="too few of the new"):
        editors.apply(small.registry, two, "CHANGE")
    three = passkeys.cosigned(two, fay.key, fay.assertion(asked, WEB_ORIGIN), "CHANGE")
    assert editors.apply(small.registry, three, "CHANGE").kind == "editors-changed"
    sound(small)


def test_a_key_file_cosigns_what_a_passkey_proposed(tmp_path):
    small, owner = world(str(tmp_path / "registry"), "ed", "flo", threshold=2), passkey("pat")
    allow(small, who=acts.Actor("ed", (key("ed"), key("flo"))))
    change(small, {"pat": entry(owner)}, "ed", "flo")
    detail = {"editors": editors.changed(small.registry, editors.Change([public("fay")]))}
    made = prepared(small.registry, "pat", "editors-changed", "editors", reason="fay joins", detail=detail)
    with pytest.raises(BadInput, match="too few of the present"):
        editors.apply(small.registry, sealed(owner, made), "CHANGE")
    both = editors.cosign(sealed(owner, made), small.editor(), "CHANGE")
    assert editors.apply(small.registry, both, "CHANGE").kind == "editors-changed"
    sound(small)


@ALGORITHMS
def test_a_passkey_rotates_to_its_announced_successor_only(lone, algorithm):
    owner, after, thief = (passkey(name, algorithm) for name in ("pat", "pat after", "thief"))
    with_passkey(lone, "pat", algorithm)
    with pytest.raises(BadInput, match="not the one that was announced"):
        change(lone, {"pat": entry(thief)})
    change(lone, {"pat": entry(after)})
    record = waiting(lone)
    with pytest.raises(RecordInvalid, match="no known key has signed"):
        act(lone, owner, "pat", "record-approved", record)
    act(lone, after, "pat", "record-approved", record)
    sound(lone)


def test_a_key_file_and_a_passkey_take_over_from_each_other(lone):
    allow(lone)
    owner = passkey("ed on a phone")
    with lone.registry.reading() as reader:
        own = reader.need(EditorsFact).editors["ed"].key
    change(lone, {"ed": {"key": own, "next_key_sha256": owner.key.id}})  # announced
    back = {"key": text(key("next:ed")), "next_key_sha256": "1" * 64}
    taken = listed(lone, {"ed": entry(owner, envelope.key_id(key("next:ed").public_key()))})
    append(lone, of_both(lone, owner, key("ed"), taken))
    record = waiting(lone)
    with pytest.raises(RecordInvalid, match="no known key has signed"):
        lone.approve(record)
    act(lone, owner, "ed", "record-approved", record)
    append(lone, of_both(lone, owner, key("next:ed"), listed(lone, {"ed": back})))
    lone.act(acts.Actor("ed", (key("next:ed"),)), "record-rejected", record, reason="a mistake")
    sound(lone)


def of_both(small: World, owner, private, document) -> bytes:
    """A new list, signed by a passkey and a key file."""
    made = prepared(
        small.registry, "ed", "editors-changed", "editors", reason="so agreed", detail={"editors": document}
    )
    first = envelope.read(sealed(owner, made), "x")
    more = envelope.sign(made.payload, [private], first.payload_type).signatures
    return replace(first, signatures=(*first.signatures, *more)).to_bytes()


def test_a_removed_passkey_and_an_expired_list_decide_nothing(lone):
    owner = with_passkey(lone)
    record = waiting(lone)
    change(lone, {"pat": None})
    with pytest.raises((BadInput, RecordInvalid), match=r"not an editor|no known key"):
        act(lone, owner, "pat", "record-approved", record)
    change(lone, {"pat": entry(owner)}, expires="2020-01-01")
    with pytest.raises(BadInput, match="list of editors expired"):
        act(lone, owner, "pat", "record-approved", record)


def test_where_passkeys_count_is_said_first(lone):
    owner = passkey("pat")
    with pytest.raises(BadInput, match="names no web origin"):
        change(lone, {"pat": entry(owner)})
    with pytest.raises(BadInput, match="names no web origin"):
        editors.changed(lone.registry, editors.Change([public("pat")]))
    allow(lone)
    with pytest.raises(BadInput, match=r"is for evil\.example"):
        change(lone, {"pat": entry(passkey("pat", rp_id="evil.example"))})
    assert "pat" in editors.changed(lone.registry, editors.Change([public("pat")]))["editors"]


def public(name: str, algorithm: int = ES256):
    """As the public file that a console hands to its editor."""
    return editor_keys.parse(json.dumps({"handle": name, **entry(passkey(name, algorithm))}), "a file")


@pytest.mark.parametrize(
    ("web_origin", "rp_id"),
    [
        ("http://bench.example.org", "bench.example.org"),
        ("https://bench.example.org", "org"),
        ("https://bench.example.org", "evil.example"),
        ("https://bench.example.org/console", "bench.example.org"),
        ("https://192.0.2.1", "192.0.2.1"),
        ("bench.example.org", "bench.example.org"),
    ],
)
def test_a_web_origin_that_no_browser_has_is_refused(lone, web_origin, rp_id):
    with pytest.raises(BadInput, match="its web origin"):
        allow(lone, web_origin, rp_id)


def test_only_editors_say_where_passkeys_count_and_as_many_as_their_threshold(tmp_path):
    small = world(str(tmp_path / "registry"), "ed", "flo", threshold=2)
    small.join("ann")
    with pytest.raises(BadInput, match="not an editor"):
        allow(small, who=small.actor("ann"))
    with pytest.raises(BadInput, match="too few editors signed"):
        allow(small)
    proposal = editors.propose_passkeys(small.registry, small.editor("ed"), WEB_ORIGIN, RP_ID, "a console")
    whole = editors.cosign(proposal, small.editor("flo"), "CHANGE")
    assert editors.apply(small.registry, whole, "CHANGE").kind == "passkeys-allowed"
    with pytest.raises(ReproError):
        editors.apply(small.registry, whole, "CHANGE")
    found = passkeys.allowed(small.registry)
    assert found is not None
    assert (found.web_origin, found.rp_id) == (WEB_ORIGIN, RP_ID)


def test_another_web_origin_ends_the_first_and_another_domain_waits_for_its_passkeys(lone):
    owner = with_passkey(lone)
    record = waiting(lone)
    made = prepared(lone.registry, "pat", "record-approved", record, reason="fine")
    allow(lone, "https://other.example.org")
    with pytest.raises(RecordInvalid, match=r"web origin must be https://other\.example\.org"):
        append(lone, sealed(owner, made))
    with pytest.raises(BadInput, match=r"the passkey of pat is for example\.org"):
        allow(lone, "https://bench.example", "bench.example")
    act(lone, owner, "pat", "record-approved", record, web_origin="https://other.example.org")
    sound(lone)  # each act at the web origin of its time
    change(lone, {"pat": None})
    allow(lone, "https://bench.example", "bench.example")
    sound(lone)


def test_passkeys_are_editors_alone(lone):
    """No operator, rig or registry has one: nobody could sign a record with it."""
    allow(lone)
    owner = passkey("ann")
    for text_of in (owner.key.text(), passkey("ann", ED25519).key.text()):
        detail = {"operator_key": text_of, "next_key_sha256": "1" * 64}
        made = prepared(lone.registry, "ann", "operator-joined", "ann", detail=detail)
        with pytest.raises((BadInput, RecordInvalid), match=r"not valid|no known key"):
            append(lone, sealed(owner, made))


def test_one_key_has_one_role(lone):
    """The bytes of a passkey of Ed25519 are those of a key file: neither kind takes the other's place."""
    lone.join("ann")
    allow(lone)
    twin = passkey("twin", ED25519)
    raw = twin.key.public_key.hex()
    change(lone, {"pat": entry(twin)})
    with pytest.raises(BadInput, match="one key for two editors"):
        change(lone, {"gil": {"key": raw, "next_key_sha256": "1" * 64}})
    with pytest.raises(BadInput, match="not the one that was announced"):
        change(lone, {"pat": {"key": raw, "next_key_sha256": "1" * 64}})
    detail = {"operator_key": raw, "next_key_sha256": "1" * 64}
    event = prepared(lone.registry, "tom", "operator-joined", "tom", detail=detail)
    data = envelope.sign(event.payload, [twin.private], "application/vnd.repro.event.v1+json").to_bytes()
    with pytest.raises((BadInput, RecordInvalid), match=r"is an editor's|is false"):
        append(lone, data)
    operator = text(lone.person("ann").operator)
    borrowed = f"passkey:ed25519:{operator}:00:{RP_ID}"
    with pytest.raises(BadInput, match="is an operator's"):
        change(lone, {"gil": {"key": borrowed, "next_key_sha256": "1" * 64}})


@pytest.mark.parametrize(
    "text_of", ["passkey:", "passkey:es256:04:00:example.org", f"passkey:es256:04{'01' * 64}:00:{RP_ID}"]
)
def test_a_malformed_passkey_in_the_list_is_refused(lone, text_of):
    allow(lone)
    with pytest.raises(BadInput, match="not valid"):
        change(lone, {"pat": {"key": text_of, "next_key_sha256": "1" * 64}})


def test_a_registry_is_founded_with_key_files(tmp_path):
    from harness.registry.actions.create import found
    from tests.support.registry_world import charter

    made = charter("ed")
    made.editors["editors"]["pat"] = entry(passkey("pat"))  # type: ignore[index]
    with pytest.raises(BadInput, match="must have key files"):
        found(str(tmp_path / "registry"), made.event("ed"), [key("ed")])


def test_garbage_in_an_assertion_is_refused_in_one_line(lone):
    owner = with_passkey(lone)
    made = prepared(lone.registry, "pat", "record-approved", waiting(lone), reason="fine")
    for told in (
        Assertion(b"", b"", b""),
        Assertion(bytes(37), b"\xff" * 9, b"0"),
        Assertion(b"x" * 5000, b"[" * 2000, b"y" * 5000),
    ):
        with pytest.raises(RecordInvalid, match="is false") as caught:
            append(lone, made.sealed(owner.key, told))
        assert "\n" not in str(caught.value)
