"""Our mistral.rs trials against a loop over its own stream, trial by trial in one process, each on a runner of its own."""

from __future__ import annotations

import json
from dataclasses import asdict

import alternate
import machine
from pairs import Quantity, until_decided
from rig import Rig, ready

from harness.catalog import models
from harness.catalog.identity import identify
from harness.progress import SILENT
from harness.run.evidence import ModelHere
from harness.run.prepare import reference, tokens

MODEL = "smollm2-135m-instruct-q4_1"
CONTEXT = 256
# Short: this engine computes some 15 tokens a second with one thread.
TEXTS = {
    "decode": ("The sea", 6),
    "prefill": ("The boats come home one after the other.", 1),
}


def main() -> None:
    parser = alternate.parser(__doc__, limit_s=3600)
    parser.add_argument("--processor-time", action="store_true", help="on a busy machine: one thread, its own time")
    chosen = parser.parse_args()
    threads = 1 if chosen.processor_time else chosen.threads
    rig, before = ready("mistralrs", MODEL), machine.load()
    prompts = _prompts(rig)
    quantities = {
        name: Quantity(
            f"decode of {one['out'] - 1}, tokens/s" if one["out"] > 1 else f"prefill of {len(one['ids'])}, tokens/s"
        )
        for name, one in prompts.items()
    }
    clock = "processor" if chosen.processor_time else "wall"
    given = [str(rig.model), str(threads), str(CONTEXT), clock, json.dumps(prompts)]
    with alternate.peer(rig, "mistralrs_alternate.py", given, {"RAYON_NUM_THREADS": str(threads)}) as source:
        made = until_decided(quantities, source.add, chosen.looks, chosen.limit_s)
    what = [
        f"Model {MODEL}, CPU, threads: {threads}, prefix cache off, both greedy, one sequence. Ours asks for each token's id."
    ]
    what += [alternate.BUSY] if chosen.processor_time else []
    command = f"python benchmarks/parity_mistralrs.py --looks {' '.join(map(str, chosen.looks))}"
    command += " --processor-time" if chosen.processor_time else ""
    title, name = "Parity with a loop over mistral.rs' stream", "the loop"
    text = alternate.page(title, command, what, name, quantities, made, chosen.looks, before)
    alternate.write(chosen.out, text, made)


def _prompts(rig: Rig) -> dict[str, dict[str, object]]:
    """Each text with its reference ids."""
    wanted = tokens.Texts({name: text for name, (text, _) in TEXTS.items()}, dict.fromkeys(TEXTS))
    model = ModelHere(rig.model, identify(models.load(MODEL), rig.model, rig.cache), {})
    found = reference.ids_of(model, wanted, f"parity {json.dumps(asdict(wanted))}", rig.cache, SILENT)
    return {name: {"text": text, "ids": found.ids[name], "out": out} for name, (text, out) in TEXTS.items()}


if __name__ == "__main__":
    main()
