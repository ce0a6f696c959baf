"""The peer of parity_llama_batched.py: llama-batched-bench, a fresh process each time, in turns with ours.

Run by the runtime's interpreter: DESCRIPTOR MODEL THREADS SEQUENCES PROMPT OUTPUT REPETITIONS PROGRAM
"""

import json
import os
import statistics
import subprocess
import sys

from alternating import Ours, alternate, serve

from harness.measure.workload import WorkloadPlan

descriptor, model, threads, several, n_prompt, n_out, repetitions, program = sys.argv[1:]
several, n_prompt, n_out, repetitions = int(several), int(n_prompt), int(n_out), int(repetitions)
SHORT = 16  # tokens of a prompt before the decode that is timed
ids = (2, *((7919 * i) % 200_000 + 10 for i in range(1, n_prompt)))
context = max(n_prompt + 1, SHORT + n_out + 1)
context += -context % 256
ours = Ours(
    "llama.cpp",
    model,
    "gguf",
    {"threads": int(threads), "context": context, "sequences": several, "flash_attn": "on", "gpu_layers": 0},
    [
        WorkloadPlan("pp", "greedy", ids, 1, concurrency=several),
        WorkloadPlan("tg", "greedy", ids[:SHORT], n_out + 1, concurrency=several),
    ],
)


def bench(prompt, output, rate):
    """One process of llama-batched-bench: the median of its repetitions, tokens/s of all requests."""
    command = [program, "-m", model, "-t", threads, "-tb", threads, "-c", str(context * several), "-ngl", "0"]
    command += ["-b", "2048", "-ub", "512", "-fa", "on", "-npp", str(prompt), "-ntg", str(output)]
    command += ["-npl", ",".join([str(several)] * repetitions), "--output-format", "jsonl"]
    # Its own context is of as many sequences as ours; what the worker's process was told of its engine is told to it.
    done = subprocess.run(command, env=os.environ, capture_output=True, text=True, check=True)
    rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if len(rows) != repetitions or any(row["pl"] != several for row in rows):
        sys.exit(f"llama-batched-bench made {len(rows)} of {repetitions} tests")
    return statistics.median(row[rate] for row in rows)


def prefill():
    """Prompt tokens a second of all requests, until each has its first token."""
    return several * n_prompt * 1e9 / int(ours.trial("pp").token_ns[0])


def decode():
    """Tokens a second of all requests after their first one: n steps, as in the tool."""
    stamps = ours.trial("tg").token_ns
    return several * n_out * 1e9 / int(stamps[-1] - stamps[0])


def steps():
    """The same without our choice of tokens, which the tool does not make: the steps alone."""
    return several * n_out * 1e9 / int(ours.trial("tg").step_ns[1:].sum())


BOTH = {
    "pp": (prefill, lambda: bench(n_prompt, 1, "speed_pp")),
    "tg": (steps, lambda: bench(SHORT, n_out, "speed_tg")),
    "greedy": (decode, lambda: bench(SHORT, n_out, "speed_tg")),
}
for measure, tool in BOTH.values():
    measure(), measure(), tool()
serve(
    int(descriptor),
    lambda test, order: alternate(
        order, lambda: statistics.median(BOTH[test][0]() for _ in range(repetitions)), BOTH[test][1]
    ),
)
