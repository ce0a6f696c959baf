"""Which depths of a suite fit: into the model, the context that was asked for, the memory, and what the runtime can do. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from harness.catalog.suites import Suite, Workload
from harness.run.execute.plan import least_tokens


@dataclass(frozen=True, slots=True)
class Limit:
    """The most tokens of one request, and whose limit it is."""

    tokens: int
    why: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A workload that is not run, and why."""

    workload: str
    why: str


def has_depths(suite: Suite) -> bool:
    """Whether a workload could be left out."""
    return any(_may_go(workload) for workload in suite.workloads)


def fitting(suite: Suite, limits: Iterable[Limit]) -> tuple[Suite, tuple[LeftOut, ...]]:
    """The suite without the depths that a limit excludes, and these; the tightest limit is named."""
    rising = sorted(limits, key=lambda limit: limit.tokens)
    left_out = []
    for workload in suite.workloads:
        if _may_go(workload) and rising and least_tokens(workload) > rising[0].tokens:
            left_out.append(LeftOut(workload.id, rising[0].why))
    gone = {one.workload for one in left_out}
    kept = tuple(workload for workload in suite.workloads if workload.id not in gone)
    return suite.model_copy(update={"workloads": kept}), tuple(left_out)


def _may_go(workload: Workload) -> bool:
    return workload.mode == "forced" and workload.depth is not None
