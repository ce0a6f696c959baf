"""The peer of parity_openvino.py: LLMPipeline on the same file with the same settings, by the times that it tells of itself, in
turns with ours.

Run by the runtime's interpreter: DESCRIPTOR MODEL THREADS PROMPT OUTPUT
"""

import sys

import numpy as np
import openvino
import openvino_genai
from alternating import Ours, alternate, serve

from harness.measure.workload import WorkloadPlan
from runtimes import openvino as adapter

descriptor, model = sys.argv[1:3]
threads, n_prompt, n_out = map(int, sys.argv[3:])
ids = tuple((7919 * i) % 40_000 + 100 for i in range(n_prompt))
options = adapter.with_defaults(
    adapter.OpenVINO.options, {"threads": threads, "context": n_prompt + n_out + 256, "kv_space_gib": 1}
)
ours = Ours(
    "openvino",
    model,
    "gguf",
    options,
    [WorkloadPlan("prefill", "greedy", ids, 1), WorkloadPlan("decode", "greedy", ids[:16], n_out)],
)
# It sets sampler_num_threads to 1 by itself, as ours does.
same = {name: value for name, value in adapter._properties("CPU", options).items() if name != "sampler_num_threads"}
pipeline = openvino_genai.LLMPipeline(
    model, "CPU", scheduler_config=adapter._scheduler(openvino_genai, options), ATTENTION_BACKEND="PA", **same
)


def told(prompt, count):
    """Its own metrics of a request."""
    config = openvino_genai.GenerationConfig()
    config.max_new_tokens, config.ignore_eos, config.do_sample = count, True, False
    return pipeline.generate(openvino.Tensor(np.array([prompt], dtype=np.int64)), config).perf_metrics


BOTH = {
    "prefill": (lambda: ours.measured("prefill").prefill_rate, lambda: n_prompt / told(ids, 1).get_ttft().mean * 1000),
    "decode": (lambda: ours.measured("decode").decode_rate, lambda: 1000 / told(ids[:16], n_out).get_tpot().mean),
}
for _ in range(3):
    for pair in BOTH.values():
        for measure in pair:
            measure()
serve(int(descriptor), lambda test, order: alternate(order, *BOTH[test]))
