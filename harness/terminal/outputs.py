"""What commands print with `--json`, as far as docs/wire.md promises it: the types of which its JSON Schemas are made."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from harness.capture.doctor import Check
from harness.compare.records import RecordComparison
from harness.record import frame_columns
from harness.record.columns import line_schema
from harness.registry.exchange.audit import Found
from harness.registry.queries import columns
from harness.registry.queries.believed import Doubt
from harness.registry.queries.scores import Standing
from harness.site.api.models import Candidate, Count, Day, Sha256
from harness.site.api.schemas import documents, of_type
from harness.site.build import Built
from harness.tiers.cautions import Caution
from harness.tiers.score import Score
from harness.tiers.values import State, Tier
from harness.verify.reading import Verified


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A record that does not hold, and counts nowhere."""

    record: Sha256
    row: str
    what: str
    public: Annotated[bool, Field(description="whether an editor accepted it")]


@dataclass(frozen=True, slots=True)
class ScoredRow:
    """A line of `repro score`."""

    row: Sha256
    model_name: str
    quantisation: str
    engine: str
    device: str
    workload_key: str
    state: State
    tier: Tier | None
    contested: bool
    records: Count
    under_review: Annotated[bool, Field(description="operators asked editors to look at it: its tier is held")]


@dataclass(frozen=True, slots=True)
class ScoredRows:
    """`repro score --json`."""

    policy: str
    policy_sha256: Sha256
    as_of: Day
    rows: tuple[ScoredRow, ...]
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True, slots=True)
class ScoredRecords(Score):
    """`repro score HUB RECORD … --json`; `verified` by record."""

    policy: str
    policy_sha256: Sha256
    as_of: Day
    verified: dict[str, Verified]


@dataclass(frozen=True, slots=True)
class Explained(Score):
    """`repro explain ROW --json`."""

    row: Sha256
    policy: str
    policy_sha256: Sha256
    as_of: Day
    under_review: Annotated[bool, Field(description="operators asked editors to look at it: its tier is held")]
    evidence: tuple[dict[str, Any], ...]
    cautions: tuple[Caution, ...]
    does_not_run: tuple[dict[str, Any], ...]
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True, slots=True)
class Side:
    """Whether a record of a comparison holds."""

    verified: Verified
    reason: str


@dataclass(frozen=True, slots=True)
class Sides:
    """Of both."""

    a: Side
    b: Side


@dataclass(frozen=True, slots=True)
class Compared(RecordComparison):
    """`repro compare A B --json`; with more records a list of these. Numbers are in the unit that stands beside them."""

    a: Sha256
    b: Sha256
    verified: Sides


@dataclass(frozen=True, slots=True)
class Recomputed:
    """`repro recompute RECORD --json`."""

    record: Sha256
    numbers: Annotated[Count, Field(description="how many results were made again")]
    match: bool
    verified: Verified


_DOCUMENTS: dict[str, Any] = {
    "audit": Found,
    "compare": Compared,
    "doctor": list[Check],
    "explain": Explained,
    "recompute": Recomputed,
    "regressions": list[Candidate],
    "score": ScoredRows,
    "score-records": ScoredRecords,
    "site-build": Built,
}


def schemas() -> dict[str, dict[str, Any]]:
    """By name, `command-…`."""
    return {
        f"command-{name}": of_type(kind, f"urn:repro-harness:command:v1:{name}", told=False)
        for name, kind in _DOCUMENTS.items()
    }


def left_out(found: Iterable[Doubt]) -> tuple[LeftOut, ...]:
    """As it is printed."""
    return tuple(LeftOut(one.record, one.row, one.what, one.public) for one in found)


def scored_row(one: Standing) -> ScoredRow:
    """As it is printed."""
    return ScoredRow(
        one.row, one.model_name, one.quantisation, one.engine, one.sku, one.workload, one.state, one.tier, one.contested,
        one.records, one.under_review,
    )  # fmt: skip


def every_schema() -> dict[str, dict[str, Any]]:
    """Of all that others read, by name: what a site publishes, the frames of the Python API (`frame-…`), and these."""
    frames = {
        "load-records": ("one line of harness.load_records and repro export", frame_columns.COLUMNS),
        "rows": ("one line of harness.registry.rows", columns.ROWS),
        "records": ("one line of harness.registry.records", columns.RECORDS),
        "tier-counts": ("one line of harness.registry.tier_counts", columns.TIER_COUNTS),
    }
    tables = {f"frame-{name}": line_schema(f"frame-{name}", title, own) for name, (title, own) in frames.items()}
    return {**documents(), **tables, **schemas()}
