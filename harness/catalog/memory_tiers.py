"""The coarse size of a machine's memory that a record tells: the marketed size that holds the total. Pure."""

from __future__ import annotations

TIERS_GIB = (1, 2, 4, 8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 2048, 4096)


def tier_gib(total_bytes: int) -> int:
    """The smallest size on sale that holds what the system sees; firmware keeps a few per cent for itself."""
    return next((tier for tier in TIERS_GIB if total_bytes <= tier * 2**30), TIERS_GIB[-1])
