"""How long `make bench` takes from an empty cache, for each runtime: `python benchmarks/from_bare.py [RUNTIME …]`.

Each runtime begins with an empty cache of its own: its environment is made, the model fetched and, where needed, converted,
then the suite `quick` is measured in two processes, and all of it once more. The checkout's own `.venv` is there
already. `--out PAGE` writes the page; rows of other runtimes that it has stay.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
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
    return f"| `{one.runtime}` | {MODELS[one.runtime]} | {times} | {one.cache_bytes / 1e9:.1f} | {date.today()} |"


def earlier(page: Path | None) -> dict[str, str]:
    """The rows of a page by their runtimes."""
    lines = [] if page is None or not page.exists() else page.read_text().splitlines()
    return {line.split("`")[1]: line for line in lines if line.startswith("| `")}


def page(rows: Mapping[str, str], before: str) -> str:
    lines = [
        "# From an empty cache to a record",
        "",
        "Made by `python benchmarks/from_bare.py --out docs/measurements/from-bare.md RUNTIME`, some runtimes at a time: each",
        f"row has its day. The last: {machine.line()}; {before}.",
        "",
        "`make bench RUNTIME=…` with the suite `quick` in two processes, each runtime with an empty cache of its own:",
        "environment, model, conversion where one is needed, and the measurement. *Again* is the same command once more: what",
        "is made is there, and the difference is what making it took. Packages come over this machine's network.",
        "",
        "| runtime | model | first, minutes | again, minutes | cache, GB | measured |",
        "|---|---|--:|--:|--:|---|",
    ]
    return "\n".join([*lines, *(rows[name] for name in MODELS if name in rows)]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runtimes", nargs="*", metavar="RUNTIME", help="default: all")
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    before, rows = machine.load(), earlier(chosen.out)
    if unknown := set(chosen.runtimes) - set(MODELS):
        parser.error(f"no such runtime here: {', '.join(sorted(unknown))}; there are: {', '.join(MODELS)}")
    for runtime in chosen.runtimes or MODELS:
        rows[runtime] = row(measured(runtime))
        if chosen.out is not None:
            chosen.out.write_text(page(rows, before))  # what is measured is kept
    print(page(rows, before))


if __name__ == "__main__":
    main()
