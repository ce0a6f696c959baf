"""The peer of parity_pytorch.py: a transformers decode loop over a static cache, as one would write it by hand, on the same
model and cache as ours and in turns with it.

Run by the runtime's interpreter: DESCRIPTOR FOLDER CLOCK (time, processor) THREADS PROMPT OUTPUT CONTEXT
"""

import sys
import time

import torch
from alternating import Ours, alternate, serve

from harness.measure.workload import WorkloadPlan

descriptor, folder, clock = sys.argv[1:4]
threads, n_prompt, n_out, context = map(int, sys.argv[4:])
ids = (2, *((7919 * i) % 200_000 + 10 for i in range(1, n_prompt)))
ours = Ours(
    "pytorch",
    folder,
    "safetensors",
    {"threads": threads, "context": context, "device": "cpu"},
    [WorkloadPlan("prefill", "greedy", ids, 1), WorkloadPlan("decode", "greedy", ids[:16], n_out)],
)
now = time.perf_counter
if clock == "processor":
    now = time.process_time
    ours.use_clock(time.process_time_ns)
model, cache = ours.loaded._model, ours.loaded._cache


def by_hand(prompt, count):
    """Seconds of the prefill and of the steps after it."""
    given = torch.tensor([prompt])
    with torch.inference_mode():
        cache.reset()
        start = now()
        positions = torch.arange(len(prompt))[None]
        out = model(input_ids=given, position_ids=positions, past_key_values=cache, use_cache=True, logits_to_keep=1)
        token = out.logits[:, -1].argmax(-1, keepdim=True)
        first = now()
        for index in range(count - 1):
            position = torch.tensor([[len(prompt) + index]])
            out = model(input_ids=token, position_ids=position, past_key_values=cache, use_cache=True, logits_to_keep=1)
            token = out.logits[:, -1].argmax(-1, keepdim=True)
        return first - start, now() - first


BOTH = {
    "prefill": (lambda: ours.measured("prefill").prefill_rate, lambda: n_prompt / by_hand(ids, 1)[0]),
    "decode": (lambda: ours.measured("decode").decode_rate, lambda: (n_out - 1) / by_hand(ids[:16], n_out)[1]),
}
for _ in range(3):
    for pair in BOTH.values():
        for measure in pair:
            measure()
serve(int(descriptor), lambda test, order: alternate(order, *BOTH[test]))
