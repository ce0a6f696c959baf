"""`repro fleet` killed with -9 again and again, at moments that a seed draws, and what must be true afterwards."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.e2e.conftest import Repro


def kill_often(
    repro: Repro,
    matrix: Path,
    count: int,
    *,
    seed: int,
    longest_s: float,
    executor: str = "local",
    more: Sequence[object] = (),
) -> int:
    """Start or resume `count` times; each is killed within `longest_s` seconds unless it ends before. How many were."""
    draw = random.Random(seed)
    killed = 0
    for _ in range(count):
        begun = bool(list(repro.results.glob(".fleet/*/plan.json")))
        words = ("resume", matrix) if begun else ("run", matrix, *(more or ("--executor", executor)))
        try:
            repro("fleet", *words, timeout=draw.uniform(0.05, longest_s))
        except subprocess.TimeoutExpired:  # killed with -9
            killed += 1
    return killed


def attempts(repro: Repro) -> list[int]:
    """How often each job began, by its number."""
    return [len(list(folder.glob("attempts/*"))) for folder in sorted(repro.results.glob(".fleet/*/jobs/[0-9]*"))]


def distinct_records(repro: Repro) -> int:
    """How many there are, each counted once."""
    return len({record.read_bytes() for record in repro.records()})
