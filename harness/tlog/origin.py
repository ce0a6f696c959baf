"""A registry's name, as it stands in every event and checkpoint."""

from __future__ import annotations

import re

from harness.errors import BadInput

ORIGIN = re.compile(r"[a-z0-9][a-z0-9.-]{0,63}(/[a-z0-9][a-z0-9._-]{0,63}){0,3}")


def checked(text: str) -> str:
    """The origin. Raises `BadInput`."""
    if ORIGIN.fullmatch(text) is None:
        raise BadInput(f"{text[:80]!r} must be an origin", where="--origin", fix="as example.org/bench, lower case")
    return text
