"""Which of NVIDIA's cards and slices an engine may see, by the variables that CUDA heeds. Pure; nothing is guessed.

CUDA takes the entries before the first that is not valid; an entry twice leaves none. Numbers count in CUDA's own order, the
fastest first, unless `CUDA_DEVICE_ORDER=PCI_BUS_ID`: only then is it the order of NVIDIA's library. Of a card that is cut into
MIG slices a process sees one slice.
Source: CUDA programming guide, environment variables; torch/cuda/__init__.py `_parse_visible_devices`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_NUMBER = re.compile(r"\s*\+?(\d+)")  # as strtoul reads it: "1gpu" is 1
_OLD_SLICE = re.compile(r"(GPU-[0-9a-f-]+)/(\d+)/(\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Slice:
    """A MIG slice: its id, and its instances as the old spelling names them."""

    uuid: str
    instance: int | None = None
    compute: int | None = None


@dataclass(frozen=True, slots=True)
class Card:
    """A card in the order of NVIDIA's library, which is that of their places."""

    uuid: str
    place: str
    mig: bool = False
    slices: tuple[Slice, ...] = ()


@dataclass(frozen=True, slots=True)
class Visible:
    """Ids of the cards and slices; None where they can't be told, for that `reason`. `ordered`: as the engine numbers them."""

    ids: tuple[str, ...] | None
    reason: str = ""
    ordered: bool = True


def hides_all(text: str, count: int | None = None) -> bool:
    """Whether this value of a variable leaves nothing; `count`: how many devices there are, where that is known."""
    entries = _entries(text)
    if not entries:
        return True
    first = _number(entries[0])
    return first is not None and count is not None and first >= count


def cuda(environment: Mapping[str, str], cards: Sequence[Card]) -> Visible:
    """What a process with this environment sees of these cards."""
    text = environment.get("CUDA_VISIBLE_DEVICES")
    by_place = environment.get("CUDA_DEVICE_ORDER", "").upper() == "PCI_BUS_ID"
    if text is None:
        if any(card.mig for card in cards):
            return _beside_slices(cards)
        return Visible(tuple(card.uuid for card in cards), ordered=by_place or len(cards) == 1)
    entries = _entries(text)
    if not entries:
        return Visible((), "CUDA_VISIBLE_DEVICES hides every device")
    if _number(entries[0]) is None:
        return _by_id(entries, cards)
    return _by_number([number for entry in entries if (number := _number(entry)) is not None], cards, by_place)


def hip(environment: Mapping[str, str], count: int) -> tuple[int, ...] | None:
    """Which of `count` AMD cards a HIP process sees, in its order; None where ids are given, or one comes twice.

    ROCR_VISIBLE_DEVICES chooses first; HIP_VISIBLE_DEVICES, or CUDA's where it is not set, counts in what is left.
    """
    left = tuple(range(count))
    second = "HIP_VISIBLE_DEVICES" if "HIP_VISIBLE_DEVICES" in environment else "CUDA_VISIBLE_DEVICES"
    for text in (environment[name] for name in ("ROCR_VISIBLE_DEVICES", second) if name in environment):
        entries = _entries(text)
        numbers = [_number(entry) for entry in entries]
        if None in numbers or (not entries and _kind(text.partition(",")[0].strip())):
            return None
        outside = next((at for at, number in enumerate(numbers) if (number or 0) >= len(left)), len(numbers))
        left = tuple(left[number or 0] for number in numbers[:outside])
    return left


def _entries(text: str) -> list[str]:
    """Those that count: of the kind of the first, up to the first that is not; none where one comes twice."""
    found: list[str] = []
    for entry in text.split(","):
        entry = entry.strip()
        kind = _kind(entry)
        if not kind or (found and kind != _kind(found[0])):
            break
        key = str(_number(entry)) if kind == "number" else entry.upper()
        if key in {str(_number(one)) if kind == "number" else one.upper() for one in found}:
            return []
        found.append(entry)
    return found


def _kind(entry: str) -> str:
    if _NUMBER.match(entry):
        return "number"
    return next((kind for kind in ("GPU-", "MIG-") if entry.upper().startswith(kind)), "")


def _number(entry: str) -> int | None:
    found = _NUMBER.match(entry)
    return int(found[1]) if found else None


def _by_number(numbers: Sequence[int], cards: Sequence[Card], by_place: bool) -> Visible:
    kept: list[int] = []
    for number in numbers:
        if number >= len(cards):
            break
        kept.append(number)
    if not kept:
        return Visible((), "CUDA_VISIBLE_DEVICES names no device of this machine")
    if any(card.mig for card in cards):
        return _beside_slices(cards)
    if by_place or len(cards) == 1:
        return Visible(tuple(cards[number].uuid for number in kept))
    if len(kept) == len(cards):
        return Visible(tuple(card.uuid for card in cards), ordered=False)
    return Visible(
        None, "CUDA_VISIBLE_DEVICES counts in CUDA's order: set CUDA_DEVICE_ORDER=PCI_BUS_ID, or name devices by UUID"
    )


def _by_id(entries: Sequence[str], cards: Sequence[Card]) -> Visible:
    found: list[str] = []
    for entry in entries:
        named = _named(entry, cards)
        if len(named) != 1:  # nobody, or the beginning of several
            break
        if named[0] in found:
            return Visible((), "CUDA_VISIBLE_DEVICES names a device twice")
        found.append(named[0])
    slices = [one for one in found if one.upper().startswith("MIG-")]
    if slices:
        return Visible((slices[0],), "" if len(slices) == 1 else "of several slices CUDA shows the first")
    cut = {card.uuid for card in cards if card.mig}
    if cut & set(found):
        return _beside_slices([card for card in cards if card.uuid in found])
    return Visible(tuple(found), "" if found else "CUDA_VISIBLE_DEVICES names no device of this machine")


def _named(entry: str, cards: Sequence[Card]) -> list[str]:
    """Ids that begin so; of the old spelling `MIG-GPU-…/1/0`, the slice with these instances."""
    wanted = entry.upper()
    if wanted.startswith("GPU-"):
        return [card.uuid for card in cards if card.uuid.upper().startswith(wanted)]
    old = _OLD_SLICE.fullmatch(entry[4:])
    if old is None:
        return [one.uuid for card in cards for one in card.slices if one.uuid.upper().startswith(wanted)]
    return [
        one.uuid
        for card in cards
        if card.uuid.upper() == old[1].upper()
        for one in card.slices
        if (one.instance, one.compute) == (int(old[2]), int(old[3]))
    ]


def _beside_slices(cards: Sequence[Card]) -> Visible:
    """Cards of which some are cut: which slice, and whether whole cards beside it, only a single candidate tells."""
    candidates = [one.uuid for card in cards if card.mig for one in card.slices]
    whole = [card for card in cards if not card.mig]
    if len(candidates) == 1 and not whole:
        return Visible((candidates[0],))
    return Visible(None, "a card is cut into MIG slices: name one by CUDA_VISIBLE_DEVICES=MIG-…")
