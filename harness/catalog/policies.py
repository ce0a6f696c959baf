"""The policies of the network: TOML files, validated, named by their sha256."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from harness.catalog import toml_file
from harness.catalog.toml_file import Part
from harness.errors import BadInput
from harness.paths import configs
from harness.tiers.policy import Policy
from harness.tiers.values import Source, Tier

DEFAULT = "network-v3"
Count = Annotated[int, Field(ge=1, le=1000)]
Alpha = Annotated[float, Field(gt=0, lt=0.5)]
TierName = Literal["low", "moderate", "high", "very-high"]


class _Band(Part):
    low: float = Field(gt=0, lt=1)
    high: float = Field(gt=1, lt=10)
    alpha_fixed: Alpha
    alpha_looks: Alpha


class _Precision(Part):
    hub_half_width: float = Field(gt=0, lt=1)


class _State(Part):
    reproduced_operators: Count
    independent_operators: Count
    independent_rigs: Count


class _Tier(Part):
    moderate_sources: list[Literal["editorial", "verified-owner", "community", "imported"]]
    moderate_operators: Count
    high_classes: Count
    very_high_classes: Count
    very_high_skus: Count

    @model_validator(mode="after")
    def _rising(self) -> _Tier:
        if self.very_high_classes < self.high_classes:
            raise ValueError("very-high must need at least as many classes as high")
        return self


class _Caps(Part):
    missing: TierName
    failed: TierName
    contested: TierName
    imported: TierName


class _Staleness(Part):
    months: Count
    series: Count


class _Review(Part):
    approvals: Count


class _File(Part):
    name: str
    version: Count
    band: _Band
    precision: _Precision | None = None  # since version 3
    state: _State
    tier: _Tier
    caps: _Caps
    staleness: _Staleness
    review: _Review


@dataclass(frozen=True, slots=True)
class Loaded:
    """A policy and the digest of its file."""

    policy: Policy
    sha256: str

    @property
    def label(self) -> str:
        """`network-v3`."""
        return f"{self.policy.name}-v{self.policy.version}"


def names() -> list[str]:
    """Every policy with its version: `network-v3`."""
    return sorted(path.stem for path in (configs() / "policies").glob("*.toml"))


def load(name: str = DEFAULT) -> Loaded:
    """A policy by `name-vN`. Raises `BadInput`."""
    if name not in names():
        raise BadInput(f"no policy is called {name!r}", where="--policy", fix=f"take one of {', '.join(names())}")
    return read(configs() / "policies" / f"{name}.toml")


def source(name: str) -> bytes:
    """The file of a policy by `name-vN`, as it is."""
    return (configs() / "policies" / f"{name}.toml").read_bytes()


def read(path: Path) -> Loaded:
    """The policy in a file. Raises `BadInput` with file, place and reason."""
    found, digest = toml_file.read(path, _File, "configs/policies/network-v3.toml")
    band, tier, caps = found.band, found.tier, found.caps
    policy = Policy(
        name=found.name,
        version=found.version,
        band_low=band.low,
        band_high=band.high,
        alpha_fixed=band.alpha_fixed,
        alpha_looks=band.alpha_looks,
        hub_half_width=None if found.precision is None else found.precision.hub_half_width,
        reproduced_operators=found.state.reproduced_operators,
        independent_operators=found.state.independent_operators,
        independent_rigs=found.state.independent_rigs,
        moderate_sources=tuple(Source(name) for name in tier.moderate_sources),
        moderate_operators=tier.moderate_operators,
        high_classes=tier.high_classes,
        very_high_classes=tier.very_high_classes,
        very_high_skus=tier.very_high_skus,
        missing_cap=Tier(caps.missing),
        failed_cap=Tier(caps.failed),
        contested_cap=Tier(caps.contested),
        imported_cap=Tier(caps.imported),
        stale_months=found.staleness.months,
        stale_series=found.staleness.series,
        approvals=found.review.approvals,
    )
    return Loaded(policy, digest)
