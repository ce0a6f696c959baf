"""How far our runs of llama.cpp lie apart, against llama-bench's: the ratio of two coefficients of variation.

Processes of both in turns, the same work and as many repetitions. A run of ours is what `repro bench` makes of several
processes, the geometric mean of their medians; a run of llama-bench is one process, the mean of its repetitions. One process
of ours against one of its is shown beside it: harder, since it is then one against one.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import statistics
import sys
import time
from pathlib import Path

import llama_bench
import machine
import pairs
from rig import MODEL, Rig, ready

from harness.measure.metrics import measure_trial
from harness.measure.workload import WorkloadPlan

BAR = 1.1


def ours(rig: Rig, threads: int, repetitions: int, output: int) -> float:
    """The median of one fresh process, tokens/s: tg in the context that llama-bench would make."""
    ids = (2, *((7919 * i) % 200_000 + 10 for i in range(1, output)))
    options = {"threads": threads, "context": output, "flash_attn": "on", "gpu_layers": 0}
    made = rig.timed(WorkloadPlan("tg", "forced", (), output, ids), options, repetitions)
    return statistics.median(measure_trial(trial).decode_rate or math.nan for trial in made)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=60, help="of ours; llama-bench makes as many processes as we do")
    parser.add_argument("--processes", type=int, default=3, help="in each run of ours")
    parser.add_argument("--repetitions", type=int, default=3, help="in each process, of both")
    parser.add_argument("--output", type=int, default=24, help="tokens of a repetition")
    parser.add_argument("--limit-s", type=float, default=3600, help="no run is begun after so many seconds")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    rig, before = ready(), machine.load()
    program = llama_bench.build(rig)
    mine: list[float] = []
    its: list[float] = []
    chance, began = random.Random(0), time.monotonic()
    while len(mine) < chosen.runs * chosen.processes and time.monotonic() - began < chosen.limit_s:
        for _ in range(chosen.processes):
            first = chance.random() < 0.5
            for turn in (first, not first):
                if turn:
                    mine.append(ours(rig, chosen.threads, chosen.repetitions, chosen.output))
                else:
                    one, _ = llama_bench.rates(program, rig, chosen.threads, chosen.repetitions, output=chosen.output)
                    its.append(one)
        print(f"{len(mine)} processes: ours {mine[-1]:.2f}, llama-bench {its[-1]:.2f}", file=sys.stderr)
    text = page(mine, its, chosen, before)
    print(text)
    if chosen.out:
        rows = "".join(f"{index + 1},{a:.4f},{b:.4f}\n" for index, (a, b) in enumerate(zip(mine, its, strict=True)))
        chosen.out.with_suffix(".csv").write_text("process,ours,llama_bench\n" + rows)
        name = chosen.out.with_suffix(".csv").name
        chosen.out.write_text(text + f"\nEach process, tokens/s: [{name}]({name}).\n")


def runs_of(values: list[float], size: int) -> list[float]:
    """Neighbours made runs: the geometric mean of each `size` of them."""
    return [statistics.geometric_mean(values[i : i + size]) for i in range(0, len(values) - size + 1, size)]


def page(mine: list[float], its: list[float], chosen: argparse.Namespace, before: str) -> str:
    made = runs_of(mine, chosen.processes)
    whole = pairs.cv_ratio(made, its, groups=len(made))
    single = pairs.cv_ratio(mine, its)
    numbers = f"--repetitions {chosen.repetitions} --output {chosen.output}"
    command = (
        f"python benchmarks/run_to_run_llama_bench.py --runs {chosen.runs} --processes {chosen.processes} {numbers}"
    )
    lines = [
        "# Run to run, against llama-bench",
        "",
        f"Made by `{command}`.",
        f"{machine.line()}; {before}.",
        f"Model {MODEL}, threads: {chosen.threads}, tg{chosen.output}@d0, {chosen.repetitions} repetitions a process, the same",
        "libraries for both, processes in turns, the first of each two by chance. CV: standard deviation of the logarithms. The",
        f"interval of the ratio is a bootstrap over neighbours; the bar is that the whole of it lies below {BAR}.",
        "",
        "| ours, against one process of llama-bench (mean of its repetitions) | n | our CV | its CV | ratio [95 %] | met |",
        "|---|---|---|---|---|---|",
    ]
    rows = (
        (f"a run as we make it: {chosen.processes} processes, geometric mean of medians", made, whole),
        ("one process: its median", mine, single),
    )
    for name, values, found in rows:
        cells = (
            name,
            str(len(values)),
            f"{pairs.cv(values):.2%}",
            f"{pairs.cv(its):.2%}",
            str(found),
            pairs.below(found, BAR),
        )
        lines.append("| " + " | ".join(cells) + " |")
    lines.append("")
    lines.append(
        "One against one is no bar: a run of ours is never one process, and its interval needs hundreds of pairs."
    )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
