"""The same triple against itself: what this machine cannot tell apart, and how often equal things are called *same*.

Real pairs: two sides of three fresh processes each, interleaved A B B A. Then 100 pairs are drawn from all the processes,
with replacement, under the rule that `repro bench --against` follows: looks after 3, 5 and 8 processes, stopping when the
interval is narrow and the verdict clear.
"""

from __future__ import annotations

import argparse
import collections
import os
import sys
from pathlib import Path

import machine
import numpy as np
import pairs
from rig import MODEL, Rig, ready

from harness.measure.comparison import Verdict, compare, repeatability_limit
from harness.measure.metrics import measure_trial
from harness.measure.stopping import SequentialLooks
from harness.measure.workload import WorkloadPlan

SIDE = 3  # processes a side


def process(rig: Rig, threads: int, tokens: int, seed: int) -> float:
    """The median decode rate of one fresh process, tokens/s."""
    workload = WorkloadPlan("decode", "greedy", (2, 9259, 496, 1440), tokens)
    trials = rig.timed(workload, {"threads": threads, "context": 512}, seed=seed)
    return float(np.median([measure_trial(trial).decode_rate or 0.0 for trial in trials]))


def drawn(pool: list[float], rng: np.random.Generator) -> Verdict:
    """One pair drawn from the pool: a finished baseline of five, and a run that stops as `repro bench --against` does."""
    baseline = tuple(rng.choice(pool, 5))
    ours = rng.choice(pool, 8)
    rule = SequentialLooks(baseline_medians=baseline)
    made = next(n for n in range(1, 9) if rule.decide(ours[:n], 0, None, 0).stop)
    return compare(ours[:made], baseline, rule.band, rule.alpha).verdict


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument(
        "--tokens", type=int, default=256, help="decoded in a trial; 256 is the default suite's headline"
    )
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    rig = ready()
    found = []
    for index in range(chosen.pairs):
        sides: dict[str, list[float]] = {"A": [], "B": []}
        for turn, who in enumerate("ABBAAB" if index % 2 == 0 else "BAABBA"):
            sides[who].append(process(rig, chosen.threads, chosen.tokens, seed=100 * index + turn))
        found.append((sides["A"], sides["B"]))
        print(f"pair {index + 1}/{chosen.pairs}: {sides}", file=sys.stderr)
    page = report(found, chosen)
    print(page)
    if chosen.out:
        chosen.out.write_text(page)


def report(found: list[tuple[list[float], list[float]]], chosen: argparse.Namespace) -> str:
    """The page."""
    compared = [compare(a, b) for a, b in found]
    counts = collections.Counter(str(one.verdict) for one in compared)
    limit = repeatability_limit([one.ratio for one in compared if one.ratio is not None])
    pool = [value for a, b in found for value in (*a, *b)]
    rng = np.random.default_rng(20261124)
    again = collections.Counter(str(drawn(pool, rng)) for _ in range(100))
    lines = [
        "# A against A",
        "",
        f"Made by `python benchmarks/aa.py --pairs {chosen.pairs} --tokens {chosen.tokens}`. {machine.line()}.",
        f"Model {MODEL}, llama.cpp, {chosen.threads} threads, greedy decode of {chosen.tokens} tokens, two or more",
        "warm-up and three timed trials a process; band ±10 %.",
        "",
        "| what | figure | bar |",
        "|---|---|---|",
        f"| real pairs of {SIDE} + {SIDE} processes, fixed number, α 0.05 | {_words(counts)} | |",
        f"| 100 pairs drawn from all {len(pool)} processes, looks at 3, 5, 8, α 0.02 | {_words(again)} | ≥ 95 same |",
        f"| this machine's repeatability limit: A/A p95 of \\|ratio − 1\\| | {limit:.2%} | published |",
        f"| deviation between processes (of logarithms) | {pairs.cv(pool):.2%} | |",
        "",
        "| pair | A / B | 90 % interval | verdict |",
        "|---|---|---|---|",
    ]
    for index, one in enumerate(compared):
        lines.append(f"| {index + 1} | {one.ratio:.4f} | {one.low:.4f} to {one.high:.4f} | {one.verdict} |")
    return "\n".join(lines) + "\n"


def _words(counts: collections.Counter[str]) -> str:
    return ", ".join(f"{n} {word.replace('_', ' ')}" for word, n in counts.most_common())


if __name__ == "__main__":
    main()
