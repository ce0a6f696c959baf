"""The drill: whoever holds the database and the server's key, and runs a server of their own, is found by an audit, a client's memory or a witness.

The thief may do anything on that machine: here the checks of the server are switched off for what the thief writes, so that log,
tree, facts and checkpoints agree with one another, and only what others hold, or signatures that need others' keys, can show it.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from harness.errors import BadInput, LogInconsistent
from harness.progress import SILENT
from harness.record import envelope
from harness.record.envelope import Signature, key_id
from harness.registry.actions import acts, cosigning, witnesses
from harness.registry.actions.acts import Actor, Item
from harness.registry.actions.cosigning import Peers
from harness.registry.actions.create import sign_checkpoint
from harness.registry.db.tables import guards
from harness.registry.exchange import files, last_seen, witnessed
from harness.registry.exchange.audit import audit
from harness.registry.opening import open_database
from harness.registry.remote.registry import Remote
from harness.registry.rules import apply
from harness.registry.store import Registry
from harness.service.witness.state import opened
from harness.tlog import checkpoint, event, witness
from tests.support.registry_world import ORIGIN, World, editors, key, world
from tests.support.served import served
from tests.support.witnessed import witnessed as running

STOLEN = key("registry")  # the server's key
NAME = "w.example/1"


@dataclass
class Drill:
    """A registry that clients and a witness know, and its copy in the thief's hands."""

    made: World
    stolen: World
    seen: Path
    vkey: str
    hub: str
    pending: str


@pytest.fixture
def drill(tmp_path: Path) -> Iterator[Drill]:
    made, seen = world(str(tmp_path / "registry")), tmp_path / "seen"
    with opened(tmp_path / "witness", NAME) as found, running(found) as client:
        found.know(ORIGIN, checkpoint.vkey(ORIGIN, STOLEN.public_key()), lambda _old, _new: False)
        witnesses.add(made.registry, made.editor(), str(client.base_url), found.vkey, "of a friend")
        hub = made.accepted("ann", sku="Synthetic GPU A")
        waiting = made.record("bob", sku="Synthetic GPU B")
        made.submit(waiting)
        sign_checkpoint(made.registry, STOLEN)
        cosigned(made.registry)
        last_seen.look(made.registry, seen)
        with served(made.registry, STOLEN) as service:
            Remote(str(service.base_url), lambda _operator: None, seen).close()
        made.registry.close()
        shutil.copytree(tmp_path / "registry", tmp_path / "stolen")
        stolen = World(open_database(str(tmp_path / "stolen")), made.people)
        yield Drill(made, stolen, seen, found.vkey, hub, waiting.id)


def cosigned(registry: Registry) -> cosigning.Asked:
    peers = Peers((NAME,))
    (due,) = cosigning.due(registry, peers, 0.0)
    return cosigning.ask(registry, due, peers, 0.0)


@contextmanager
def unchecked(*claimed: str) -> Iterator[None]:
    """The thief's server: whatever the signatures are, these keys (by id) count as having signed."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(apply.envelope, "verify", lambda *_: list(claimed))
        yield


def forged(
    stolen: World, kind: str, by: str, subject: str, claimed: str, submission: object = None, **detail: object
) -> None:
    """An act in somebody's name, in log, tree, facts and a new checkpoint; signed by the one key that the thief has."""
    with stolen.registry.reading() as reader:
        made = acts.event(reader, Actor(by, ()), kind, subject, reason="looks complete", detail=detail)
    sealed = made.signed([STOLEN])
    sealed = replace(sealed, signatures=(Signature(claimed, sealed.signatures[0].sig),))
    with unchecked(claimed):
        stolen.registry.append_one(Item(sealed.to_bytes(), submission), acts.utc())  # type: ignore[arg-type]
    sign_checkpoint(stolen.registry, STOLEN)


def found_by_audit(registry: Registry, words: str) -> None:
    faults = audit(registry, None, SILENT).faults
    assert any(words in fault.what for fault in faults), faults


def test_before_anything_is_done_all_of_it_holds(drill):
    asked = witnessed.quorum([drill.vkey], None)
    assert not audit(drill.stolen.registry, None, SILENT, asked).faults


def test_a_record_in_somebodys_name_is_found_by_an_audit(drill):
    stolen = drill.stolen
    one = stolen.record("ann", sku="Synthetic GPU C", seed=77)
    with stolen.registry.reading() as reader:
        item = acts.submission(reader, stolen.actor("ann"), one, acts.Wish())
    detail = dict(event.read(envelope.read(item.envelope, "x").payload, "x").detail)
    forged(stolen, "record-submitted", "ann", one.id, key_id(stolen.person("ann").operator.public_key()), one, **detail)
    assert stolen.status(one.id) == "pending"
    found_by_audit(stolen.registry, "is false")
    files.export(stolen.registry, drill.seen.parent / "files", SILENT)
    with pytest.raises(BadInput):  # and every reader of an export replays it
        files.in_memory(drill.seen.parent / "files")


@pytest.mark.parametrize("by", ["ed", "registry"])
def test_an_approval_without_an_editors_key_is_found_by_an_audit(drill, by):
    claimed = key_id((key("ed") if by == "ed" else STOLEN).public_key())
    if by == "registry":
        with pytest.raises(BadInput, match="is not an editor"), unchecked(claimed):
            forged(drill.stolen, "record-approved", by, drill.pending, claimed)
        return
    forged(drill.stolen, "record-approved", by, drill.pending, claimed)
    assert drill.stolen.status(drill.pending) == "accepted"
    found_by_audit(drill.stolen.registry, "is false")


