"""The peer of parity_mlx.py: mlx-lm's stream_generate on the same model, by the rates that it tells, in turns with ours.

Run by the runtime's interpreter: DESCRIPTOR FOLDER PROMPT OUTPUT
"""

import sys
from pathlib import Path

import mlx.core as mx
from alternating import Ours, alternate, serve
from mlx_lm import stream_generate
from mlx_lm.generate import generation_stream
from mlx_lm.utils import load_tokenizer

from harness.measure.workload import WorkloadPlan

descriptor, folder = sys.argv[1:3]
n_prompt, n_out = map(int, sys.argv[3:])
ids = (2, *((7919 * i) % 200_000 + 10 for i in range(1, max(n_prompt, 16))))
ours = Ours(
    "mlx",
    folder,
    "safetensors",
    {"context": max(n_prompt, 16) + n_out + 256},
    [WorkloadPlan("prefill", "greedy", ids[:n_prompt], 2), WorkloadPlan("decode", "greedy", ids[:16], n_out)],
)
tokenizer = load_tokenizer(Path(folder))
tokenizer._eos_token_ids = set()  # as mlx_lm.benchmark does: it must not stop early


def told(prompt, count):
    """The last answer, which holds its rates."""
    *_, last = stream_generate(ours.loaded._model, tokenizer, list(prompt), max_tokens=count)
    # It has queued a step too many, which is nobody else's; on Metal it waits for that itself.
    mx.synchronize(generation_stream)
    if last.generation_tokens != count:
        sys.exit(f"{last.generation_tokens} tokens of {count}")
    return last


BOTH = {
    "prefill": (lambda: ours.measured("prefill").prefill_rate, lambda: told(ids[:n_prompt], 2).prompt_tps),
    "decode": (
        lambda: ours.measured("decode").decode_rate,
        # It counts N tokens in the time of N - 1.
        lambda: told(ids[:16], n_out).generation_tps * (n_out - 1) / n_out,
    ),
}
for _ in range(2):
    for pair in BOTH.values():
        for measure in pair:
            measure()
serve(int(descriptor), lambda test, order: alternate(order, *BOTH[test]))
