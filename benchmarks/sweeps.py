"""How often a sweep orders its cells rightly, `repro tune` finds the planted best, and its claimed gain holds the truth.

    python benchmarks/sweeps.py [REPETITIONS]

The program that leads the runs is the real one; clock and engine are simulated (`tests/support/simulated_runs.py`): a process
has a planted rate, scatters, and finds the machine slower than the one before did. Seeds are 0, 1, 2 …
"""

from __future__ import annotations

import math
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from harness.errors import ReproError
from harness.progress import SILENT, Progress
from harness.run.kept import Kept
from harness.run.request import Request
from harness.run.scores import Objective
from harness.run.sweep import PROCESSES, Cell, Sweep, run_sweep
from harness.run.tune import Tuned, Tuning, tune

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.support.simulated_runs import Machine, SimulatedRun

STEP = 0.04  # between neighbours of the sweep
RATES = (100, 96, 104, 90, 103, 60, 100, 108.2, 101, 85, 104, 102)  # of the search; the default first
DRIFTS = (0.0, 0.004, 0.016)  # growth of a step from one process to the next
NOISES = (0.005, 0.01, 0.02)  # standard deviation between processes


class _InMemory(Kept):
    def write(self) -> None:
        """On no disk."""

    def discard(self) -> None:
        """Nothing to discard."""


class _Unwritten(SimulatedRun):
    def conclude(self) -> Path:
        """Its record goes nowhere."""
        return self.folder / "none"


def _cells(count: int, processes: int | None) -> list[Cell]:
    request = Request("model", "simulated", "quick", results=FOLDER, processes=processes)
    return [Cell({"knob": str(i)} if i else {}, replace(request, settings=(f"knob={i}",))) for i in range(count)]


def _begin(machine: Machine, rates: Sequence[float], made: list[SimulatedRun]) -> Callable[..., SimulatedRun]:
    def begin(request: Request, progress: Progress) -> SimulatedRun:
        del progress
        index = int(request.settings[0].partition("=")[2])
        made.append(_Unwritten(machine, f"cell{index}", rates[index], request.processes or 0, FOLDER))
        return made[-1]

    return begin


def swept(seed: int, drift: float, noise: float) -> bool:
    """Whether the order of twelve cells comes out right."""
    machine, made = Machine(np.random.Generator(np.random.PCG64(seed)), drift, noise), list[SimulatedRun]()
    rates = [100 * math.exp(STEP * index) for index in range(12)]
    kept = _InMemory(FOLDER, ".sweep", "key")
    run_sweep(Sweep(_cells(12, PROCESSES), kept, seed), _begin(machine, rates, made), SILENT, machine.clock)
    means = [float(np.mean(np.log(run.medians))) for run in made]
    return all(a < b for a, b in pairwise(means))


def tuned(seed: int, drift: float, noise: float, rates: Sequence[float] = RATES) -> Tuned:
    """One search."""
    machine = Machine(np.random.Generator(np.random.PCG64(seed)), drift, noise)
    search = Tuning(_cells(len(rates), None), Objective(1.0), 1e9, seed)
    return tune(search, _InMemory(FOLDER, ".tune", "key"), _begin(machine, rates, []), SILENT, machine.clock)


def main(repetitions: int) -> None:
    """Print the page's table."""
    print(
        "| drift a process | noise | order of 12 cells right | best found | interval holds the gain | gain, search's too high |"
    )
    print("|---|---|---|---|---|---|")
    for drift in DRIFTS:
        for noise in NOISES:
            right = sum(swept(seed, drift, noise) for seed in range(repetitions))
            found = [tuned(seed, drift, noise) for seed in range(repetitions)]
            best = sum(one.winner == RATES.index(max(RATES)) for one in found)
            claims = [(one, one.gain, RATES[one.winner] / RATES[0]) for one in found if one.gain is not None]
            holds = sum(gain.low <= truth <= gain.high for _, gain, truth in claims)
            above = sum(gain.ratio > truth for _, gain, truth in claims)
            naive = sum(_of_search(one) > truth for one, _, truth in claims)
            shares = [f"{100 * n / total:.1f} %" for n, total in ((right, repetitions), (best, repetitions))]
            shares += [
                f"{100 * holds / len(claims):.1f} %",
                f"{100 * above / len(claims):.0f} / {100 * naive / len(claims):.0f} %",
            ]
            print(f"| {drift:.1%} | {noise:.1%} | {' | '.join(shares)} |", flush=True)
    equal = [tuned(seed, 0.004, 0.02, (100,) * 12) for seed in range(repetitions)]
    claimed = sum(one.gain is not None and one.gain.sure for one in equal)
    luck = [_of_search(one) for one in equal if one.gain is not None]
    print(
        f"\nTwelve equal candidates: a gain is claimed in {100 * claimed / repetitions:.1f} %; "
        f"the search alone would have claimed {100 * (float(np.mean(luck)) - 1):.2f} % in the mean"
    )


def _of_search(found: Tuned) -> float:
    """The winner over the default by the search's own numbers, over the rounds that both were in."""
    ours, theirs = found.candidates[found.winner].scores, found.candidates[0].scores
    rounds = min(len(ours), len(theirs))
    return math.exp(float(np.mean(ours[:rounds])) - float(np.mean(theirs[:rounds])))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        FOLDER = Path(folder)
        try:
            main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
        except ReproError as error:
            sys.exit(str(error))
