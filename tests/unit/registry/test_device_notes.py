"""A device note counts as its record's keys have signed it: nobody else's, not changed, and never silently missing."""

from __future__ import annotations

import json
from hashlib import sha256

import pytest
from sqlalchemy import text

from harness.errors import BadInput
from harness.progress import SILENT
from harness.record import private
from harness.registry.db import device_digests
from harness.registry.exchange import files
from harness.registry.exchange.audit import audit
from harness.registry.intake import device_notes
from harness.registry.opening import open_database
from harness.registry.queries.review import dossier
from tests.support.device_notes import noted
from tests.support.registry_world import World, world

GPU = "GPU-5f3c-canary"
DIGEST = sha256(GPU.encode()).hexdigest()


@pytest.fixture
def small(tmp_path) -> World:
    return world(str(tmp_path / "registry.sqlite"))


def submitted(small: World, name: str, ids=(GPU,), **setup):
    found, note = noted(small, name, ids, **setup)
    small.submit(found)
    device_digests.note(small.registry, found, note)
    return found, note


def remarks(small: World, identity: str) -> dict[str, str]:
    with small.registry.reading() as reader:
        return {one.kind: one.text for one in dossier(reader, identity).remarks}


def faults(small: World) -> list[str]:
    return [f"{one.where}: {one.what}" for one in audit(open_database(small.registry.target), None, SILENT).faults]


def changed(small: World, statement: str, **values) -> None:
    with small.registry.engine.connect().execution_options(write=True) as connection, connection.begin():
        connection.execute(text(statement), values)


def test_a_signed_note_shows_one_device_under_two_names_and_the_audit_holds(small):
    submitted(small, "ann")
    found, _ = submitted(small, "bob", rate=100.5)
    assert "ann" in remarks(small, found.id)["same device"]
    assert "no device note" not in remarks(small, found.id)
    assert faults(small) == []


def test_two_notes_of_one_device_have_nothing_in_common_in_public(small):
    (first, note), (second, other) = noted(small, "ann", [GPU]), noted(small, "bob", [GPU])
    assert device_notes.named(first.envelope, "") != device_notes.named(second.envelope, "")
    for public in (first.envelope, second.envelope):
        assert GPU.encode() not in public
        assert DIGEST.encode() not in public
    assert GPU.encode() not in note + other  # the registry, too, gets digests alone
    assert device_notes.ids(first, note) == device_notes.ids(second, other) == (DIGEST,)


def test_a_note_that_was_changed_exchanged_or_deleted_is_refused(small):
    found, note = noted(small, "ann", [GPU])
    _, others = noted(small, "bob", ["GPU-of-bob"])
    framed = note.replace(DIGEST.encode(), b"0" * 64)
    for bad, words in (
        (framed, "is not the device note"),
        (others, "is not the device note"),
        (None, "must be there"),
        (b"", "is not"),
    ):
        with pytest.raises(BadInput, match=words):
            device_digests.note(small.registry, found, bad)
    with small.registry.reading() as reader:
        assert reader.connection.execute(text("SELECT count(*) FROM devices")).scalar_one() == 0


def test_a_note_that_nobody_signed_counts_for_nothing_and_that_is_said(small):
    runtime = small.record("ann").record.runtime
    plain = small.record("ann", more={"runtime": runtime.model_copy(update={"environment": {"backend": "cuda"}})})
    small.submit(plain)
    device_digests.note(small.registry, plain, json.dumps({"device_ids": ["GPU-of-bob"]}).encode())
    with small.registry.reading() as reader:
        assert reader.connection.execute(text("SELECT count(*) FROM devices")).scalar_one() == 0
    assert "names no device note, as a run on a GPU" in remarks(small, plain.id)["no device note"]


def test_a_named_note_that_the_registry_never_got_is_said_to_the_editor(small):
    found, _ = noted(small, "ann", [GPU])
    small.submit(found)
    assert "a device note that is not here" in remarks(small, found.id)["no device note"]


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE secrets SET value = replace(value, substr(value, 60, 8), 'ffffffff') WHERE name LIKE 'note:%'", "is not the device note that its record names"),
        ("INSERT INTO devices SELECT 'f', rig FROM devices", "no signed device note of its records gives it"),
        ("DELETE FROM devices", "the table has forgotten it"),
        ("DELETE FROM secrets WHERE name LIKE 'note:%'", "no signed device note of its records gives it"),
        ("UPDATE secrets SET name = 'note:' || substr('0000000000000000000000000000', 1, 27) WHERE name LIKE 'note:%'", "is of no record in the log"),
        ("UPDATE secrets SET value = x'00' WHERE name = 'devices'", "no signed device note of its records gives it"),
    ],
)  # fmt: skip
def test_the_audit_finds_what_was_planted_changed_or_taken_beside_the_notes(small, statement, words):
    submitted(small, "ann")
    assert faults(small) == []
    changed(small, statement)
    assert [one for one in faults(small) if words in one]


def test_a_note_put_under_a_record_that_names_none_is_found(small):
    plain = small.record("ann")
    small.submit(plain)
    _, note = noted(small, "bob", [GPU])
    changed(small, "INSERT INTO secrets VALUES (:name, :value)", name=f"note:{plain.id[:27]}", value=note)
    assert [one for one in faults(small) if "named by nothing that its operator has signed" in one]


def test_a_copy_of_a_registry_holds_no_note(small, tmp_path):
    submitted(small, "ann")
    files.export(small.registry, tmp_path / "out", SILENT)
    data = b"".join(path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert b"canary" not in data
    assert DIGEST.encode() not in data


def test_a_note_is_the_users_alone_and_a_build_is_noted_as_a_device_is(tmp_path):
    note = private.make(["GPU-1"], "ab" * 32)
    private.write(tmp_path, note)
    assert (tmp_path / private.FILE).stat().st_mode & 0o777 == 0o600
    assert private.read(tmp_path) == note
    assert private.ids_of(note, private.digest(note), "x") == tuple(
        sorted(sha256(one).hexdigest() for one in (b"GPU-1", b"build:" + b"ab" * 32))
    )
    assert private.make([]) is None


@pytest.mark.parametrize(
    "data",
    [b"{}", b"[]", b"7", b"\xff", b'{"_type":"x","ids":["a"]}', b'{"_type":"urn:repro-harness:device-note:v1","ids":[]}',
     b'{"_type":"urn:repro-harness:device-note:v1","ids":[7]}', b'{"_type":"urn:repro-harness:device-note:v1","ids":["GPU-1"]}', b"[" * 60_000],
)  # fmt: skip
def test_what_is_no_device_note_is_refused_in_a_line(data):
    with pytest.raises(BadInput, match="is not a device note"):
        private.ids_of(data, private.digest(data), "private.json")
