"""The peer of parity_mistralrs.py: a loop over mistralrs' stream as its documentation writes it, on a runner of its own with the
same settings, in turns with ours. It asks for no likelihoods, and its template is the prompt alone.

Run by the runtime's interpreter: DESCRIPTOR MODEL THREADS CONTEXT CLOCK(wall or processor) PROMPTS(JSON: name → text, ids, out)
"""

import contextlib
import json
import sys
import tempfile
import time
from pathlib import Path

from alternating import Ours, alternate, serve

from harness.measure.workload import WorkloadPlan

descriptor, model, threads, context, clock, given = sys.argv[1:]
PROMPTS = json.loads(given)
WARMUPS = 2
now = {"wall": time.perf_counter_ns, "processor": time.process_time_ns}[clock]

ours = Ours(
    "mistralrs",
    model,
    "gguf",
    {"threads": int(threads), "context": int(context)},
    [WorkloadPlan(name, "greedy", tuple(one["ids"]), one["out"]) for name, one in PROMPTS.items()],
)
ours.use_clock(now)
for one in PROMPTS.values():
    if ours.loaded.take(tuple(one["ids"]), one["text"]) != one["ids"]:
        sys.exit("it splits the prompts otherwise than the model's own tokenizer")

from mistralrs import ChatCompletionRequest, Runner, Which  # noqa: E402 - the adapter sets what it reads when it is imported

with tempfile.TemporaryDirectory() as folder:
    template = Path(folder) / "plain.jinja"
    template.write_text("{% for message in messages %}{{ message['content'] }}{% endfor %}")
    runner = Runner(
        which=Which.GGUF(quantized_model_id=str(Path(model).parent), quantized_filename=Path(model).name),
        max_seqs=1,
        prefix_cache_n=0,
        token_source="none",
        jinja_explicit=str(template),
    )


def rate(name, first_ns, last_ns):
    """Tokens/s of the decode, or of the prompt where it is all that was done."""
    one = PROMPTS[name]
    return (one["out"] - 1) * 1e9 / (last_ns - first_ns) if one["out"] > 1 else len(one["ids"]) * 1e9 / first_ns


def of_ours(name):
    stamps = ours.trial(name).token_ns
    return rate(name, int(stamps[0]), int(stamps[-1]))


def of_its(name):
    one = PROMPTS[name]
    request = ChatCompletionRequest(
        model="default",
        messages=[{"role": "user", "content": one["text"]}],
        max_tokens=one["out"],
        temperature=0.0,
        ignore_eos=True,
        stream=True,
    )
    stamps, usage = [], None
    began = now()
    for chunk in runner.send_chat_completion_request(request):
        stamps.append(now() - began)
        usage = chunk.usage
    if len(stamps) != one["out"] or usage.prompt_tokens != len(one["ids"]):
        sys.exit(f"{len(stamps)} chunks of {one['out']} tokens, {usage.prompt_tokens} prompt tokens")
    return rate(name, stamps[0], stamps[-1])


def pairs(name, order):
    for _ in range(WARMUPS):
        of_ours(name)
        of_its(name)
    yield from alternate(order, lambda: of_ours(name), lambda: of_its(name))


with contextlib.redirect_stdout(sys.stderr):
    serve(int(descriptor), pairs)
