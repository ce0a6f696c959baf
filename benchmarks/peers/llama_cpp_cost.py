"""The child of loop_cost.py: our loop of llama.cpp with an engine that does nothing, called through ctypes like the real one.

Run by the runtime's interpreter: MODEL ROUNDS LOOP.so. Prints µs a step or token, the least of the rounds, as JSON.
"""

import ctypes
import gc
import json
import sys

from alternating import Ours

from harness.measure.stopwatch import Stopwatch
from harness.measure.workload import WorkloadPlan

STEPS, PROMPT = 8, 256
model, rounds, library = sys.argv[1], int(sys.argv[2]), sys.argv[3]
ids = tuple(range(10, 10 + PROMPT))
options = {"threads": 1, "context": 512, "flash_attn": "on", "gpu_layers": 0}
loaded = Ours("llama.cpp", model, "gguf", options, [WorkloadPlan("x", "greedy", ids[:4], 2)]).loaded
real, watch = loaded._engine, Stopwatch(STEPS + 1)
loaded.reset()
loaded.generate(ids[:4], 2, watch)  # the logits that are chosen from are real ones
loop = ctypes.CDLL(library)
decode, synchronize = loop.loop_no_decode, loop.loop_no_synchronize
decode.argtypes, decode.restype = real.llama_decode.argtypes, real.llama_decode.restype
synchronize.argtypes, synchronize.restype = real.llama_synchronize.argtypes, None


class Idle:
    """The engine, but for the two calls that compute."""

    llama_decode, llama_synchronize = staticmethod(decode), staticmethod(synchronize)

    def __getattr__(self, name):
        return getattr(real, name)


loaded._engine = Idle()
gc.collect()
gc.freeze()
gc.disable()


def least(prompt, count, forced=None):
    """Nanoseconds from the start to the last stamp, the least of the rounds."""
    found = []
    for _ in range(rounds):
        loaded.generate(prompt, count, watch, forced=forced)
        found.append(int(watch.token_ns()[-1]))
    return min(found)


made = {
    "forced decode, a step": least((), STEPS, ids[:STEPS]) / STEPS,
    "greedy decode, a step, choice included": least(ids[:2], STEPS) / STEPS,
    "prefill, a token": least(ids, 0) / PROMPT,
}
print(json.dumps({name: ns / 1000 for name, ns in made.items()} | {"vocabulary": loaded._vocab_size}))