def test_a_key_of_ones_own_in_the_list_of_editors_is_found_by_an_audit(drill):
    own = editors("ed", "eve", version=2)
    forged(drill.stolen, "editors-changed", "ed", "editors", key_id(key("ed").public_key()), editors=own)
    drill.stolen.approve(drill.pending, "eve")  # from here on its own checks agree
    assert drill.stolen.status(drill.pending) == "accepted"
    found_by_audit(drill.stolen.registry, "is false")


TIER = {
    "a record's status": "UPDATE facts SET value = replace(value, '\"pending\"', '\"accepted\"') WHERE kind = 'record'",
    "its line in the table": "UPDATE records SET status = 'accepted', editorial = 1",
    "a rate": "UPDATE records SET log_mean = log_mean + 1",
    "an operator's verification": "UPDATE facts SET value = replace(value, '\"verified\": false', '\"verified\": true') WHERE kind = 'operator'",
    "the policy": "UPDATE facts SET value = replace(value, '\"approvals\": 1', '\"approvals\": 0') WHERE kind = 'policy'",
}


@pytest.mark.parametrize("what", TIER)
def test_a_tier_by_way_of_the_tables_is_found_by_an_audit(drill, what):
    path = drill.stolen.registry.file
    drill.stolen.registry.close()
    with sqlite3.connect(path) as database:
        assert database.execute(TIER[what]).rowcount > 0
    assert audit(drill.stolen.registry, None, SILENT).faults


def shortened(drill: Drill, entries: int) -> Registry:
    """The log without its last entries, made again from its beginning, and signed."""
    folder, size = drill.seen.parent, 0
    files.export(drill.stolen.registry, folder / "files", SILENT)
    log = folder / "files" / files.LOG
    lines = log.read_bytes().splitlines(keepends=True)
    size = len(lines) - entries
    log.write_bytes(b"".join(lines[:size]))
    for note in (folder / "files" / "checkpoints").iterdir():
        if int(note.name) > size:
            note.unlink()
    mark = folder / "files" / "registry.json"
    told = json.loads(mark.read_text())
    mark.write_text(json.dumps({"format": told["format"], "origin": told["origin"], "size": size, "checkpoint": None}))
    made = files.into(folder / "files", str(folder / "shortened"), SILENT)
    sign_checkpoint(made, STOLEN)
    return made


def test_a_removed_entry_is_found_by_a_memory_over_http_and_here_by_a_witness_and_by_who_asks_for_one(drill):
    short = shortened(drill, 1)
    assert not audit(short, None, SILENT).faults  # by itself it is a good log
    with pytest.raises(LogInconsistent, match="when it was last seen"):
        last_seen.look(short, drill.seen)
    with served(short, STOLEN) as service, pytest.raises(LogInconsistent, match="when it was last seen"):
        Remote(str(service.base_url), lambda _operator: None, drill.seen)
    asked = cosigned(short)
    assert asked.error is not None
    assert "entries are missing here" in asked.error.what
    quorum = witnessed.quorum([drill.vkey], None)
    assert any("no checkpoint is signed by" in fault.what for fault in audit(short, None, SILENT, quorum).faults)


def test_of_two_logs_the_witness_signs_one_and_who_asks_for_it_holds_that_one(drill):
    """Both go on from what the witness signed last, both hold by themselves; nobody has seen either."""
    one, other = drill.made, drill.stolen
    one.join("cat")
    other.join("dan")
    for made in (one, other):
        sign_checkpoint(made.registry, STOLEN)
        assert not audit(made.registry, None, SILENT).faults
    assert cosigned(one.registry).error is None
    refused = cosigned(other.registry)
    assert refused.error is not None
    assert "409" in refused.error.what  # another tree of that size
    quorum, later = witnessed.quorum([drill.vkey], None), datetime.now(UTC) + timedelta(hours=2)
    with one.registry.reading() as reader:
        assert not [what for _, what in witnessed.look(reader, quorum, later)[1] if "future" not in what]
    with other.registry.reading() as reader:
        assert any("have signed up to entry" in what for _, what in witnessed.look(reader, quorum, later)[1])
    last_seen.look(one.registry, drill.seen)
    with pytest.raises(LogInconsistent, match="another history"):
        last_seen.look(other.registry, drill.seen)


def test_a_rewritten_entry_is_found_by_everybody(drill):
    """The log made again from the beginning with another first approval: the tree differs from what all remember."""
    fresh = world(str(drill.seen.parent / "fresh"))
    fresh.join("eve")
    for name in ("ann", "bob", "cat", "dan", "fay", "gus"):
        fresh.join(name)
    sign_checkpoint(fresh.registry, STOLEN)
    with pytest.raises(LogInconsistent, match="another history"):
        last_seen.look(fresh.registry, drill.seen)
    with fresh.registry.reading() as reader:
        note, size = reader.checkpoint(), reader.size()
    with opened(drill.seen.parent / "second", "w2") as second:
        second.know(ORIGIN, checkpoint.vkey(ORIGIN, STOLEN.public_key()), lambda _old, _new: False)
        second.cosign(witness.write(witness.Request(0, (), note)))  # one that knew nothing believes what it sees first
        assert second.logs[ORIGIN].size == size


def test_triggers_that_are_gone_are_named_by_the_audit(drill):
    path = drill.stolen.registry.file
    drill.stolen.registry.close()
    assert len(guards("sqlite")) == 6
    with sqlite3.connect(path) as database:
        database.execute("DROP TRIGGER entries_no_delete")
        database.execute("DELETE FROM entries WHERE idx = (SELECT max(idx) FROM entries)")
    assert len(audit(drill.stolen.registry, None, SILENT).faults) > 1
