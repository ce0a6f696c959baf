"""The arithmetic of parts that no document has it of: as that of their generation, by the speed of the memory. Pure.

A vendor gives the parts of a generation arithmetic about in proportion to their memory's bandwidth: among the 89 of the table
that have both, the logarithm of the one over the other is 0.195 from their generation's middle (root mean square).
"""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median
from typing import NamedTuple


class Like(NamedTuple):
    """Parts of one kind: of a vendor's generation, those on a processor's own chip apart."""

    vendor: str
    generation: str
    integrated: bool


def operations_a_byte(parts: Iterable[tuple[Like, float, float]]) -> dict[Like, float]:
    """The median of operations a second over bytes a second, of each kind; `parts`: kind, operations, bytes."""
    found: dict[Like, list[float]] = {}
    for kind, operations_per_s, bytes_per_s in parts:
        found.setdefault(kind, []).append(operations_per_s / bytes_per_s)
    return {kind: median(ratios) for kind, ratios in found.items()}
