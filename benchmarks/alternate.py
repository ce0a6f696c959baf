"""Ours and a peer in turns, trial by trial in one process: the child, and the page of what it gave."""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import machine
import pairs
from pairs import Quantity, Series
from rig import Rig

from harness.run.execute.launcher import environment

PEERS = Path(__file__).parent / "peers"
BUSY = "The machine was busy: counted is the process's own processor time, with one thread, in which waiting for a core is not."


class Peer:
    """The child process; see peers/alternating.py."""

    def __init__(self, child: subprocess.Popen[str], answers: Iterator[str]) -> None:
        self._child, self._answers = child, answers

    def add(self, test: str, count: int, to: Series) -> None:
        """Measure `count` more pairs. Ends the program where the child died; it has said why on standard error."""
        assert self._child.stdin is not None
        self._child.stdin.write(f"{test} {count}\n")
        self._child.stdin.flush()
        for _ in range(count):
            line = next(self._answers, "")
            if not line:
                sys.exit(f"the peer's process ended with status {self._child.wait()}")
            made = json.loads(line)
            to.ours.append(made["ours"])
            to.its.append(made["its"])
            to.first.append(made["first"])
        print(f"{test}: {to.ratio()} after {len(to.ours)} pairs", file=sys.stderr)


def parser(
    description: str | None, *, looks: Sequence[int] = (100, 200, 400), limit_s: float = 1200, threads: bool = True
) -> argparse.ArgumentParser:
    """With what every script of parity takes; `threads` false where the engine's number can't be set."""
    made = argparse.ArgumentParser(description=description)
    made.add_argument("--looks", type=int, nargs="+", default=list(looks), help="numbers of pairs to decide after")
    made.add_argument("--limit-s", type=float, default=limit_s, help="no look is begun after so many seconds")
    if threads:
        made.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    made.add_argument("--out", type=Path)
    return made


@contextmanager
def peer(rig: Rig, script: str, arguments: Sequence[str], more: Mapping[str, str] | None = None) -> Iterator[Peer]:
    """Start the peer's script in the runtime's interpreter, the worker's bundle and environment around it."""
    reading, writing = os.pipe()
    rig.interpreter.home.mkdir(parents=True, exist_ok=True)
    child = subprocess.Popen(
        [str(rig.interpreter.python), str(PEERS / script), str(writing), *arguments],
        env=environment(rig.interpreter, os.environ) | dict(more or {}),
        stdin=subprocess.PIPE, stdout=sys.stderr, text=True, pass_fds=(writing,), cwd=rig.interpreter.home,
    )  # fmt: skip
    os.close(writing)
    with os.fdopen(reading) as answers:
        try:
            yield Peer(child, answers)
        finally:
            assert child.stdin is not None
            child.stdin.close()
            try:
                child.wait(60)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def page(
    title: str,
    command: str,
    what: Sequence[str],
    name: str,
    quantities: Mapping[str, Quantity],
    made: Mapping[str, Series],
    looks: Sequence[int],
    before: str,
    band: tuple[float, float] = pairs.BAND,
) -> str:
    """The page; `name` is the peer's, `before` what else the machine did before the first trial."""
    level = pairs.level_of(len(looks))
    lines = [f"# {title}", "", f"Made by `{command}`.", f"{machine.line()}; {before}.", *what, ""]
    lines += [
        f"Compared trial by trial in one process, in the order ABBA or BAAB by chance: the median of ours / {name} over pairs",
        f"with its order-statistic interval, looked at after {_words(looks)} pairs at most, with {level:.2%} each, so that",
        f"all looks hold together at {pairs.LEVEL:.0%}. *Equivalent*: the whole interval is inside"
        f" [{band[0]}, {band[1]}]; *not equivalent*:",
        "all of it is outside; else *undecided*. The geometric mean, which a busy moment moves, stands beside it.",
        "",
        f"| what | pairs | ours | {name} | ours / {name}, median [interval] | verdict | least median | met"
        " | geometric mean [95 %] |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for key, quantity in quantities.items():
        series = made[key]
        if not series.ours:
            lines.append(f"| {quantity.title} | 0 | | | | undecided | {quantity.floor or ''} | not decided | |")
            continue
        found = series.ratio(level)
        said = pairs.verdict(found, band)
        cells = (
            quantity.title, str(found.pairs), f"{_median(series.ours):.4g}", f"{_median(series.its):.4g}", str(found),
            said.value, "" if quantity.floor is None else f"{quantity.floor}", pairs.met(found, said, quantity.floor),
            str(pairs.mean_ratio(series.ours, series.its)),
        )  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def write(out: Path | None, text: str, made: Mapping[str, Series]) -> None:
    """The page to `out` and to standard output; every pair beside it as CSV, from which the page's ratios follow."""
    print(text)
    if out is None:
        return
    with out.with_suffix(".csv").open("w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("quantity", "pair", "first", "ours", "its"))
        for name, one in made.items():
            for index, row in enumerate(zip(one.first, one.ours, one.its, strict=True)):
                table.writerow((name, index + 1, row[0], f"{row[1]:.6g}", f"{row[2]:.6g}"))
    out.write_text(text + f"\nEach pair, rates: [{out.stem}.csv]({out.stem}.csv).\n")


def _median(values: Sequence[float]) -> float:
    ordered = sorted(values)
    return (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2


def _words(looks: Sequence[int]) -> str:
    *early, last = map(str, looks)
    return f"{', '.join(early)} and {last}" if early else last
