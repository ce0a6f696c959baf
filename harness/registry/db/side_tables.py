"""The part of an audit that looks at a database itself: tables, guards, and what lies beside the log without its word."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from sqlalchemy import inspect, select, text

from harness.registry.db import device_digests, lookups, tables
from harness.registry.db.reader import Reader
from harness.registry.facts import FailureFact, RecordFact
from harness.registry.rules.apply import Facts

Wrong = tuple[str, str]  # where, what
_VERSION = "alembic_version"
_BEFORE_ROW_CHANGES = 1 | 2 | 8 | 16  # PostgreSQL's bits: for each row, before, delete, update
_BEFORE_TRUNCATE = 2 | 32


def shape(reader: Reader) -> Iterator[Wrong]:
    """A view in the place of a table shows what it likes; a trigger of somebody's changes what is written; ours must be there."""
    found = inspect(reader.connection)
    there, wanted = set(found.get_table_names()), {*tables.metadata.tables, _VERSION}
    for name in sorted(wanted - there):
        yield f"table {name}", "is not a table of this database"
    for name in sorted(there - wanted):
        yield f"table {name}", "is not one of a registry's"
    for name in sorted(found.get_view_names()):
        yield f"view {name}", "must not be there: a registry has none"
    ours, theirs = _guards(reader.connection.dialect.name), _triggers(reader)
    for name in sorted(ours.keys() | theirs.keys()):
        if ours.get(name) != theirs.get(name):
            yield f"trigger {name}", "is missing" if name not in theirs else "is not the one that a registry has"


def _guards(dialect: str) -> dict[str, str]:
    """Name → what makes it."""
    made = [one for one in tables.guards(dialect) if "CREATE TRIGGER" in one]
    if dialect != "sqlite":
        return _of_postgresql(tables.guards(dialect))
    names = [re.search(r"CREATE TRIGGER (\w+)", one) for one in made]
    return {name[1]: _plain(one) for name, one in zip(names, made, strict=True) if name}


def _of_postgresql(guards: list[str]) -> dict[str, str]:
    """As its catalogue has them: the table, when it fires (`pg_trigger.tgtype`), and what the function does."""
    bodies = {
        name: body for one in guards for name, body in re.findall(r"FUNCTION (\w+)\(\).*?\$\$(.*)\$\$", one, re.DOTALL)
    }
    found = {}
    for one in guards:
        part = re.search(r"CREATE TRIGGER (\w+) BEFORE ([A-Z ]+) ON (\w+) .*EXECUTE FUNCTION (\w+)", one)
        if part:
            kind = _BEFORE_TRUNCATE if part[2] == "TRUNCATE" else _BEFORE_ROW_CHANGES
            found[part[1]] = _plain(f"{part[3]} {kind} {bodies[part[4]]}")
    return found


def _triggers(reader: Reader) -> dict[str, str]:
    dialect = reader.connection.dialect.name
    wanted = (
        "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
        if dialect == "sqlite"
        else "SELECT t.tgname, c.relname || ' ' || t.tgtype || ' ' || p.prosrc || coalesce(' WHEN ' || t.tgqual::text, '') "
        "FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid "
        "JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE NOT t.tgisinternal AND t.tgenabled = 'O' AND n.nspname = current_schema()"
    )
    return {str(name): _plain(str(made)) for name, made in reader.connection.execute(text(wanted))}


def _plain(statement: str) -> str:
    return " ".join(statement.split()).rstrip("; ")


def beside(reader: Reader, facts: Facts, events: Mapping[str, str]) -> Iterator[Wrong]:
    """Keys of facts, bodies, takedowns, devices and editorial marks that are not what the log gives; `events`: digest → kind of
    every body that the log names.
    """
    connection = reader.connection
    records = facts.all(RecordFact)
    ours = {(fact.KIND, name) for name, fact in facts.named()}
    for kind, name, key in connection.execute(select(tables.facts.c.kind, tables.facts.c.name, tables.facts.c.key)):
        if (kind, name) in ours and key != (records[name].key if kind == RecordFact.KIND else None):
            yield f"{kind} {name[:24]}".strip(), "the table says otherwise of its key: a revocation would miss it"
    for digest, kind in connection.execute(select(tables.bodies.c.sha256, tables.bodies.c.kind)):
        if events.get(digest) != kind:
            yield f"body {str(digest)[:12]}", "the log names none such"
    dropped = {
        digest for one in records.values() if one.dropped for digest in (one.envelope_sha256, one.samples_sha256)
    }
    dropped |= {one.envelope_sha256 for one in facts.all(FailureFact).values() if one.dropped}
    for digest in connection.execute(select(tables.takedowns.c.sha256)).scalars():
        if digest not in dropped:
            yield f"takedown {str(digest)[:12]}", "the log takes no such body down"
    yield from device_digests.wrong(reader, facts)
    yield from lookups.wrong(reader, records, facts.all(FailureFact))
    rigs = {one.rig_key for one in records.values()} | {one.rig_key for one in facts.all(FailureFact).values()}
    for rig in connection.execute(select(tables.devices.c.rig).distinct()).scalars():
        if rig not in rigs:
            yield f"device of rig {str(rig)[:12]}", "no record in the log was made under this key"
    table = tables.records.c
    for identity, editorial in connection.execute(select(table.id, table.editorial)):
        fact = records.get(identity)
        if fact is not None and editorial != int(fact.editorial):
            yield f"record {identity[:12]}", "the table says otherwise of editorial"
