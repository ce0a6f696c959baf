"""The peer of parity_vllm.py: the very code of `vllm bench latency` on an engine of its own, in this process, in turns with
ours. Its sampling is set to greedy as ours is; its loop over iterations is the place where ours comes in between.

Run by the runtime's interpreter: DESCRIPTOR FOLDER THREADS CONTEXT KV_MIB EAGER(0 or 1)
"""

import contextlib
import json
import sys
import tempfile
from pathlib import Path

from alternating import Ours, serve

from harness.measure.workload import WorkloadPlan

descriptor, folder, threads, context, kv_mib, eager = sys.argv[1:]
SHAPES = {"short": (128, 12), "prefill": (256, 1)}
WARMUPS = 2


def prompt(length):
    return (2, *((7919 * i) % 9_000 + 10 for i in range(1, length)))


ours = Ours(
    "vllm",
    folder,
    "safetensors",
    {"threads": int(threads), "context": int(context), "kv_space_mib": int(kv_mib), "eager": eager == "1"},
    [WorkloadPlan(name, "greedy", prompt(length), out) for name, (length, out) in SHAPES.items()],
)

import vllm  # noqa: E402 - the adapter sets what it reads when it is imported
from vllm import LLM  # noqa: E402
from vllm.benchmarks import latency  # noqa: E402
from vllm.utils.argparse_utils import FlexibleArgumentParser  # noqa: E402

made_once = {}


def one_engine(arguments):
    """The tool makes an engine at each call; here the first one serves all of them."""
    if "llm" not in made_once:
        made_once["llm"] = LLM(**vars(arguments))
    return made_once["llm"]


class OneEngine:
    """In place of `vllm.LLM`, of which the tool asks this alone."""

    from_engine_args = staticmethod(one_engine)


sampling = vllm.SamplingParams
# It samples at temperature 1, which on a vocabulary of 262,144 is a cost of its own: both choose greedily here.
vllm.SamplingParams = lambda **given: sampling(**{**given, "temperature": 0.0})
vllm.LLM = OneEngine


def parsed(shape, iterations, result):
    parser = FlexibleArgumentParser()
    latency.add_cli_args(parser)
    return parser.parse_args(
        ["--model", folder, "--input-len", str(shape[0]), "--output-len", str(shape[1]), "--batch-size", "1",
         "--disable-detokenize", "--num-iters-warmup", str(WARMUPS), "--num-iters", str(iterations),
         "--max-model-len", context, "--output-json", result, "--kv-cache-memory-bytes", str(int(kv_mib) << 20),
         "--no-async-scheduling", "--generation-config", "vllm", *(["--enforce-eager"] if eager == "1" else [])]
    )  # fmt: skip


def rate(test):
    """Requests/s of one of ours."""
    return 1e9 / int(ours.trial(test).token_ns[-1])


def pairs(test, order):
    mine = []

    def between(iterations, desc=""):
        """In place of its progress bar: ours before the iteration or after it."""
        for index, one in enumerate(iterations):
            timed = desc.startswith("Bench")
            if timed and order[index] == "ours":
                mine.append(rate(test))
            yield one
            if timed and order[index] == "its":
                mine.append(rate(test))

    latency.tqdm = between
    for _ in range(WARMUPS):
        rate(test)
    with tempfile.TemporaryDirectory() as place:
        result = str(Path(place) / "out.json")
        latency.main(parsed(SHAPES[test], len(order), result))
        found = json.loads(Path(result).read_text())["latencies"]
    yield from zip(mine, (1 / seconds for seconds in found), order, strict=True)


with contextlib.redirect_stdout(sys.stderr):
    serve(int(descriptor), pairs)
