"""Hunts through releases that do not exist: the real rule and the real driver over process medians of a planted truth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from harness.errors import BadInput, RunFailed, RuntimeUnavailable
from harness.hunt.batch import Batch
from harness.hunt.beside import SideFailed
from harness.hunt.bisect import Hunt
from harness.hunt.finding import Finding
from harness.hunt.halving import End
from harness.hunt.question import Candidate, Question
from harness.measure.pair_looks import BATCH
from harness.progress import SILENT
from harness.run.request import Request

RATE = 100e6  # micro_tokens_per_s, as records hold them


def question(count: int, **how: Any) -> Question:
    """About `count` candidates, called r0 and so on."""
    told: dict[str, Any] = {
        "runtime": "made-up", "model": "m", "suite": "s", "suite_sha256": "0" * 64, "workload": "w", "metric": "decode_rate",
        "band_percent": 3.0, "backend": "", "seed": 0,
    }  # fmt: skip
    names = tuple(Candidate(name=f"r{i}", place=f"1.{i}") for i in range(count))
    return Question(**(told | {"candidates": names} | how))


@dataclass
class Memory:
    """A hunt's state that lies on no disk."""

    question: Question
    measured: dict[int, list[Batch]] = field(default_factory=dict)
    reasons: dict[int, str] = field(default_factory=dict)
    result: dict[str, Any] | None = None

    def batches(self, place: int) -> list[Batch]:
        """See `State`."""
        return self.measured.get(place, [])

    def side_folder(self, place: int, batch: int, side: int) -> Path:
        """See `State`."""
        return Path(f"{place}/{batch}/{side}")

    def skipped(self, place: int) -> str:
        """See `State`."""
        return self.reasons.get(place, "")

    def skip(self, place: int, reason: str) -> None:
        """See `State`."""
        self.reasons[place] = reason

    def conclude(self, result: dict[str, Any]) -> None:
        """See `State`."""
        self.result = result


@dataclass
class World:
    """Each release has a true value of the metric, each process scatters by `between`; `drift` is a process's, of all alike."""

    truth: Sequence[float]
    random: np.random.Generator
    between: float = 0.01
    drift: float = 0.0
    absent: frozenset[int] = frozenset()  # can't be installed
    refused: frozenset[int] = frozenset()  # can't be had here at all
    crashing: frozenset[int] = frozenset()
    broken: frozenset[int] = frozenset()  # an environment without what a worker needs
    failing: int = 0  # batches whose own checks fail, from the first on
    ended: int = 0
    processes: int = 0

    def hunt(self, state: Memory) -> Finding:
        """The real driver."""
        places = {one.place: place for place, one in enumerate(state.question.candidates)}

        def ready(asked: Question, candidate: Candidate, cache: Path, progress: object) -> Request:
            if places[candidate.place] in self.absent:
                raise RunFailed("it does not build", where=candidate.name)
            if places[candidate.place] in self.refused:
                raise BadInput("has no wheel for this machine", where=candidate.name)
            return Request(asked.model, candidate.place, asked.suite)

        def compare(sides: Any, seed: int, begin: object, progress: object) -> None:
            good, other = (places[side.request.runtime] for side in sides)
            for at, place in enumerate((good, other)):
                if place in self.broken:
                    raise SideFailed(at, RuntimeUnavailable("no module numpy", where="worker"))
                if place in self.crashing:
                    raise SideFailed(at, RunFailed("the engine crashed"))
            self.ended += 1
            batch = Batch(*(self._medians(place) for place in (good, other)))
            dropped = "failed checks: engine_counters" if self.ended <= self.failing else ""
            state.measured.setdefault(other, []).append(Batch(batch.good, batch.other, dropped))

        made: Any = state
        return Hunt(
            made,
            Path(),
            None,
            None,
            SILENT,
            prepare=ready,
            compare=compare,
            alone=lambda _: nullcontext(),  # type: ignore[arg-type]
        ).run()

    def _medians(self, place: int) -> tuple[int, ...]:
        logs = self.random.normal(0, self.between, BATCH) - self.drift * (self.processes + 2 * np.arange(BATCH))
        self.processes += BATCH
        return tuple(int(RATE * self.truth[place] * math.exp(one)) for one in logs)


@dataclass(frozen=True)
class Shares:
    """Of many hunts: how often the planted release was named and it alone, another was, and nothing was found; means."""

    right: float
    wrong: float
    nothing: float
    steps: float
    pairs: float


def shares(count: int, seed: int = 19, releases: int = 16, planted: float = 0.95, between: float = 0.01) -> Shares:
    """Hunts through histories in which everything from a random release on is `planted` times as fast as before."""
    random = np.random.default_rng(seed)
    right = wrong = nothing = steps = pairs = 0
    for _ in range(count):
        first = int(random.integers(1, releases))
        world = World([1.0 if place < first else planted for place in range(releases)], random, between)
        found = world.hunt(Memory(question(releases)))
        steps += len(found.steps)
        pairs += sum(one.pairs for one in found.steps)
        nothing += found.ended.end is End.NOTHING
        if found.ended.end is End.FOUND:
            alone = found.ended.first == first and not found.ended.between
            held = found.ended.last is not None and found.ended.first is not None
            right += planted != 1 and alone
            wrong += planted == 1 or (held and not found.ended.last < first <= found.ended.first)  # type: ignore[operator]
    return Shares(right / count, wrong / count, nothing / count, steps / count, pairs / count)
