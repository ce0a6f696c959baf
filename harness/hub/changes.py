"""Regression candidates of a whole hub: its accepted records with their versions, handed to the rules."""

from __future__ import annotations

import json

from sqlalchemy import select

from harness.hub import rows, tables
from harness.hub.columns import COLUMNS, measurement
from harness.hub.reader import Reader
from harness.tiers.policy import Policy
from harness.tiers.regressions import Change, Versioned
from harness.tiers.regressions import changes as rules


def changes(reader: Reader, policy: Policy) -> list[Change]:
    """Of every accepted record."""
    about = rows.known(reader)
    table = tables.records.c
    wanted = select(*(table[name] for name in COLUMNS), table.versions).where(table.status == "accepted")
    found = [
        Versioned(
            measurement(tuple(one[:-1]), about.source, about.behind)[1], tuple(sorted(json.loads(one[-1]).items()))
        )
        for one in reader.connection.execute(wanted.order_by(table.idx))
    ]
    return rules(found, policy, rows.people(reader))
