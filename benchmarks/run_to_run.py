"""How far whole runs of the same triple lie apart: each runtime several times on the default model, interleaved.

A run is `repro bench` with its own processes; what is compared is its decode rate, the median of its processes' medians.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

import machine
import pairs
from rig import MODEL

from harness.progress import SILENT
from harness.record.store import read
from harness.run.bench import bench
from harness.run.request import Request
from harness.units import count

RUNTIMES = ("llama.cpp", "pytorch", "vllm")


def run(runtime: str, processes: int, folder: Path) -> tuple[float, float]:
    """Decode rate of the headline and prefill rate of pp512, tokens/s."""
    request = Request(MODEL, runtime, "quick", results=folder, processes=processes)
    record = read(bench(request, SILENT)).record
    found = (record.headline, record.result("pp512@d0", "prefill_rate"))
    decode, prefill = (statistics.median(one.estimate.process_medians) for one in found if one and one.estimate)
    return decode / 1e6, prefill / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--processes", type=int, default=1, help="in each run")
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    made: dict[str, list[tuple[float, float]]] = {runtime: [] for runtime in RUNTIMES}
    with tempfile.TemporaryDirectory() as folder:
        for index in range(chosen.runs):
            for runtime in RUNTIMES if index % 2 == 0 else RUNTIMES[::-1]:
                made[runtime].append(run(runtime, chosen.processes, Path(folder)))
                print(f"run {index + 1}/{chosen.runs} {runtime}: {made[runtime][-1]}", file=sys.stderr)
    lines = [
        "# Run to run",
        "",
        f"Made by `python benchmarks/run_to_run.py --runs {chosen.runs} --processes {chosen.processes}`.",
        f"{machine.line()}.",
        f"Model {MODEL} (PyTorch and vLLM: as bf16 safetensors), suite quick, CPU, "
        f"{count(chosen.processes, 'process', 'processes')} a run.",
        "",
        "| runtime | decode-128, tokens/s of each run | CV | pp512, tokens/s of each run | CV |",
        "|---|---|---|---|---|",
    ]
    for runtime, runs in made.items():
        decode, prefill = ([one[i] for one in runs] for i in (0, 1))
        cells = [
            ", ".join(f"{value:.2f}" for value in decode),
            f"{pairs.cv(decode):.2%}",
            ", ".join(f"{value:.0f}" for value in prefill),
            f"{pairs.cv(prefill):.2%}",
        ]
        lines.append(f"| {runtime} | {' | '.join(cells)} |")
    page = "\n".join(lines) + "\n"
    print(page)
    if chosen.out:
        chosen.out.write_text(page)


if __name__ == "__main__":
    main()
