"""The peer of parity_llama_cpp.py: a loop in C on the same llama_context, in turns with ours.

Run by the runtime's interpreter: DESCRIPTOR MODEL THREADS PROMPT OUTPUT LOOP.so CLOCK (time, processor)
"""

import ctypes
import sys
import time

from alternating import Ours, alternate, serve

from harness.measure.workload import WorkloadPlan

descriptor, model, threads, n_prompt, n_out, library, clock = sys.argv[1:]
n_prompt, n_out = int(n_prompt), int(n_out)
ids = [2, *((7919 * i) % 200_000 + 10 for i in range(1, max(n_prompt, n_out + 2)))]
prompt, fed, short = tuple(ids[:n_prompt]), tuple(ids[:n_out]), tuple(ids[:2])
ours = Ours(
    "llama.cpp",
    model,
    "gguf",
    {"threads": int(threads), "context": n_prompt + n_out, "flash_attn": "on", "gpu_layers": 0},
    [
        WorkloadPlan("pp", "forced", prompt, 0),
        WorkloadPlan("tg", "forced", (), n_out, fed),
        WorkloadPlan("greedy", "greedy", short, n_out),
    ],
)
engine, context = ours.loaded._engine, ours.loaded._context
loop = ctypes.CDLL(library)
loop.loop_engine.restype = ctypes.c_void_p
loop.loop_run.argtypes = [ctypes.c_void_p] * 2 + [ctypes.c_int32, ctypes.c_void_p, ctypes.c_int32, ctypes.c_void_p]
if loop.loop_engine() != ctypes.cast(engine._lib.llama_decode, ctypes.c_void_p).value:
    sys.exit("the loop in C calls another libllama than the harness")
times = (ctypes.c_int64 * 3)()
if clock == "processor":
    loop.loop_use_processor_time()
    ours.use_clock(time.process_time_ns)


def run(before, after):
    """Seconds of the prompt and of the steps after it, in C."""
    arrays = [(ctypes.c_int32 * max(len(part), 1))(*part) for part in (before, after)]
    code = loop.loop_run(context, arrays[0], len(before), arrays[1], len(after), times)
    if code:
        sys.exit(f"llama_decode answered {code}")
    return (times[1] - times[0]) / 1e9, (times[2] - times[1]) / 1e9


# After a prefill n ids are available with n - 1 steps: the loop in C does as many, and no choice.
BOTH = {
    "pp": (lambda: ours.measured("pp").prefill_rate, lambda: n_prompt / run(prompt, ())[0]),
    "tg": (lambda: ours.measured("tg").decode_rate, lambda: n_out / run((), fed)[1]),
    "greedy": (lambda: ours.measured("greedy").decode_rate, lambda: (n_out - 1) / run(short, fed[: n_out - 1])[1]),
}
for _ in range(3):
    for pair in BOTH.values():
        for measure in pair:
            measure()
serve(int(descriptor), lambda test, order: alternate(order, *BOTH[test]))
