"""A tampered copy of a registry: whatever was changed behind its back, the audit finds it and says where."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import text

from harness.errors import RecordInvalid
from harness.progress import SILENT
from harness.registry.actions.create import sign_checkpoint
from harness.registry.db import checkpoints, log
from harness.registry.exchange.audit import audit
from harness.registry.opening import open_database
from tests.support import postgres
from tests.support.registry_world import key, world


@pytest.fixture
def made(tmp_path: Path) -> Path:
    registry = world(str(tmp_path / "registry"))
    row = registry.accepted("ann")
    registry.accepted("bob", rate=101.0)
    registry.accepted("cat", row=row, sku="Synthetic GPU B")
    registry.submit(registry.record("dan", sku="Synthetic GPU D"))
    sign_checkpoint(registry.registry, key("registry"))
    return tmp_path / "registry"


UNLOCK = "".join(
    f"DROP TRIGGER {table}_no_{what}; "
    for table in ("entries", "bodies", "checkpoints")
    for what in ("update", "delete")
)
LAST = "(SELECT max(idx) FROM entries)"
SUBMITTED = "(SELECT id FROM records ORDER BY idx LIMIT 1)"

# What somebody with the database's file may do → what the audit says of it.
CHANGES = {
    "an entry edited": ("UPDATE entries SET payload = replace(payload, 'a', 'b') WHERE idx = 3", "entry 3"),
    "the last event removed": (f"DELETE FROM entries WHERE idx = {LAST}", "entries are missing"),
    "an event removed from the middle": ("DELETE FROM entries WHERE idx = 4", "is entry 5 where 4 belongs"),
    "two events exchanged": (
        "UPDATE entries SET payload = (SELECT payload FROM entries WHERE idx = 5), digest = 'x', event_sha256 = 'x' WHERE idx = 4",
        "is entry 5 where 4 belongs",
    ),
    "an event's body changed": (
        "UPDATE bodies SET data = replace(data, 'sig', 'gis') WHERE kind = 'event' AND rowid = 2",
        "its event was changed",
    ),
    "an event's body removed": ("DELETE FROM bodies WHERE kind = 'event' AND rowid = 2", "its event is gone"),
    "a record's envelope changed": (
        "UPDATE bodies SET data = replace(data, 'A', 'B') WHERE kind = 'record' AND rowid = (SELECT min(rowid) FROM bodies WHERE kind = 'record')",
        "envelope of record",
    ),
    "a record removed": ("DELETE FROM bodies WHERE kind = 'record'", "are gone, and the log does not say why"),
    "samples swapped": (
        "UPDATE bodies SET data = (SELECT data FROM bodies WHERE kind = 'samples' ORDER BY rowid DESC LIMIT 1) "
        "WHERE rowid = (SELECT min(rowid) FROM bodies WHERE kind = 'samples')",
        "samples of record",
    ),
    "a rate raised in the table": (f"UPDATE records SET log_mean = log_mean + 0.1 WHERE id = {SUBMITTED}", "the table says otherwise of log_mean"),
    "a failed check forgotten in the table": (f"UPDATE records SET failed = 'x' WHERE id = {SUBMITTED}", "the table says otherwise of failed"),
    "a record approved behind the editors' back": (
        "UPDATE records SET status = 'accepted' WHERE status = 'pending'",
        "has another place in the table",
    ),
    "a record moved to another row": (
        "UPDATE records SET \"row\" = 'f' WHERE id = (SELECT id FROM records WHERE \"row\" <> id LIMIT 1)",
        "has another place in the table",
    ),
    "a record invented in the table": (
        "INSERT INTO records SELECT \"row\", 'feed', idx, status, operator, rig, model, quantisation, engine, workload, sku, generation, "
        "os_family, runtime_series, processes, log_mean, log_variance, medians, measured, fixed_number, missing, failed, editorial, versions, "
        f"model_name, samples_sha256 FROM records WHERE id = {SUBMITTED}",
        "is in the table and not in the log",
    ),
    "a record hidden from the table": (f"DELETE FROM records WHERE id = {SUBMITTED}", "is in the log and not in the table"),
    "an operator verified by hand": (
        "UPDATE facts SET value = replace(value, '\"verified\": false', '\"verified\": true') WHERE kind = 'operator' AND name = 'bob'",
        "the database says otherwise than the log",
    ),
    "an editor added by hand": ("UPDATE facts SET value = replace(value, 'ed', 'eve') WHERE kind = 'editors'", "says otherwise"),
    "a fact removed": ("DELETE FROM facts WHERE kind = 'record'", "says otherwise"),
    "a node of the tree changed": ("UPDATE nodes SET hash = zeroblob(32) WHERE level = 1 AND idx = 0", "is not what the log gives"),
    "an entry's digest changed": ("UPDATE entries SET digest = 'f' WHERE idx = 2", "otherwise of it than its own bytes"),
    "an entry's event hidden from the replay check": ("UPDATE entries SET event_sha256 = 'f' WHERE idx = 2", "otherwise of it than its own bytes"),
    "a node of the tree removed": ("DELETE FROM nodes WHERE level = 1 AND idx = 0", "nodes, the log gives"),
    "a machine shared by hand": ("INSERT INTO rigs SELECT 'ann', rig FROM rigs WHERE operator = 'bob'", "are not those that the log's submissions name"),
    "a series invented": ("INSERT INTO series VALUES ('llama.cpp', 'llama.cpp 99.0')", "are not those that accepted records have run"),
    "a key that signed a record forgotten": ("UPDATE facts SET key = NULL WHERE kind = 'record'", "a revocation would miss it"),
    "a key that signed a record exchanged": ("UPDATE facts SET key = 'f' WHERE kind = 'record'", "a revocation would miss it"),
    "a key laid to another fact": ("UPDATE facts SET key = 'f' WHERE kind = 'operator'", "says otherwise of its key"),
    "an extra body": ("INSERT INTO bodies VALUES ('feed', 'samples', 'x')", "the log names none such"),
    "a body of another kind": ("UPDATE bodies SET kind = 'record' WHERE kind = 'samples'", "the log names none such"),
    "a line in takedowns": (
        "INSERT INTO takedowns SELECT sha256 FROM bodies WHERE kind = 'record' LIMIT 1", "the log takes no such body down"
    ),
    "a device of nobody's rig": ("INSERT INTO devices VALUES ('d', 'f')", "no record in the log was made under this key"),
    "an editorial mark set": (f"UPDATE records SET editorial = 1 WHERE id = {SUBMITTED}", "says otherwise of editorial"),
    "medians exchanged": (f"UPDATE records SET medians = '1,2,3' WHERE id = {SUBMITTED}", "says otherwise of medians"),
    "a checkpoint changed": ("UPDATE checkpoints SET note = replace(note, 'A', 'B')", "checkpoint"),
    "a checkpoint of a longer log": ("UPDATE checkpoints SET size = size + 1", "entries are missing"),
    "a number in the place of an entry": ("UPDATE entries SET payload = 5 WHERE idx = 3", "table entries: its column payload must hold bytes"),
    "a number in the place of an event": (
        "UPDATE bodies SET data = 5 WHERE kind = 'event' AND rowid = 2", "the table holds int where bytes belong"
    ),
    "a huge number in the place of samples": (
        "UPDATE bodies SET data = 9000000000000000 WHERE kind = 'samples'", "the table holds int where bytes belong"
    ),
    "a fraction in the place of an envelope": ("UPDATE bodies SET data = 1.5 WHERE kind = 'record'", "the table holds float"),
    "a number in the place of a hash": ("UPDATE nodes SET hash = 32 WHERE level = 1 AND idx = 0", "is not what the log gives"),
    "a number in the place of a checkpoint": ("UPDATE checkpoints SET note = 7", "table checkpoints: its column note must hold bytes"),
    "a text in the place of a checkpoint's size": ("UPDATE checkpoints SET size = 'x'", "its column size must hold whole numbers"),
    "a text in the place of a level": ("UPDATE nodes SET level = 'x' WHERE level = 1", "its column level must hold whole numbers"),
    "a text in the place of an entry's number": (f"UPDATE entries SET idx = 'x' WHERE idx = {LAST}", "its column idx must hold whole numbers"),
    "bytes in the place of a status": (f"UPDATE records SET status = x'00' WHERE id = {SUBMITTED}", "its column status must hold texts"),
    "bytes in the place of a fact": ("UPDATE facts SET value = x'00' WHERE kind = 'editors'", "its column value must hold texts"),
    "a number in the place of the devices' secret": (
        "INSERT INTO secrets VALUES ('devices', 32)", "table secrets: its column value must hold bytes"
    ),
}  # fmt: skip
READ = {
    "body": ("UPDATE bodies SET data = 9000000000000000", lambda reader: reader.body(reader.entry(0).envelope_sha256)),
    "entry": ("UPDATE entries SET payload = 9000000000000000", lambda reader: reader.entry(0)),
    "every entry": ("UPDATE entries SET payload = 9000000000000000", lambda reader: list(reader.payloads())),
    "signed entry": ("UPDATE bodies SET data = 9000000000000000", lambda reader: list(reader.signed())),
    "hash": ("UPDATE nodes SET hash = 9000000000000000", lambda reader: reader.node(0, 0)),
    "hashes": ("UPDATE nodes SET hash = 9000000000000000", lambda reader: log.hashes(reader, 0, 0, 2)),
    "lines": ("UPDATE entries SET payload = 9000000000000000", lambda reader: log.lines(reader, 0, 2)),
    "newest checkpoint": ("UPDATE checkpoints SET note = 9000000000000000", lambda reader: reader.checkpoint()),
    "checkpoints": ("UPDATE checkpoints SET note = 9000000000000000", lambda reader: list(checkpoints.notes(reader))),
    "a checkpoint's size": ("UPDATE checkpoints SET size = 'x'", checkpoints.newest_size),
    "the log's size": (f"UPDATE entries SET idx = 'x' WHERE idx = {LAST}", lambda reader: reader.size()),
}  # fmt: skip


@pytest.mark.parametrize("name", READ)
def test_who_reads_a_number_where_bytes_belong_is_refused_in_one_line(made, name):
    statement, read = READ[name]
    connection = sqlite3.connect(made / "registry.sqlite")
    connection.executescript(f"{UNLOCK} {statement}")
    connection.close()
    with open_database(str(made)).reading() as reader, pytest.raises(RecordInvalid, match="the table holds") as caught:
        read(reader)
    assert "\n" not in str(caught.value)


def test_an_untouched_registry_is_sound(made):
    assert audit(open_database(str(made)), None, SILENT).faults == []


@pytest.mark.parametrize("name", CHANGES)
def test_a_planted_change_is_found(made, name):
    statement, words = CHANGES[name]
    connection = sqlite3.connect(made / "registry.sqlite")
    connection.executescript(UNLOCK)
    assert connection.execute(statement).rowcount >= 1
    connection.commit()
    connection.close()
    found = audit(open_database(str(made)), None, SILENT)
    assert found.faults
    told = [f"{fault.where}: {fault.what}" for fault in found.faults]
    assert any(words in line for line in told), told[:5]


VIEWS = {
    "a view in the place of a table": (
        "ALTER TABLE series RENAME TO hidden; CREATE VIEW series AS SELECT * FROM hidden", ["table series", "view series"]
    ),
    "a table beside": ("CREATE TABLE notes (x)", ["table notes"]),
    "a guard removed": ("DROP TRIGGER bodies_no_update", ["trigger bodies_no_update: is missing"]),
    "a guard that guards nothing": (
        "DROP TRIGGER entries_no_delete; "
        "CREATE TRIGGER entries_no_delete BEFORE DELETE ON entries WHEN 0 BEGIN SELECT RAISE(ABORT, 'no'); END",
        ["trigger entries_no_delete: is not the one"],
    ),
    "a trigger beside": (
        "CREATE TRIGGER x AFTER INSERT ON records BEGIN UPDATE records SET status = 'accepted'; END", ["trigger x"]
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", VIEWS)
def test_a_changed_shape_of_the_database_is_found(made, name):
    statement, words = VIEWS[name]
    connection = sqlite3.connect(made / "registry.sqlite")
    connection.executescript(statement)
    connection.close()
    found = audit(open_database(str(made)), None, SILENT)
    told = [f"{fault.where}: {fault.what}" for fault in found.faults]
    for word in words:
        assert any(word in line for line in told), told


def test_an_audit_says_up_to_where_the_log_goes(made):
    found = audit(open_database(str(made)), None, SILENT)
    assert found.signed == found.entries
    assert found.until.endswith("Z")


FUNCTION = (
    "CREATE OR REPLACE FUNCTION bodies_immutable() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN OLD; END $$"
)
GUARDS = {
    "a function that lets everything through": [FUNCTION],
    "a trigger that never fires": [
        "DROP TRIGGER bodies_immutable ON bodies",
        "CREATE TRIGGER bodies_immutable BEFORE UPDATE OR DELETE ON bodies FOR EACH ROW WHEN (false) EXECUTE FUNCTION bodies_immutable()",
    ],
    "a trigger of deletions alone": [
        "DROP TRIGGER bodies_immutable ON bodies",
        "CREATE TRIGGER bodies_immutable BEFORE DELETE ON bodies FOR EACH ROW EXECUTE FUNCTION bodies_immutable()",
    ],
    "a trigger that is switched off": ["ALTER TABLE bodies DISABLE TRIGGER bodies_immutable"],
}


@pytest.mark.parametrize("name", GUARDS)
def test_a_guard_of_postgresql_that_guards_nothing_is_found(server, name):
    if server is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    registry = world(postgres.fresh(server)).registry
    assert audit(registry, None, SILENT).faults == []
    with registry.engine.connect() as connection, connection.begin():
        for statement in GUARDS[name]:
            connection.execute(text(statement))
    told = [f"{fault.where}: {fault.what}" for fault in audit(registry, None, SILENT).faults]
    assert any(line.startswith("trigger bodies_immutable") for line in told), told
