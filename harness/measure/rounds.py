"""The order of several runs' processes: rounds over all of them, each second one the reverse of the one before. Pure.

What the machine does meanwhile (heat, another program) meets every run alike: over two rounds a steady drift cancels, and over
many rounds no run has a place of its own.
"""

from __future__ import annotations

import random


def order(runs: int, index: int, seed: int) -> tuple[int, ...]:
    """The places of `runs` runs in round `index`, both from 0: a permutation, the same for the same seed."""
    draw = random.Random(f"{seed}:{index // 2}")  # noqa: S311 - an order, not a secret
    places = list(range(runs))
    draw.shuffle(places)
    return tuple(reversed(places) if index % 2 else places)
