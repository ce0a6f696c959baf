"""What people call a part, where no driver does: "4070 super", "MacBook Pro M3 Max", "RTX 4090M", "Strix Halo".

A spelling is taken only where it means one name of the table. Nothing here is asked of what a driver or a record says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from harness.catalog import devices
from harness.catalog.device_names import read_name

_PRODUCT = re.compile(
    r"\b(?:macbook(?: air| pro| neo)?|mac (?:mini|studio|pro)|imac)\b(?:[ ,]*1[3-6](?:[- ]?inch|[\"”″])?)?"
)
_LAPTOP = re.compile(r"\b(?:laptop|notebook|mobile)\b(?: gpu)?")
_SHORT_LAPTOP = re.compile(r"(?<=\b[2-5]0[5-9]0)m\b|(?<=\b[2-5]0[5-9]0 ti)m\b")
# Names that are said without these: "4090", "7900 XTX", "B580", "M4 Pro", "R9700".
_SERIES = ("RTX", "GTX", "RX", "Arc", "Apple", "Jetson", "AI PRO", "PRO")
_LEAST = 4  # characters of a name that may lack its series: "770" is a card's and a processor's
_APPLE = re.compile(r"m\d")
# A product, or a family of chips, by the parts that are in it.
_CHIPS = {
    "strix halo": ("Radeon 8060S", "Radeon 8050S", "Radeon 8040S"),
    "framework desktop": ("Radeon 8060S", "Radeon 8050S"),
    "strix point": ("Radeon 890M", "Radeon 880M"),
    "steam deck": ("Steam Deck (LCD)", "Steam Deck (OLED)"),
}
_MODEL = re.compile(r"(?:amd )?(?:ryzen )?ai max ?\+? ?395")
_MODELS_PART = "Radeon 8060S"
_SEVERAL = re.compile(r"^\s*(\d{1,2})\s*[x×]\s*(\S.*)$|^\s*(\S.*?)\s*[x×]\s*(\d{1,2})\s*$", re.IGNORECASE)


def plain(name: str) -> str:
    """The name by which the table knows the part; `name` itself where it knows that, or none, or several of unlike names."""
    if not name.strip() or devices.of_machine(name):
        return name
    found = {read_name(other).key: other for other in _spellings(name) if devices.of_machine(other)}
    return next(iter(found.values())) if len(found) == 1 else name


def suggestions(name: str) -> list[str]:
    """What a name that means no part may mean: the parts of a product, else the nearest names."""
    said = _words(name)
    chips = next((parts for words, parts in _CHIPS.items() if words in said), None)
    if chips is not None:
        return list(chips)
    without = next((other for other in _spellings(name) if devices.nearly(other)), name)
    return devices.nearest(without)


def several(name: str) -> tuple[int, str] | None:
    """So many of which part: "2x RTX 3090"; None for a name without a number of them."""
    found = _SEVERAL.match(name)
    if found is None:
        return None
    other = plain(found[2] or found[3])
    return (int(found[1] or found[4]), other) if devices.of_machine(other) or devices.nearly(other) else None


def _spellings(name: str) -> Iterator[str]:
    said = _words(name)
    if _MODEL.fullmatch(said):
        yield _MODELS_PART
    text = " ".join(_PRODUCT.sub(" ", said).split())
    laptop = _SHORT_LAPTOP.sub(" laptop", text)
    if _LAPTOP.search(laptop):
        laptop = f"{' '.join(_LAPTOP.sub(' ', laptop).split())} Laptop GPU"
    for spelling in dict.fromkeys((laptop, text) if laptop != text else (text,)):
        key = read_name(spelling).key
        if key:
            yield spelling
        if len(key) >= _LEAST:
            yield from (f"{series} {spelling}" for series in _SERIES)
        elif _APPLE.fullmatch(key):
            yield f"Apple {spelling}"


def _words(name: str) -> str:
    return " ".join(re.sub(r"[,_]", " ", name.casefold()).split())
