"""What our loop of llama.cpp costs by itself: the same loop with an engine that does nothing. Holds on a busy machine, too."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
from pathlib import Path

import machine
from alternate import PEERS
from parity_llama_cpp import build
from rig import MODEL, ready

from harness.run.execute.launcher import environment


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=2000)
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    rig = ready()
    with tempfile.TemporaryDirectory() as folder:
        library = build(rig, Path(folder) / "loop.so")
        command = [str(rig.interpreter.python), str(PEERS / "llama_cpp_cost.py"), str(rig.model), str(chosen.rounds)]
        own = environment(rig.interpreter, os.environ)
        done = subprocess.run([*command, str(library)], env=own, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    vocabulary = int(found.pop("vocabulary"))
    lines = [
        "# What our loop of llama.cpp costs",
        "",
        f"Made by `python benchmarks/loop_cost.py --rounds {chosen.rounds}`.",
        f"{machine.line()}.",
        "The worker's loop, with two calls of the engine (`llama_decode`, `llama_synchronize`) replaced by C functions that do",
        f"nothing; the least of {chosen.rounds} rounds, caches warm. A choice is numpy's arg-max over the {vocabulary:,} logits",
        f"of {MODEL}.",
        "",
        "| what | µs |",
        "|---|---|",
        *(f"| {name} | {value:.2f} |" for name, value in found.items()),
        "",
        "A step of 10 ms that costs 50 µs more is 0.995 of its rate: the floor of the decode in [parity](parity-llama-cpp.md).",
    ]
    page = "\n".join(lines) + "\n"
    print(page)
    if chosen.out:
        chosen.out.write_text(page)


if __name__ == "__main__":
    main()
