"""Where things stand in the site: readable, stable, and never the same for two."""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import sha256


def operator(handle: str) -> str:
    """An operator's page. No handle is `index` or `page-2`: the registry reserves them."""
    return f"operators/{handle}.html"


@lru_cache(maxsize=1 << 16)
def listed(folder: str, value: str, number: int = 1) -> str:
    """The list of the rows with a value, its page of that number."""
    more = "" if number == 1 else f".{number}"
    if folder == "tiers":  # words of ours
        return f"{folder}/{value or 'none'}{more}.html"
    plain = re.sub(r"[^a-z0-9]+", "-", value.lower()).strip("-")[:60].strip("-")
    mark = sha256(value.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return f"{folder}/{plain or 'unnamed'}-{mark}{more}.html"
