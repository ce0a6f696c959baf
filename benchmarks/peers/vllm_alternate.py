"""The peer of parity_vllm.py: the very code of `vllm bench latency`, its sampling set to greedy as ours is.

Run by the runtime's interpreter, without a line of the harness: FOLDER PROMPT OUTPUT WARMUPS TRIALS CONTEXT KV_BYTES OUT.json
"""

import sys

import vllm
from vllm import LLM  # noqa: F401 - imported before the name below is replaced
from vllm.benchmarks import latency
from vllm.utils.argparse_utils import FlexibleArgumentParser

folder, prompt, output, warmups, trials, context, kv_bytes, result = sys.argv[1:]
sampling = vllm.SamplingParams
# It samples at temperature 1, which on a vocabulary of 262,144 is a cost of its own: both choose greedily here.
vllm.SamplingParams = lambda **given: sampling(**{**given, "temperature": 0.0})
parser = FlexibleArgumentParser()
latency.add_cli_args(parser)
latency.main(
    parser.parse_args(
        ["--model", folder, "--input-len", prompt, "--output-len", output, "--batch-size", "1", "--disable-detokenize",
         "--num-iters-warmup", warmups, "--num-iters", trials, "--max-model-len", context, "--output-json", result,
         "--kv-cache-memory-bytes", kv_bytes, "--no-async-scheduling", "--generation-config", "vllm"]
    )
)  # fmt: skip
