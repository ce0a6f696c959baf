"""Our PyTorch rates against a plain hand-written loop on the same model and static cache, trial by trial in one process."""

from __future__ import annotations

import alternate
import machine
from pairs import Quantity, until_decided
from rig import MODEL, ready


def main() -> None:
    parser = alternate.parser(__doc__)
    parser.add_argument("--prompt", type=int, default=256, help="tokens of a prefill")
    parser.add_argument("--output", type=int, default=6, help="tokens of a decode")
    parser.add_argument(
        "--processor-time", action="store_true", help="with one thread: rates by processor time, for a busy machine"
    )
    chosen = parser.parse_args()
    if chosen.processor_time and chosen.threads != 1:
        parser.error("--processor-time needs --threads 1: of several, all that wait for each other would count")
    clock, unit = ("processor", "tokens a second of processor time") if chosen.processor_time else ("time", "tokens/s")
    quantities = {
        "prefill": Quantity(f"prefill of {chosen.prompt} tokens, first choice included"),
        "decode": Quantity(f"greedy decode of {chosen.output} tokens after 16"),
    }
    rig, before = ready("pytorch"), machine.load()
    context = max(chosen.prompt, 16) + chosen.output + 256
    numbers = [str(number) for number in (chosen.threads, chosen.prompt, chosen.output, context)]
    with alternate.peer(rig, "pytorch_alternate.py", [str(rig.model), clock, *numbers]) as source:
        made = until_decided(quantities, source.add, chosen.looks, chosen.limit_s)
    what: tuple[str, ...] = (
        f"Model {MODEL} as bf16 safetensors, CPU, threads: {chosen.threads}, eager, sdpa, static cache of {context} slots.",
        f"Rates in {unit}; the loop by hand runs on the same model and cache, and chooses as ours does. In a process of its own",
        "it was slower in the prefill, by the page faults of a program that loads no tokenizer:"
        " [runtimes](../runtimes.md#pytorch).",
    )
    what += (alternate.BUSY,) if chosen.processor_time else ()
    looks = " ".join(map(str, chosen.looks))
    command = f"python benchmarks/parity_pytorch.py --looks {looks} --prompt {chosen.prompt} --output {chosen.output}"
    command += " --threads 1 --processor-time" if chosen.processor_time else ""
    text = alternate.page(
        "Parity with a hand-written PyTorch loop", command, what, "loop", quantities, made, chosen.looks, before
    )
    alternate.write(chosen.out, text, made)


if __name__ == "__main__":
    main()
