"""What reading the meters costs: real decode with telemetry and without, neighbours in time compared, fresh processes.

The meters are nvidia-ml-py on the stand-in for the driver's library that the tests compile: a real driver's calls take
longer, so this bounds the harness's own part. With every core in use it samples between trials; with one free, beside them.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import machine
import pairs
from rig import MODEL, Rig, ready

from harness.capture.meters import Meter, Nvidia
from harness.measure.metrics import measure_trial
from harness.measure.workload import WorkloadPlan
from harness.run.execute.telemetry import Telemetry

LEAST = 0.995  # of the rate without it
SOURCE = Path(__file__).parents[1] / "tests" / "doubles" / "nvml.c"


def opened(kinds: frozenset[str], own: frozenset[int], ids: Sequence[str]) -> list[Meter]:
    """The double's meter, whatever the device."""
    del kinds, ids
    meter = Nvidia.open(own)
    assert meter is not None
    return [meter]


def decode(rig: Rig, threads: int, tokens: int, telemetry: Telemetry | None) -> float:
    """The median decode rate of one fresh process, tokens/s."""
    workload = WorkloadPlan("decode", "greedy", (2, 9259, 496, 1440), tokens)
    trials = rig.timed(workload, {"threads": threads, "context": 512}, 3, telemetry=telemetry)
    return statistics.median(measure_trial(trial).decode_rate or 0.0 for trial in trials)


def tick_us() -> tuple[float, float]:
    """Median and 99th percentile of one sample, microseconds."""
    meter = opened(frozenset(), frozenset(), ())[0]
    made = []
    for _ in range(1000):
        began = time.perf_counter_ns()
        meter.sample()
        made.append((time.perf_counter_ns() - began) / 1000)
    return statistics.median(made), sorted(made)[990]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    if "NVML_DOUBLE" not in os.environ:
        with tempfile.TemporaryDirectory() as folder:
            compiler = shutil.which("cc") or sys.exit("no C compiler")
            target = Path(folder) / "libnvidia-ml.so.1"
            subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", str(target), str(SOURCE)], check=True)
            own = os.environ | {"LD_LIBRARY_PATH": folder, "NVML_DOUBLE": "1"}
            sys.exit(subprocess.run([sys.executable, *sys.argv], env=own, check=False).returncode)
    rig, cores = ready(), len(os.sched_getaffinity(0))
    ways = {"every core in use: between trials": cores, "one core free: beside the trials": max(cores - 1, 1)}
    on: dict[str, list[float]] = {name: [] for name in ways}
    off: dict[str, list[float]] = {name: [] for name in ways}
    for index in range(chosen.pairs):
        for name, threads in ways.items():
            both = [(on, Telemetry(cores, opened)), (off, None)]
            for kept, telemetry in both if index % 2 == 0 else both[::-1]:
                kept[name].append(decode(rig, threads, chosen.tokens, telemetry))
        print(f"pair {index + 1}/{chosen.pairs}", file=sys.stderr)
    median, worst = tick_us()
    lines = ["# What telemetry costs", "", f"Made by `python benchmarks/telemetry.py --pairs {chosen.pairs}`."]
    lines += [f"{machine.line()}.", f"Model {MODEL}, llama.cpp, greedy decode of {chosen.tokens} tokens, 5 Hz.", ""]
    lines += ["| what | decode with / without [95 % interval] | bar | met |", "|---|---|---|---|"]
    for name in ways:
        found = pairs.mean_ratio(on[name], off[name])
        said = "yes" if found.low >= LEAST else "NO" if found.high < LEAST else "not decided"
        lines.append(f"| {name} | {found} | whole interval ≥ {LEAST} | {said} |")
    lines.append(
        f"| one sample | {median:.0f} µs, 99 % within {worst:.0f} µs | < 500 µs | {'yes' if worst < 500 else 'NO'} |"
    )
    page = "\n".join(lines) + "\n"
    print(page)
    if chosen.out:
        chosen.out.write_text(page)


if __name__ == "__main__":
    main()
