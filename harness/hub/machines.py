"""Which rigs ran on one device: digests of device ids under the hub's own secret. They never leave the database."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Sequence

from sqlalchemy import Connection, select, text

from harness.hub import tables
from harness.hub.reader import Reader
from harness.hub.store import Hub

_MAKE = text("INSERT INTO secrets (name, value) VALUES ('devices', :value) ON CONFLICT (name) DO NOTHING")
_NOTE = text("INSERT INTO devices (digest, rig) VALUES (:digest, :rig) ON CONFLICT (digest, rig) DO NOTHING")


def note(hub: Hub, rig: str, device_ids: Sequence[str]) -> None:
    """Keep that a rig key's runs were on these devices."""
    if not device_ids:
        return
    with hub.engine.connect().execution_options(write=True) as connection, connection.begin():
        secret = _secret(connection)
        digests = [hmac.new(secret, one.encode(), "sha256").hexdigest() for one in device_ids]
        connection.execute(_NOTE, [{"digest": digest, "rig": rig} for digest in digests])


def _secret(connection: Connection) -> bytes:
    connection.execute(_MAKE, {"value": secrets.token_bytes(32)})
    wanted = select(tables.secrets.c.value).where(tables.secrets.c.name == "devices")
    return bytes(connection.execute(wanted).scalar_one())


def sharing(reader: Reader, rig: str) -> list[str]:
    """Handles whose records were made under another rig key on a device of this one."""
    devices, records = tables.devices.c, tables.records.c
    own = select(devices.digest).where(devices.rig == rig)
    rigs = select(devices.rig).where(devices.digest.in_(own), devices.rig != rig)
    wanted = select(records.operator).where(records.rig.in_(rigs)).distinct().order_by(records.operator)
    return list(reader.connection.execute(wanted).scalars())
