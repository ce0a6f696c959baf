"""Whom a fleet's report names, against a planted truth, and what a job costs beyond its run on this machine.

    python benchmarks/fleet.py [--fleets 2000] [--jobs 6] [--out docs/measurements/fleet.md]

The rule that names is the real one; the fleets are simulated (`tests/support/planted_fleets.py`). The jobs are real, of the
simulated runtime, through `repro fleet run` on the local executor.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import machine

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.support import fleet_matrices, tiny_gguf
from tests.support.planted_fleets import shares

PLANTED = (1.0, 0.97, 0.95, 0.9, 0.7)
SHAPES = ((3, 1), (3, 4), (3, 12), (8, 4), (16, 4))


def naming(count: int) -> list[str]:
    """A line a shape of fleet."""
    lines = [
        "| nodes | runs a node | "
        + " | ".join("equal" if p == 1 else f"{100 * (1 - p):.0f} % slow" for p in PLANTED)
        + " |",
        "|---|---|" + "---|" * len(PLANTED),
    ]
    for nodes, units in SHAPES:
        cells = []
        for planted in PLANTED:
            right, wrong = shares(count, nodes=nodes, units=units, planted=planted)
            cells.append(f"{100 * (right + wrong if planted == 1 else right):.1f} / {100 * wrong:.1f} %")
        lines.append(f"| {nodes} | {units} | {' | '.join(cells)} |")
    return lines


NOISY = (1.0, 3.0, 6.0, 12.0)


def beside_noise(count: int) -> list[str]:
    """The same shapes, with one honest node that scatters more than the others."""
    lines = [
        "| nodes | runs a node | " + " | ".join(f"{times:g} times" for times in NOISY) + " |",
        "|---|---|" + "---|" * len(NOISY),
    ]
    for nodes, units in SHAPES:
        cells = []
        for times in NOISY:
            right, wrong = shares(count, nodes=nodes, units=units, noisy=times)
            equal = right + wrong
            right, wrong = shares(count, nodes=nodes, units=units, noisy=times, planted=0.9)
            cells.append(f"{100 * equal:.1f} / {100 * right:.1f} / {100 * wrong:.1f} %")
        lines.append(f"| {nodes} | {units} | {' | '.join(cells)} |")
    return lines


def overheads(jobs: int) -> tuple[list[float], float, float]:
    """Each job's seconds beyond its run, the whole fleet's seconds, and the sum of its runs."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = folder / "tiny.gguf"
        model.write_bytes(tiny_gguf.build(tiny_gguf.LONG))
        path = folder / "matrix.toml"
        path.write_text(fleet_matrices.text(model, [100 + 10 * i for i in range(jobs)], suite="quick", processes=3))
        environment = os.environ | {"XDG_CACHE_HOME": str(folder / "cache"), "XDG_CONFIG_HOME": str(folder / "config")}
        began = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-c", "from harness.cli import main; main()", "fleet", "run", str(path), "--json"],
            cwd=folder, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        whole = time.monotonic() - began
        if done.returncode not in (0, 4):
            sys.exit(done.stderr)
        outcomes = [job["outcome"] for job in json.loads(done.stdout)["jobs"]]
        runs = sum(one["run_s"] for one in outcomes)
        return [one["job_s"] - one["run_s"] for one in outcomes], whole, runs


def main() -> None:
    """Print the page, or write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fleets", type=int, default=2000)
    parser.add_argument("--jobs", type=int, default=6)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    head = f"{machine.line()}; {machine.load()}"
    own, whole, runs = overheads(asked.jobs)
    lines = [
        "# Fleets",
        "",
        f"Made by `python benchmarks/fleet.py --fleets {asked.fleets} --jobs {asked.jobs}`.",
        "",
        "## Whom the report names",
        "",
        f"{asked.fleets} simulated fleets a cell, band ±3 %: processes scatter by 1 %, runs by 0.5 %, three processes a run.",
        "In each cell: how often the planted node, and it alone, was named, then how often an honest one was. In the column",
        "*equal* both say how often somebody was named wrongly.",
        "",
        *naming(asked.fleets),
        "",
        "A node that is 3 % slow lies on the edge of the band: there, naming it is an error, and stays below the level.",
        "",
        "## Beside a node that scatters",
        "",
        "The same, but one honest node scatters so many times as much as the others. In each cell: of equal nodes, how often",
        "somebody was named wrongly; beside a node that is 10 % slow, how often that one alone was named, and how often an",
        "honest one was.",
        "",
        *beside_noise(asked.fleets),
        "",
        "Of three nodes the slow one must differ surely from both others, from the one that scatters, too: there noise hides it.",
        "",
        "## What a job costs beyond its run",
        "",
        f"{head}.",
        "",
        f"{asked.jobs} jobs of the simulated runtime on the local executor, {runs / asked.jobs:.1f} s each. Within the job,",
        f"two looks of the doctor and the state's files: {median(own):.2f} s in the median, {max(own):.2f} s at most. With the",
        f"start of each job's interpreter and of the fleet itself: {(whole - runs) / asked.jobs:.2f} s a job (bar: 3 s).",
        "",
    ]
    text = "\n".join(lines)
    if asked.out is None:
        print(text)
    else:
        asked.out.write_text(text)


if __name__ == "__main__":
    main()
