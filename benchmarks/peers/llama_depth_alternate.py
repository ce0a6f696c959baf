"""The peer of parity_llama_depth.py: llama-bench -d, a fresh process each time, in turns with ours.

Run by the runtime's interpreter: DESCRIPTOR MODEL THREADS DEPTH PROMPT OUTPUT REPETITIONS PROGRAM
"""

import json
import os
import statistics
import subprocess
import sys

from alternating import Ours, alternate, serve

from harness.measure.workload import WorkloadPlan

descriptor, model, threads, depth, n_prompt, n_out, repetitions, program = sys.argv[1:]
depth, n_prompt, n_out, repetitions = int(depth), int(n_prompt), int(n_out), int(repetitions)


def ids(seed, count):
    """Ids of any kind: the work of a dense model does not depend on them."""
    return tuple((7919 * (seed + i)) % 200_000 + 10 for i in range(count))


history = ids(0, depth)
ours = Ours(
    "llama.cpp",
    model,
    "gguf",
    {"threads": int(threads), "context": depth + max(n_prompt, n_out), "flash_attn": "on", "gpu_layers": 0},
    [
        WorkloadPlan("pp", "forced", ids(1, n_prompt), 0, (), history=history),
        WorkloadPlan("tg", "forced", (), n_out, ids(2, n_out), history=history),
    ],
)


def bench(prompt, output):
    """One process of llama-bench: the median of its repetitions, tokens/s."""
    command = [program, "-m", model, "-p", str(prompt), "-n", str(output), "-d", str(depth), "-t", threads]
    command += ["-b", "2048", "-ub", "512", "-fa", "1", "-ngl", "0", "-r", str(repetitions), "-o", "json"]
    done = subprocess.run(command, env=os.environ, capture_output=True, text=True, check=True)
    (row,) = json.loads(done.stdout)
    if row["n_depth"] != depth:
        sys.exit(f"llama-bench measured at depth {row['n_depth']}")
    return statistics.median(row["samples_ts"])


BOTH = {
    "pp": (lambda: ours.measured("pp").prefill_rate, lambda: bench(n_prompt, 0)),
    "tg": (lambda: ours.measured("tg").decode_rate, lambda: bench(0, n_out)),
}
for measure, tool in BOTH.values():
    measure(), measure(), tool()
serve(
    int(descriptor),
    lambda test, order: alternate(
        order, lambda: statistics.median(BOTH[test][0]() for _ in range(repetitions)), BOTH[test][1]
    ),
)
