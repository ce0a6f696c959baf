"""Whether a challenge can be used for a run that is to begin."""

from __future__ import annotations

from datetime import datetime, timedelta

from harness.errors import BadInput
from harness.registry.db.reader import Reader
from harness.registry.facts import ChallengeFact

_FIX = "ask for a new one: repro registry challenge --handle NAME"


def usable(reader: Reader, nonce: str, handle: str | None, now: str, needs_s: int = 0) -> None:
    """Raises `BadInput` where the registry would not take a record with it: not issued here, used, somebody else's, or expired
    before a run of `needs_s` seconds can end and be submitted.

    `handle`: whose keys will sign; None where that is not known yet. `now`: UTC, as events write it.
    """
    known = reader.get(ChallengeFact, nonce)
    if known is None:
        raise BadInput("this registry did not issue it", where="--challenge", fix=_FIX)
    if known.used:
        raise BadInput("it was used before", where="--challenge", fix=_FIX)
    if known.expires < now:
        raise BadInput(f"it expired on {known.expires}", where="--challenge", fix=_FIX)
    ends = datetime.fromisoformat(now) + timedelta(seconds=needs_s)
    if datetime.fromisoformat(known.expires) < ends:
        raise BadInput(
            f"it expires on {known.expires}, before a run of {needs_s} s can end and be submitted",
            where="--challenge",
            fix="ask for a new one, or give a shorter --budget",
        )
    if handle is not None and known.handle != handle:
        raise BadInput(f"it was issued to {known.handle}, your keys are {handle}'s", where="--challenge", fix=_FIX)
