"""The order of a process's timed trials: interleaved, so that drift meets every workload alike, and seeded. Pure."""

from __future__ import annotations

import random
from collections.abc import Sequence

from harness.measure.trial import Purpose
from harness.measure.workload import WorkloadPlan


def timed_order(workloads: Sequence[WorkloadPlan], rounds: int, seed: int) -> list[tuple[WorkloadPlan, Purpose]]:
    """`rounds` shuffled passes over the workloads; each distinct prompt joins one pass, drawn by the seed."""
    draw = random.Random(seed)  # noqa: S311 - an order, not a secret
    passes: list[list[tuple[WorkloadPlan, Purpose]]] = [[(w, Purpose.TIMED) for w in workloads] for _ in range(rounds)]
    for workload in workloads:
        if workload.distinct and passes:
            draw.choice(passes).append((workload, Purpose.DISTINCT))
    for one in passes:
        draw.shuffle(one)
    return [item for one in passes for item in one]
