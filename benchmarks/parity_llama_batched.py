"""Several requests at once in llama.cpp against llama-batched-bench of the same build: the same libraries, model and settings.

The tool is compiled here against the libraries of the environment that we measure in (llama_bench.py). It loads the model in a
process of its own each time, we keep ours: what placement of memory does to one of them is in the ratio, too.
"""

from __future__ import annotations

import alternate
import llama_bench
import machine
from pairs import Quantity, until_decided
from rig import MODEL, ready

BAND = (0.97, 1.03)


def main() -> None:
    parser = alternate.parser(__doc__, looks=(100, 200), limit_s=1800)
    parser.add_argument("--sequences", type=int, default=4, help="requests at once")
    parser.add_argument("--prompt", type=int, default=64, help="tokens of each prompt of a prefill")
    parser.add_argument("--output", type=int, default=24, help="steps of a decode")
    parser.add_argument("--repetitions", type=int, default=3, help="of both, of which the median counts")
    chosen = parser.parse_args()
    several = chosen.sequences
    quantities = {
        "pp": Quantity(f"prefill of {several} prompts of {chosen.prompt} tokens"),
        "tg": Quantity(f"decode of {several} requests, {chosen.output} steps"),
        "greedy": Quantity("the same with our choice of tokens, which the tool does not make"),
    }
    rig, before = ready(), machine.load()
    program = llama_bench.build(rig, "llama-batched-bench")
    numbers = [chosen.threads, several, chosen.prompt, chosen.output, chosen.repetitions]
    arguments = [str(rig.model), *map(str, numbers), str(program)]
    with alternate.peer(rig, "llama_batched_alternate.py", arguments, llama_bench.variables(rig)) as source:
        made = until_decided(quantities, source.add, chosen.looks, chosen.limit_s, band=BAND)
    what = (
        f"Model {MODEL}, threads: {chosen.threads}, batch 2048, ubatch 512, flash attention on, KV f16, a cache of its own for",
        f"each request. Rates of all requests together, tokens/s; each the median of {chosen.repetitions} repetitions.",
        "llama-batched-bench feeds random ids and chooses none; it is a fresh process in each pair.",
    )
    command = (
        f"python benchmarks/parity_llama_batched.py --looks {' '.join(map(str, chosen.looks))} --sequences {several}"
    )
    command += f" --prompt {chosen.prompt} --output {chosen.output} --repetitions {chosen.repetitions} --threads {chosen.threads}"
    title = f"Parity with llama-batched-bench, {several} requests at once"
    text = alternate.page(title, command, what, "tool", quantities, made, chosen.looks, before, BAND)
    alternate.write(chosen.out, text, made)


if __name__ == "__main__":
    main()
