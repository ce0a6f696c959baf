"""Records that were changed, by whoever: none is accepted, none breaks the reader, each is refused in one line.

The number of mutations is REPRO_MUTATIONS; benchmarks/reliability.py asks for more, and times them.
"""

from __future__ import annotations

import json
import os
import random
from dataclasses import replace

import pytest

from harness.demo.records import Setup, person, sealed
from harness.errors import ReproError
from harness.record import envelope
from harness.registry.intake.ingest import checked
from tests.support.mutations import MUTATORS, bomb, mutated

COUNT = int(os.environ.get("REPRO_MUTATIONS", "1500"))
WHO = person("ann")
DATA, SAMPLES = sealed(WHO, Setup())


def refused(data: bytes, samples: bytes) -> str:
    with pytest.raises(ReproError) as caught:
        checked(data, samples, "here")
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) <= 501
    return text


def test_the_original_is_accepted():
    assert checked(DATA, SAMPLES, "here").record.operator.handle == "ann"


@pytest.mark.parametrize("name", MUTATORS)
def test_no_mutated_record_is_accepted(name):
    draw = random.Random(f"{name} 1")
    for _ in range(COUNT // len(MUTATORS)):
        data, samples = mutated(name, DATA, SAMPLES, WHO, draw)
        if (data, samples) != (DATA, SAMPLES):
            refused(data, samples)


def test_every_byte_of_payload_and_signatures_counts():
    sound = envelope.read(DATA, "")
    step = max(len(sound.payload) // 600, 1)
    for at in range(0, len(sound.payload), step):
        payload = bytearray(sound.payload)
        payload[at] ^= 1 << (at % 8)
        refused(replace(sound, payload=bytes(payload)).to_bytes(), SAMPLES)
    for number, one in enumerate(sound.signatures):
        for at in range(len(one.sig)):
            sig = bytearray(one.sig)
            sig[at] ^= 1 << (at % 8)
            changed = list(sound.signatures)
            changed[number] = replace(one, sig=bytes(sig))
            refused(replace(sound, signatures=tuple(changed)).to_bytes(), SAMPLES)
    for at in range(0, len(SAMPLES), 7):
        samples = bytearray(SAMPLES)
        samples[at] ^= 1 << (at % 8)
        assert "sha256 differs" in refused(DATA, bytes(samples))


def test_samples_that_unpack_to_gigabytes_are_refused_before_they_do():
    data, samples = bomb(WHO)
    assert len(samples) < 100_000
    assert "over the limits" in refused(data, samples)


def test_deep_nesting_and_long_numbers_end_in_a_line():
    for payload in (b"[" * 200_000, b'{"a":' * 100_000, b'{"a":' + b"9" * 1_000_000 + b"}", b"", b"null", b"\xff\xfe"):
        refused(envelope.sign(payload, [WHO.operator, WHO.rig]).to_bytes(), SAMPLES)
    refused(b"[" * 200_000, SAMPLES)
    refused(json.dumps({"payloadType": "x", "payload": "", "signatures": [{}] * 1000}).encode(), SAMPLES)
