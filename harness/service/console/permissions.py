"""Who may ask for what: one row for each method and path of the console. A route without a row can't be added."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple


class Role(StrEnum):
    """Who asks. An operator, and an editor who was removed, are nobody here: neither can sign in, nor stay so."""

    NOBODY = "nobody"
    EXPIRED = "expired"  # an editor of a list that has expired: it can be renewed, and nothing else
    EDITOR = "editor"


class Permission(NamedTuple):
    """Who may, and how many log entries one success makes at most."""

    roles: frozenset[Role]
    entries: int = 0


_ALL = frozenset(Role)
_SIGNED_IN = frozenset({Role.EXPIRED, Role.EDITOR})

# Of an act its kind counts, too: `RENEWING` are those of an expired editor.
TABLE: Mapping[tuple[str, str], Permission] = {
    ("GET", "/console/assets/{name}"): Permission(_ALL),
    ("GET", "/console"): Permission(_ALL),
    ("GET", "/console/sign-in"): Permission(_ALL),
    ("POST", "/console/sign-in"): Permission(_ALL),
    ("GET", "/console/passkeys/new"): Permission(_ALL),
    ("POST", "/console/passkeys/new"): Permission(_ALL),
    ("POST", "/console/demonstration"): Permission(_ALL, 1),
    ("POST", "/console/sign-out"): Permission(_SIGNED_IN),
    ("GET", "/console/"): Permission(_SIGNED_IN),
    ("GET", "/console/records/{record}"): Permission(_SIGNED_IN),
    ("GET", "/console/operators"): Permission(_SIGNED_IN),
    ("GET", "/console/operators/{handle}"): Permission(_SIGNED_IN),
    ("GET", "/console/requests"): Permission(_SIGNED_IN),
    ("GET", "/console/reports"): Permission(_SIGNED_IN),
    ("GET", "/console/editors"): Permission(_SIGNED_IN),
    ("GET", "/console/proposals/{digest}"): Permission(_SIGNED_IN),
    ("GET", "/console/policy"): Permission(_SIGNED_IN),
    ("GET", "/console/log"): Permission(_SIGNED_IN),
    ("GET", "/console/health"): Permission(_SIGNED_IN),
    ("POST", "/console/prepare"): Permission(_SIGNED_IN),
    ("POST", "/console/prepare-several"): Permission(frozenset({Role.EDITOR})),
    ("POST", "/console/acts"): Permission(_SIGNED_IN, 1),
    ("POST", "/console/several"): Permission(frozenset({Role.EDITOR}), 20),
    ("POST", "/console/proposals/{digest}"): Permission(_SIGNED_IN, 1),
}
RENEWING = frozenset({"editors-changed"})
