"""The second vocabulary: how a headline on a page came about. Pure."""

from __future__ import annotations

from enum import StrEnum

from harness.tiers.values import Tier


class Anchor(StrEnum):
    """Five steps, from measured to estimated. Only the first and the third belong to rows."""

    MEASURED = "M"
    NEARBY = "M~"  # same hardware, other context length or quantisation
    COMMUNITY = "C"
    EXTRAPOLATED = "~"  # by the ratio of memory bandwidths
    ESTIMATED = "E"  # by formula


WORDS = {
    Anchor.MEASURED: "measured, and reproduced by independent operators",
    Anchor.NEARBY: "measured nearby",
    Anchor.COMMUNITY: "measured, by few so far",
    Anchor.EXTRAPOLATED: "extrapolated",
    Anchor.ESTIMATED: "estimated",
}


def anchor_of(tier: Tier | None) -> Anchor:
    """Of a row's own number: M from the tier high on, else C."""
    return Anchor.MEASURED if tier in (Tier.HIGH, Tier.VERY_HIGH) else Anchor.COMMUNITY
