"""The keys that an operator had before the present one: they lie in folders beside, each announcing the key that took over."""

from __future__ import annotations

from pathlib import Path

from harness.errors import BadInput
from harness.record import keys


def folders(place: Path) -> list[Path]:
    """Folders of the operator's keys, oldest first, `place` last. Raises `BadInput` where no keys were made."""
    present = keys.public(place)
    if present is None:
        raise BadInput("there are no keys yet", where=str(place), fix="run: repro keys new --handle NAME")
    before: dict[str, tuple[keys.PublicKeys, Path]] = {}
    for folder in sorted(place.parent.glob(f"{place.name}-before-*")):
        found = keys.public(folder)
        if found is not None and found.handle == present.handle:
            before[found.next_key_sha256] = found, folder
    chain, one = [place], present
    while (earlier := before.pop(_id(one), None)) is not None:
        one, folder = earlier
        chain.append(folder)
    return chain[::-1]


def _id(public: keys.PublicKeys) -> str:
    (name,) = keys.by_id(public.operator_key)
    return name
