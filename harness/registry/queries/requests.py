"""Requests by the beginning of their ids."""

from __future__ import annotations

from harness.registry.db import prefixes
from harness.registry.db.reader import Reader
from harness.registry.facts import RequestFact


def id_of(reader: Reader, prefix: str) -> str:
    """The one request whose id begins so. Raises `BadInput`: none, or several, which it lists."""
    wanted = prefix.lower()
    found = [name for name in reader.all(RequestFact) if wanted and name.startswith(wanted)]
    return prefixes.only(found, prefix, "request", "see: repro request list")
