"""Is a record of the hardware that a request asks for? The text is free: what the device table knows is compared. Pure."""

from __future__ import annotations

import re

from harness.catalog.devices import candidates

SUITE = "default"  # what every request means: it names none (docs/decisions/0094)
_COUNT = re.compile(r"(?:(?P<before>[1-9]\d?)\s*[x×]\s*(?=\S))?(?P<name>.*?)(?:\s*[x×]\s*(?P<after>[1-9]\d?))?")
_SKU = re.compile(r"(?P<part>[^×]+) ×(?P<count>\d+)")  # of one kind of GPU, which computed alone


def counted(hardware: str) -> tuple[int, str]:
    """How many, and of what: `2x RTX 4090`, `RTX 4090 ×2`; a name alone means one."""
    found = _COUNT.fullmatch(hardware.strip())
    if found is None or not found["name"] or (found["before"] and found["after"]):
        return 1, hardware.strip()
    return int(found["before"] or found["after"] or 1), found["name"]


def answers(hardware: str, sku: str) -> bool | None:
    """Whether the hardware of a record, by its class's SKU, is what a request asks for; None where the table can't tell."""
    count, name = counted(hardware)
    asked = {one.sku for one in candidates(name)}
    if not asked:
        return None  # a processor, a machine's own name: whoever reads it knows
    own = _SKU.fullmatch(sku)
    if own is None:
        return False  # the processor computed, or had a share, or GPUs of several kinds did
    if not candidates(own["part"]):
        return None  # a part that is in no table
    return own["part"] in asked and int(own["count"]) == count
