"""Prefill and decode behind tokens in the cache against llama-bench -d of the same build: the same libraries, model and settings.

llama-bench loads the model and fills its cache in a process of its own each time, outside of its clock; we keep ours.
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
    parser.add_argument("--depth", type=int, default=1024, help="tokens in the cache")
    parser.add_argument("--prompt", type=int, default=128, help="tokens of a prefill")
    parser.add_argument("--output", type=int, default=24, help="tokens of a decode")
    parser.add_argument("--repetitions", type=int, default=3, help="of both, of which the median counts")
    chosen = parser.parse_args()
    quantities = {
        "pp": Quantity(f"prefill (pp{chosen.prompt}@d{chosen.depth})"),
        "tg": Quantity(f"decode (tg{chosen.output}@d{chosen.depth})"),
    }
    rig, before = ready(), machine.load()
    program = llama_bench.build(rig)
    numbers = [chosen.threads, chosen.depth, chosen.prompt, chosen.output, chosen.repetitions]
    arguments = [str(rig.model), *map(str, numbers), str(program)]
    with alternate.peer(rig, "llama_depth_alternate.py", arguments, llama_bench.variables(rig)) as source:
        made = until_decided(quantities, source.add, chosen.looks, chosen.limit_s, band=BAND)
    what = (
        f"Model {MODEL}, threads: {chosen.threads}, batch 2048, ubatch 512, flash attention on, KV f16; {chosen.depth} tokens in",
        f"the cache before the clock starts. Tokens/s, each the median of {chosen.repetitions} repetitions.",
        "llama-bench is a fresh process in each pair.",
    )
    looks = " ".join(map(str, chosen.looks))
    command = f"python benchmarks/parity_llama_depth.py --looks {looks} --depth {chosen.depth} --prompt {chosen.prompt}"
    command += f" --output {chosen.output} --repetitions {chosen.repetitions} --threads {chosen.threads}"
    title = f"Parity with llama-bench behind {chosen.depth:,} tokens"
    text = alternate.page(title, command, what, "tool", quantities, made, chosen.looks, before, BAND)
    alternate.write(chosen.out, text, made)


if __name__ == "__main__":
    main()
