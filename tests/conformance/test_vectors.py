"""Every vector: `repro verify` and the verifier written from the published format both say what it expects, for its reason."""

import base64
import json
import re
import subprocess
import sys

import pytest

from harness.commands.verify import verify
from harness.errors import ReproError
from harness.record import envelope
from tests.conformance import make_vectors
from tests.conformance.building import BASE, FOLDER, OPERATOR, RIG, SAMPLES, WHOLE, pae, sealed, written
from tests.conformance.verifier import main as independent
from tests.conformance.verifier import verdict
from tests.support.patience import PATIENCE_S

VECTORS = {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}
# Rule of the format → what `repro verify` says where it is broken.
WORDS = {
    "envelope": "is not a DSSE envelope",
    "type": "is signed as",
    "canonical": "not canonical|is not JSON|integers only|stands twice|nested deeper|is not ASCII|an integer below",
    "statement": "is not an in-toto statement|this harness reads",
    "version": "this harness reads",
    "schema": "it was not written by this harness",
    "operator": "is not signed|handle",
    "keys": "key",
    "signature": "is false|lacks the signature|no known key",
    "subjects": "no proper subjects",
    "binding": "does not bind the samples",
    "samples": "not those of the record",
    "outcome": "it failed,|it completed,",
}


def folder_of(data, place):
    """A record's folder with this envelope; record.json is its payload, or the base record's where it has none."""
    try:
        payload = envelope.read(data, "x").payload
    except ReproError:
        payload = BASE
    place.mkdir(exist_ok=True)
    (place / "record.dsse.json").write_bytes(data)
    (place / "record.json").write_bytes(payload)
    (place / "samples.parquet").write_bytes(SAMPLES)
    return place


@pytest.mark.parametrize("name", VECTORS)
def test_the_independent_verifier_agrees(name):
    vector = VECTORS[name]
    good, why = verdict(base64.b64decode(vector["envelope"]), SAMPLES)
    assert (good, why.partition(":")[0] if vector["rule"] else "") == (vector["expected"] == "valid", vector["rule"]), (
        why
    )


@pytest.mark.parametrize("name", VECTORS)
def test_repro_verify_agrees(name, tmp_path):
    vector = VECTORS[name]
    place = folder_of(base64.b64decode(vector["envelope"]), tmp_path / "record")
    if vector["expected"] == "valid":
        verify.callback(place, None, None)
        return
    # Any other exception is a fault: it would be a traceback.
    with pytest.raises(ReproError) as caught:
        verify.callback(place, None, None)
    assert re.search(WORDS[vector["rule"]], f"{caught.value.what}; {caught.value.fix}"), str(caught.value)


@pytest.mark.parametrize(
    "name", ["valid-base", "envelope-half", "signature-swapped", "canonical-number-1e3", "schema-no-runtime"]
)
def test_the_command_and_the_script_end_alike(name, tmp_path):
    place = folder_of(base64.b64decode(VECTORS[name]["envelope"]), tmp_path / "record")
    program = "from harness.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "verify", str(place)], capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert done.returncode == (0 if VECTORS[name]["expected"] == "valid" else 2), done.stderr
    assert "Traceback" not in done.stderr
    assert independent([str(place)]) == done.returncode


def test_the_vectors_are_those_that_the_maker_makes():
    assert {path.name: path.read_bytes() for path in FOLDER.glob("*.json")} == make_vectors.files()


def test_there_is_a_vector_for_each_rule():
    assert len(VECTORS) >= 160
    assert {vector["rule"] for vector in VECTORS.values()} == {"", *WORDS}
    assert all(vector["name"] == name and vector["why"] for name, vector in VECTORS.items())


def test_another_record_beside_the_envelope_is_refused_by_both(tmp_path):
    place = folder_of(WHOLE, tmp_path / "record")
    assert independent([str(place)]) == 0
    (place / "record.json").write_bytes(BASE.replace(b'"seed":7', b'"seed":8'))
    assert independent([str(place)]) == 2
    with pytest.raises(ReproError, match="another record"):
        verify.callback(place, None, None)


def test_a_folder_without_an_envelope_is_refused_by_both(tmp_path):
    place = folder_of(WHOLE, tmp_path / "record")
    (place / "record.dsse.json").unlink()
    assert independent([str(place)]) == 2
    with pytest.raises(ReproError, match="is not signed"):
        verify.callback(place, None, None)


def test_without_samples_the_rest_is_checked():
    good, why = verdict(WHOLE, None)
    assert good
    assert why.endswith("not seen")
    assert verdict(WHOLE, SAMPLES + b"\0") == (False, "samples: their digest is not that of the record")
    assert not verdict(WHOLE[:-1], None)[0]


@pytest.mark.parametrize(("name", "over", "rule"), [("envelope", 0, ""), ("envelope", 1, "envelope")])
def test_the_largest_envelope(name, over, rule, tmp_path):
    data = WHOLE + b" " * (2**25 + over - len(WHOLE))
    good, why = verdict(data, SAMPLES)
    assert (good, why.partition(":")[0] if rule else "") == (not rule, rule)
    if not rule:
        verify.callback(folder_of(data, tmp_path / "record"), None, None)
    else:
        with pytest.raises(ReproError, match="the limit is"):
            envelope.read(data, "x")


@pytest.mark.parametrize("over", [0, 1])
def test_the_largest_payload(over, tmp_path):
    text = b'"environment":{"x":"' + b"." * (2**24 + over - len(BASE) - len(b'"x":""')) + b'"},"f'
    payload = BASE.replace(b'"environment":{},"f', text)
    assert len(payload) == 2**24 + over
    data = written(sealed(payload))
    assert verdict(data, SAMPLES)[0] is not over
    place = folder_of(data, tmp_path / "record")
    if over:
        with pytest.raises(ReproError, match="is larger than"):
            verify.callback(place, None, None)
    else:
        verify.callback(place, None, None)


def test_another_implementation_of_dsse_verifies_the_base():
    from securesystemslib.dsse import Envelope
    from securesystemslib.signer import SSlibKey

    keys = [
        SSlibKey(one["keyid"], "ed25519", "ed25519", {"public": private.public_key().public_bytes_raw().hex()})
        for one, private in zip(json.loads(WHOLE)["signatures"], (OPERATOR, RIG), strict=True)
    ]
    theirs = Envelope.from_dict(json.loads(WHOLE))
    assert len(theirs.verify(keys, 2)) == 2
    assert theirs.pae() == pae(BASE)
    assert re.match(rb"DSSEv1 36 application/vnd\.repro\.record\.v1\+json \d+ \{", theirs.pae())
