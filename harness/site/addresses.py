"""Where things stand in the site: readable, stable, and never the same for two."""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import sha256

from harness.errors import RecordInvalid
from harness.record.keys import HANDLE

_OWN = re.compile(r"index|page-?[0-9]+")


def operator(handle: str) -> str:
    """An operator's page. Raises `RecordInvalid` for what is no handle, and for `index` and `page-2`, which are other pages."""
    if HANDLE.fullmatch(handle) is None or _OWN.fullmatch(handle):
        raise RecordInvalid("can't name a page", where=f"operator {handle[:40]!a}", fix="run: repro audit")
    return f"operators/{handle}.html"


FAILURES = "failures/index.html"


def failure(record: str) -> str:
    """The signed record of a run that failed."""
    return f"failures/{record}.json"


@lru_cache(maxsize=1 << 16)
def listed(folder: str, value: str, number: int = 1) -> str:
    """The list of the rows with a value, its page of that number."""
    more = "" if number == 1 else f".{number}"
    if folder == "tiers":  # words of ours
        return f"{folder}/{value or 'none'}{more}.html"
    plain = re.sub(r"[^a-z0-9]+", "-", value.lower()).strip("-")[:60].strip("-")
    mark = sha256(value.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return f"{folder}/{plain or 'unnamed'}-{mark}{more}.html"
