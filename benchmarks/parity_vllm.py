"""Our vLLM trials against `vllm bench latency` on the same shape: neighbours in time compared, fresh processes.

Compared is what the tool reports, the latency of a whole request; as a rate (requests/s), so that above 1 means faster.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from parity_pytorch import report
from rig import MODEL, Rig, ready

from harness.measure.workload import WorkloadPlan
from harness.run.execute.launcher import environment

CONTEXT, WARMUPS, KV_MIB = 768, 2, 1024
SHAPES = {"512 in, 64 out": (512, 64), "512 in, 1 out (prefill)": (512, 1)}
PEER = Path(__file__).parent / "peers" / "vllm_latency.py"


def ours(rig: Rig, threads: int, trials: int, shape: tuple[int, int]) -> float:
    """Requests/s: the median of one fresh process of ours."""
    prompt, output = shape
    ids = (2, *((7919 * i) % 9_000 + 10 for i in range(1, prompt)))
    workload = WorkloadPlan("parity", "greedy", ids, output)
    made = rig.timed(workload, {"threads": threads, "context": CONTEXT, "kv_space_mib": KV_MIB}, trials)
    return 1e9 / statistics.median(int(trial.token_ns[-1]) for trial in made)


def peer(rig: Rig, threads: int, trials: int, shape: tuple[int, int]) -> float:
    """Requests/s: the median of one fresh process of `vllm bench latency`."""
    cores = ",".join(map(str, sorted(os.sched_getaffinity(0))[:threads]))
    own = environment(rig.interpreter, os.environ) | {
        "OMP_NUM_THREADS": str(threads),
        "VLLM_CPU_OMP_THREADS_BIND": cores,
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
        "VLLM_USE_AOT_COMPILE": "0",  # as ours: the same compiled code, and a start that takes half as long
    }
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.json"
        numbers = [*shape, WARMUPS, trials, CONTEXT, KV_MIB << 20]
        command = [str(rig.interpreter.python), str(PEER), str(rig.model), *map(str, numbers), str(out)]
        done = subprocess.run(command, env=own, capture_output=True, text=True, check=False, cwd=folder)
        if done.returncode:
            sys.exit(done.stderr[-3000:])
        return 1 / statistics.median(json.loads(out.read_text())["latencies"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--trials", type=int, default=6, help="repetitions in each process, of both")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    rig = ready("vllm")
    a: list[dict[str, float]] = []
    b: list[dict[str, float]] = []
    for index in range(chosen.pairs):
        mine: dict[str, float] = {}
        its: dict[str, float] = {}
        for number, (name, shape) in enumerate(SHAPES.items()):
            both = [(ours, mine), (peer, its)]
            for measure, kept in both if (index + number) % 2 == 0 else both[::-1]:
                kept[name] = measure(rig, chosen.threads, chosen.trials, shape)
        a.append(mine)
        b.append(its)
        print(f"pair {index + 1}/{chosen.pairs}: ours {mine}, vllm bench latency {its}", file=sys.stderr)
    what = (
        f"Model {MODEL} as bf16 safetensors, CPU, {chosen.threads} threads, compiled as vLLM does by default, engine core in"
        f" the process, both greedy, batch 1. Requests/s."
    )
    command = f"python benchmarks/parity_vllm.py --pairs {chosen.pairs} --trials {chosen.trials}"
    page = report("Parity with vllm bench latency", command, what, "vllm bench latency", a, b)
    print(page)
    if chosen.out:
        chosen.out.write_text(page)


if __name__ == "__main__":
    main()
