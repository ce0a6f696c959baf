"""Every number of the rules. Read from `configs/policies/`, never written in code; each verdict names the policy's version."""

from __future__ import annotations

from dataclasses import dataclass

from harness.tiers.values import Source, Tier


@dataclass(frozen=True, slots=True)
class Policy:
    """One version of the network's rules."""

    name: str
    version: int
    band_low: float
    band_high: float
    alpha_fixed: float  # of each one-sided test, where both sides fixed their number of processes
    alpha_looks: float  # where one of them looked more than once
    hub_half_width: float | None  # of a hub's 95 % interval, relative: a wider one can't be approved; None: no limit
    reproduced_operators: int
    independent_operators: int
    independent_rigs: int
    moderate_sources: tuple[Source, ...]  # whose measurement is moderate by itself
    moderate_operators: int  # others inside that make any complete row moderate
    high_classes: int  # independent operators on as many distinct classes
    very_high_classes: int  # reproductions across as many distinct classes
    very_high_skus: int  # device SKUs among hub and voices
    missing_cap: Tier
    failed_cap: Tier
    contested_cap: Tier
    imported_cap: Tier
    stale_months: int
    stale_series: int
    approvals: int  # different editors that must approve a record
