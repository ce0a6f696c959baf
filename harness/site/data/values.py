"""What pages are made from. Plain values, gathered from one state of a registry; nothing here reads or writes."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date
from operator import attrgetter
from typing import Any

from harness.record.schema import Record
from harness.registry.facts import Evidence, RecordFact
from harness.registry.queries.believed import Doubt
from harness.registry.queries.failures import Told
from harness.registry.queries.reports import Frozen
from harness.registry.queries.secondary import Beside
from harness.tiers.policy import Policy
from harness.tiers.score import Score
from harness.tiers.values import Mark, Measurement, Ring, Row

File = tuple[str, bytes]  # path within the site, with `/`, and content


@dataclass(frozen=True, slots=True)
class Site:
    """What every page may say of the whole: which registry, by which rules, as of which day and which state of the log."""

    origin: str  # the registry's name, e.g. example.org/bench
    base_url: str  # where the site will stand, with a last `/`
    policy: Policy
    policy_name: str  # e.g. network-v2
    policy_sha256: str
    as_of: date
    entries: int  # of the log
    demonstration: bool
    png: bool = False  # a picture beside each diagram
    left_out: tuple[Doubt, ...] = ()  # public records that do not hold: they count nowhere, and a line names each


@dataclass(slots=True)  # not frozen: each build reads all of them, and a frozen one takes five times as long to make
class Summary:
    """A row in a list. Numbers are the headline's decode rate in tokens/s; JSON types only: it is kept between builds.

    What is published of it is `api/models.ListedRow`, whose words are other ones.
    """

    row: str
    model: str
    weights: str  # digest
    quantisation: str
    engine: str
    runtime: str  # engine and version
    device: str
    os: str
    suite: str
    workload: str  # digest of suite and headline: two rows compare only on the same
    state: str
    tier: str
    contested: bool
    operator: str
    source: str
    measured: str  # ISO date
    entry: int  # of the log, that submitted it
    rate: float
    low: float | None
    high: float | None
    ttft_ns: int | None
    prefill: float | None
    processes: int
    log_mean: float
    log_variance: float
    fixed_number: bool
    inside: int  # persons
    outside: int
    independent: int
    pending: int
    members: tuple[str, ...]  # operators of every public record, the hub's first
    until: str  # ISO date from which its age reads otherwise
    under_review: bool = False  # operators asked editors to look at it: its tier is held

    @property
    def short(self) -> str:
        """In addresses."""
        return self.row[:16]


FIELDS = tuple(field.name for field in fields(Summary))


_VALUES = attrgetter(*FIELDS)


def values(one: Summary) -> tuple[Any, ...]:
    """In the order of `FIELDS`; a tenth of what `dataclasses.astuple` costs, which copies."""
    return tuple(_VALUES(one))


Change = tuple[Summary | None, Summary | None]  # a row in the last build and in this one; None: not there


@dataclass(frozen=True, slots=True)
class Reproduction:
    """One record against its hub. One that is not reviewed yet says nothing of who made it."""

    record: str
    operator: str
    label: str  # in the diagram
    ring: Ring
    measurement: Measurement
    mark: Mark
    ratio: float | None
    low: float | None
    high: float | None
    why_not: str  # why it counts for no tier; "" where it does
    beside: tuple[Beside, ...]


@dataclass(frozen=True, slots=True)
class Passage:
    """How a record became public."""

    record: str
    operator: str
    entry: int  # of the log, that submitted it
    submitted: str
    approvals: tuple[str, ...]  # editors
    why: str  # the last editor's reason


@dataclass(frozen=True, slots=True)
class Body:
    """A public record as it is stored; `fact`: what the log says of it."""

    record: str
    fact: RecordFact
    envelope: bytes
    samples: bytes


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A row with all that its page shows."""

    row: Row
    score: Score
    record: Record
    bodies: tuple[Body, ...]  # of its public records, the hub's first
    reproductions: tuple[Reproduction, ...]
    cautions: tuple[str, ...]  # what its operators have in common; they move no tier
    evidence: tuple[Evidence, ...]  # imported from elsewhere: shown, never counted
    passages: tuple[Passage, ...]  # of its public records, the oldest first
    summary: Summary
    failures: tuple[Told, ...] = ()  # runs of its model, quantisation and engine that failed: shown, never counted
    failure_heads: int = 0  # how many persons tell of them
    frozen: Frozen | None = None  # since when it is under review
