"""Our PyTorch rates against a plain hand-written loop over a static cache: neighbours in time compared, fresh processes."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

import machine
import pairs
from rig import MODEL, Rig, ready

from harness.measure.metrics import measure_trial
from harness.measure.workload import WorkloadPlan
from harness.run.execute.launcher import environment

PROMPT, OUTPUT, CONTEXT, WARMUPS = 512, 64, 768, 2
PEER = Path(__file__).parent / "peers" / "pytorch_loop.py"


def ours(rig: Rig, threads: int, trials: int) -> dict[str, float]:
    """Medians of one fresh process of ours."""
    ids = (2, *((7919 * i) % 200_000 + 10 for i in range(1, PROMPT)))
    workload = WorkloadPlan("parity", "greedy", ids, OUTPUT)
    made = [measure_trial(t) for t in rig.timed(workload, {"threads": threads, "context": CONTEXT}, trials)]
    return {
        "prefill": statistics.median(one.prefill_rate or 0.0 for one in made),
        "decode": statistics.median(one.decode_rate or 0.0 for one in made),
    }


def peer(rig: Rig, threads: int, trials: int) -> dict[str, float]:
    """Medians of one fresh process of the hand-written loop."""
    numbers = [threads, PROMPT, OUTPUT, WARMUPS, trials, CONTEXT]
    done = subprocess.run(
        [str(rig.interpreter.python), str(PEER), str(rig.model), *map(str, numbers)],
        env=environment(rig.interpreter, os.environ), capture_output=True, text=True, check=True,
    )  # fmt: skip
    made = json.loads(done.stdout.splitlines()[-1])
    return {
        "prefill": statistics.median(PROMPT / one["prefill"] for one in made),
        "decode": statistics.median((OUTPUT - 1) / one["decode"] for one in made),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--trials", type=int, default=4, help="repetitions in each process, of both")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    rig = ready("pytorch")
    a: list[dict[str, float]] = []
    b: list[dict[str, float]] = []
    for index in range(chosen.pairs):
        both = ((ours, a), (peer, b)) if index % 2 == 0 else ((peer, b), (ours, a))
        for measure, kept in both:
            kept.append(measure(rig, chosen.threads, chosen.trials))
        print(f"pair {index + 1}/{chosen.pairs}: ours {a[-1]}, loop {b[-1]}", file=sys.stderr)
    what = (
        f"Model {MODEL} as bf16 safetensors, CPU, {chosen.threads} threads, eager, sdpa, static cache of {CONTEXT} slots,"
        f" {PROMPT} tokens in, {OUTPUT} out."
    )
    command = f"python benchmarks/parity_pytorch.py --pairs {chosen.pairs} --trials {chosen.trials}"
    page = report("Parity with a hand-written PyTorch loop", command, what, "loop", a, b)
    print(page)
    if chosen.out:
        chosen.out.write_text(page)


def report(title: str, command: str, what: str, name: str, a: list[dict[str, float]], b: list[dict[str, float]]) -> str:
    """The page: one row a quantity, rates in both, ratio ours / theirs."""
    lines = [f"# {title}", "", f"Made by `{command}`.", f"{machine.line()}.", what, ""]
    lines += [
        f"| what | ours / {name} [95 % interval] | bar | met | our CV | its CV | our CV / its CV [95 % interval] |",
        "|---|---|---|---|---|---|---|",
    ]
    for key in a[0]:
        ours_, its = [one[key] for one in a], [one[key] for one in b]
        found = pairs.ratio(ours_, its)
        spread = f"{pairs.cv(ours_):.2%} | {pairs.cv(its):.2%} | {pairs.cv_ratio(ours_, its)}"
        met = "yes" if found.touches(0.99, 1.02) else "NO"
        lines.append(f"| {key} | {found} | interval touches [0.99, 1.02] | {met} | {spread} |")
    keys = list(a[0])
    lines += ["", "Process medians:", "", f"| pair | {' | '.join(f'our {k} | its {k}' for k in keys)} |"]
    lines.append("|---" * (1 + 2 * len(keys)) + "|")
    for index, (x, y) in enumerate(zip(a, b, strict=True)):
        cells = " | ".join(f"{x[k]:.3f} | {y[k]:.3f}" for k in keys)
        lines.append(f"| {index + 1} | {cells} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
