"""Requests by the beginning of their ids."""

from __future__ import annotations

from harness.errors import BadInput
from harness.hub.reader import Reader


def id_of(reader: Reader, prefix: str) -> str:
    """The one request whose id begins so. Raises `BadInput`."""
    found = [name for name in reader.all("request") if prefix and name.startswith(prefix)]
    if len(found) != 1:
        what = "several requests have" if found else "no request has"
        raise BadInput(f"{what} an id that begins so", where=prefix[:64], fix="see: repro request list")
    return found[0]
