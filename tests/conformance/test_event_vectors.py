"""Every vector of an event: the harness and the verifier written from the published format both say what it expects."""

from __future__ import annotations

import base64
import json

import pytest

from harness.errors import RecordInvalid
from harness.record import envelope, keys
from harness.record.passkey import PasskeyAt, is_passkey, parse_key
from harness.tlog.event import PAYLOAD_TYPE
from tests.conformance import make_vectors
from tests.conformance.event_building import Passkey, sealed
from tests.conformance.event_verifier import main as independent
from tests.conformance.event_verifier import verdict

FOLDER = make_vectors.EVENTS
VECTORS = {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}
RULES = {"", "envelope", "type", "key", "webauthn", "client", "authenticator", "signature"}
# Rule of the format → what the harness says where it is broken.
WORDS = {
    "envelope": "is not a DSSE envelope",
    "type": "is signed as",
    "webauthn": "a passkey's assertion",
    "client": r"browser's data|another challenge|web origin must be|its type must be|another origin's frame",
    "authenticator": "rpId must be|authenticator's data|present and verified",
    "signature": "no known key|is false",
}


def ours(vector) -> tuple[str, ...]:
    """The ids of the keys that signed, as the harness sees it."""
    found: dict[str, envelope.PublicKey] = {}
    for text in vector["keys"]:
        if is_passkey(text):
            key = parse_key(text)
            found[key.id] = PasskeyAt(key, vector["web_origin"])
        else:
            found |= keys.by_id(text)
    return envelope.verify(envelope.read(base64.b64decode(vector["envelope"]), "x"), found, "x", PAYLOAD_TYPE)


@pytest.mark.parametrize("name", VECTORS)
def test_the_independent_verifier_agrees(name):
    vector = VECTORS[name]
    good, why = verdict(base64.b64decode(vector["envelope"]), vector["keys"], vector["web_origin"])
    assert good == (vector["expected"] == "valid"), why
    assert why == " ".join(vector["signed_by"]) if good else why.partition(":")[0] == vector["rule"], why


@pytest.mark.parametrize("name", VECTORS)
def test_the_harness_agrees(name):
    vector = VECTORS[name]
    if vector["expected"] == "valid":
        assert list(ours(vector)) == vector["signed_by"]
    elif vector["rule"] == "key":
        with pytest.raises(ValueError, match=r"."):
            ours(vector)
    else:
        with pytest.raises(RecordInvalid, match=WORDS[vector["rule"]]):
            ours(vector)


def test_the_vectors_are_those_that_the_maker_makes():
    assert {path.name: path.read_bytes() for path in FOLDER.glob("*.json")} == make_vectors.event_files()


def test_there_is_a_vector_for_each_rule():
    assert len(VECTORS) >= 110
    assert {vector["rule"] for vector in VECTORS.values()} == RULES
    assert all(vector["name"] == name and vector["why"] for name, vector in VECTORS.items())


def test_the_command_says_so(tmp_path, capsys):
    owner, file = Passkey("es256"), tmp_path / "event.json"
    file.write_text(json.dumps(sealed(owner.signature())))
    assert independent([str(file), "https://bench.example.org", owner.text]) == 0
    assert capsys.readouterr().out.strip() == owner.id
    assert independent([str(file), "https://other.example.org", owner.text]) == 2
    assert independent([str(file)]) == 2
