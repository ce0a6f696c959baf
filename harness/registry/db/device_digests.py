"""Which rigs ran on one device, from signed device notes. Notes and digests of their ids never leave the database."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterator

from sqlalchemy import Connection, select, text

from harness.device_kinds import DeviceKind
from harness.errors import ReproError
from harness.record import private
from harness.record.schema import Record
from harness.registry.db import tables
from harness.registry.db.reader import Reader, raw, unlike
from harness.registry.facts import RecordFact
from harness.registry.intake.device_notes import ids, named
from harness.registry.intake.ingest import Submission
from harness.registry.rules.apply import Facts
from harness.registry.store import Registry

_MAKE = text("INSERT INTO secrets (name, value) VALUES (:name, :value) ON CONFLICT (name) DO NOTHING")
_NOTE = text("INSERT INTO devices (digest, rig) VALUES (:digest, :rig) ON CONFLICT (digest, rig) DO NOTHING")
_NOTES = "note:"
_SHORT = 27  # digits of a record's id in the name of its note: the column holds 32 characters
UNSIGNED = "whether one machine has several names can't show"


def note(registry: Registry, found: Submission, data: bytes | None) -> None:
    """Keep that a rig key's run was on these devices, and the note that says so. Raises `BadInput` as `ids`."""
    told = ids(found, data)
    if not told or data is None or registry.elsewhere:  # there it came with the record
        return
    rig = found.measured.measurement.rig
    with registry.engine.connect().execution_options(write=True) as connection, connection.begin():
        secret = _secret(connection)
        connection.execute(_MAKE, {"name": _NOTES + found.id[:_SHORT], "value": data})
        connection.execute(_NOTE, [{"digest": _digest(secret, one), "rig": rig} for one in told])


def _digest(secret: bytes, one: str) -> str:
    return hmac.new(secret, one.encode(), "sha256").hexdigest()


def _secret(connection: Connection) -> bytes:
    connection.execute(_MAKE, {"name": "devices", "value": secrets.token_bytes(32)})
    wanted = select(tables.secrets.c.value).where(tables.secrets.c.name == "devices")
    return raw(connection.execute(wanted).scalar_one(), "secrets")


def sharing(reader: Reader, rig: str) -> list[str]:
    """Handles whose records were made under another rig key on a device of this one."""
    devices, records = tables.devices.c, tables.records.c
    own = select(devices.digest).where(devices.rig == rig)
    rigs = select(devices.rig).where(devices.digest.in_(own), devices.rig != rig)
    wanted = select(records.operator).where(records.rig.in_(rigs)).distinct().order_by(records.operator)
    return list(reader.connection.execute(wanted).scalars())


def missing(reader: Reader, identity: str, record: Record, data: bytes) -> str:
    """Why nothing is known of a record's devices, in a sentence; "" where its note is kept, or a CPU has none to note."""
    if not named(data, identity[:12]):
        noted = "built" in record.runtime.environment or any(
            device.kind == DeviceKind.GPU for device in record.runtime.devices
        )
        return (
            f"it names no device note, as a run on a GPU or of an engine built there does: {UNSIGNED}"
            if noted and not record.run.synthetic
            else ""
        )
    name = _NOTES + identity[:_SHORT]
    kept = reader.connection.execute(select(tables.secrets.c.name).where(tables.secrets.c.name == name)).first()
    return "" if kept else f"it names a device note that is not here: {UNSIGNED}"


def wrong(reader: Reader, facts: Facts) -> Iterator[tuple[str, str]]:
    """Where, what: devices that no kept note gives, notes that are not what their record's keys have signed."""
    rows = reader.connection.execute(select(tables.secrets.c.name, tables.secrets.c.value))
    kept = {str(name): unlike(value) for name, value in rows}
    secret = kept.get("devices", b"")
    records = {_NOTES + name[:_SHORT]: (name, fact) for name, fact in facts.all(RecordFact).items()}
    given: set[tuple[str, str]] = set()
    for name, value in sorted(kept.items()):
        if not name.startswith(_NOTES):
            continue
        identity, fact = records.get(name, ("", None))
        try:
            data = None if fact is None else reader.body(fact.envelope_sha256)
            if fact is None or (data is None and not fact.dropped):
                yield f"device {name}", "is of no record in the log"
                continue
            digest = private.digest(value) if data is None else named(data, identity[:12])
            told = private.ids_of(value, digest, identity[:12])
        except ReproError as error:
            yield f"device note of record {identity[:12]}", error.what
            continue
        if not told:
            yield f"device note of record {identity[:12]}", "is named by nothing that its operator has signed"
        given |= {(_digest(secret, one), fact.rig_key) for one in told}
    table = tables.devices.c
    stored = {(digest, rig) for digest, rig in reader.connection.execute(select(table.digest, table.rig))}
    for _, rig in sorted(stored - given):
        yield f"device of rig {str(rig)[:12]}", "no signed device note of its records gives it"
    for _, rig in sorted(given - stored):
        yield f"device of rig {str(rig)[:12]}", "a signed device note gives it, and the table has forgotten it"
