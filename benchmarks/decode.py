"""What decoding samples in a process apart costs: processor time a record, here and in the child, against decoding them here.

python benchmarks/decode.py --out docs/measurements/decode.md
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from statistics import median

import machine

from harness.demo.records import Setup, trials_of
from harness.record import decode_child, decode_process, samples
from harness.verify.trials import columns_of

ROUNDS = 7


def child_seconds() -> float:
    """Processor time of the decoders' server and its children so far; a hundredth of a second is the kernel's step."""
    server = Path(f"/proc/{decode_process._held[0].process.pid}")
    children = server.joinpath("task", server.name, "children").read_text().split()
    ticks = 0
    for process in (server, *(server.parent / child for child in children)):
        words = process.joinpath("stat").read_text().rpartition(")")[2].split()
        ticks += sum(map(int, words[11:15]))  # those that ended are counted in the server's
    return ticks / os.sysconf("SC_CLK_TCK")


def cost(files: list[bytes], decode: Callable[[bytes], object]) -> float:
    """Milliseconds of this process a file."""
    began = time.process_time()
    for one in files:
        decode(one)
    return (time.process_time() - began) / len(files) * 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=500)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    schema = samples.schema()
    files = [samples.encode(columns_of(trials_of(Setup(seed=i)))) for i in range(options.records)]
    apart = [
        lambda data: samples.decode(data, sha256(data).hexdigest(), "x"),
        lambda data: decode_child.columns(data, schema),
    ]
    for decode in apart:
        cost(files[:20], decode)
    found = []
    for _ in range(ROUNDS):  # in turns: the machine's speed is not its own
        before = child_seconds()
        parent = cost(files, apart[0])
        child = (child_seconds() - before) / len(files) * 1e3
        found.append((parent, child, cost(files, apart[1])))
    parent, child, here = (median(column) for column in zip(*found, strict=True))
    more = sorted(p + c - h for p, c, h in found)
    lines = [
        "# What decoding in a process apart costs\n",
        f"Made by `python benchmarks/decode.py {' '.join(sys.argv[1:])}`.\n".replace(" `.", "`."),
        f"{machine.line()}.\n",
        f"Samples of {options.records} records of 15 trials, {ROUNDS} rounds in turns, medians; ms of processor time each:\n",
        "| who asks | the child | both | decoded and counted in the process itself | more, apart (least to most) |",
        "|---|---|---|---|---|",
        f"| {parent:.2f} | {child:.2f} | {parent + child:.2f} | {here:.2f} "
        f"| {median(more):.2f} ({more[0]:.2f} to {more[-1]:.2f}) |",
    ]
    text = "\n".join(lines) + "\n"
    print(text)
    if options.out is not None:
        options.out.write_text(text)


if __name__ == "__main__":
    main()
