"""How long `make bench` takes from an empty cache, for each runtime: `python benchmarks/from_bare.py [RUNTIME …]`.

Each runtime begins with an empty cache of its own: its environment is made, the model fetched and, where needed, converted,
then the suite `quick` is measured in two processes, and all of it once more. The checkout's own `.venv` is there
already. `--out PAGE` writes the page.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import machine

SMOLLM2 = "smollm2-135m-instruct-q4_1"
MODELS = {
    "llama.cpp": "gemma-3-270m-q4_k_m",
    "llama-server": "gemma-3-270m-q4_k_m",
    "pytorch": "gemma-3-270m-q4_k_m",
    "mlx": "gemma-3-270m-q4_k_m",
    "vllm": "gemma-3-270m-q4_k_m",
    "vllm-server": "gemma-3-270m-q4_k_m",
    "openvino": SMOLLM2,
    "mistralrs": SMOLLM2,
}


@dataclass(frozen=True)
class Took:
    """Seconds of the first and the second `make bench`, and bytes of the cache after both."""

    runtime: str
    first_s: float
    again_s: float
    cache_bytes: int


def size(folder: Path) -> int:
    seen = {}
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            found = path.stat()
            seen[found.st_dev, found.st_ino] = found.st_blocks * 512
    return sum(seen.values())


def once(runtime: str, cache: Path) -> float:
    """Seconds of one `make bench`; raises CalledProcessError where it fails."""
    arguments = f"--processes 2 --results {cache / 'results'}"
    command = ["make", "bench", f"MODEL={MODELS[runtime]}", f"RUNTIME={runtime}", "SUITE=quick", f"ARGS={arguments}"]
    before = time.monotonic()
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache)}
    root = Path(__file__).parents[1]
    subprocess.run(command, cwd=root, env=environment, check=True, stdout=sys.stderr, stdin=subprocess.DEVNULL)
    return time.monotonic() - before


def measured(runtime: str) -> Took:
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder)
        first, again = once(runtime, cache), once(runtime, cache)
        return Took(runtime, first, again, size(cache))


def row(one: Took) -> str:
    times = f"{one.first_s / 60:.1f} | {one.again_s / 60:.1f}"
    return f"| `{one.runtime}` | {MODELS[one.runtime]} | {times} | {one.cache_bytes / 1e9:.1f} |"


def page(made: list[Took], before: str) -> str:
    lines = [
        "# From an empty cache to a record",
        "",
        f"Made by `python benchmarks/from_bare.py {' '.join(one.runtime for one in made)}`.",
        f"{machine.line()}; {before}.",
        "",
        "`make bench RUNTIME=…` with the suite `quick` in two processes, each runtime with an empty cache of its own:",
        "environment, model, conversion where one is needed, and the measurement. *Again* is the same command once more: what",
        "is made is there, and the difference is what making it took. Packages come over this machine's network.",
        "",
        "| runtime | model | first, minutes | again, minutes | cache, GB |",
        "|---|---|--:|--:|--:|",
    ]
    return "\n".join([*lines, *map(row, made)]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runtimes", nargs="*", metavar="RUNTIME", help="default: all")
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    before, made = machine.load(), []
    if unknown := set(chosen.runtimes) - set(MODELS):
        parser.error(f"no such runtime here: {', '.join(sorted(unknown))}; there are: {', '.join(MODELS)}")
    for runtime in chosen.runtimes or MODELS:
        made.append(measured(runtime))
        if chosen.out is not None:
            chosen.out.write_text(page(made, before))  # what is measured is kept
    print(page(made, before))


if __name__ == "__main__":
    main()
