"""`repro tune` from its words to its answer: what is tried, the table of the search, and the gain that may be claimed."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.capture import snapshot
from harness.compare.sweep import text_of
from harness.errors import BadInput
from harness.record.settings import Kind, kind_of
from harness.record.store import read
from harness.run.kept import Kept
from harness.run.prepare.lists import Listed, Lists, lists_of
from harness.run.scores import Objective
from harness.run.search_space import space_of
from harness.run.session import Session, alone
from harness.run.sweep import Cell, to_continue
from harness.run.tune import FOLDER, Tuned, Tuning, tune
from harness.terminal.console import escape
from harness.terminal.keys import open_keys
from harness.units import count, ratio, share
from harness.verify.unusable import first_line
from runtimes.releases import split
from runtimes.table import find

if TYPE_CHECKING:
    from rich.console import Console

    from harness.measure.elimination import Gain
    from harness.progress import Progress
    from harness.run.request import Request


@dataclass(frozen=True, slots=True)
class Search:
    """What is tried; `remarks` are said before it begins, `key` names it for a resume."""

    tuning: Tuning
    fixed: tuple[str, ...]
    remarks: tuple[str, ...]
    key: str


def objective_of(purpose: str, weight: float | None) -> Objective:
    """Raises `BadInput` for a weight without a mix."""
    if weight is not None and purpose != "mix":
        raise BadInput("is for a mix", where="--weight", fix="add --for mix, or leave it out")
    mixed = 0.5 if weight is None else weight
    return Objective({"decode": 1.0, "prefill": 0.0}.get(purpose, mixed))


def search_of(request: Request, settings: Sequence[str], objective: Objective, budget_s: int) -> Search:
    """The default and every combination. Raises `BadInput` as `lists_of`, and where nothing is to be tried."""
    adapter, cores = find(split(request.runtime).name), snapshot.cores()
    given = lists_of(settings, adapter.options, adapter.name)
    fixed = {one.name: one.values[0] for one in given.options if len(one.values) == 1}
    swept = {one.name: one.values for one in given.options if len(one.values) > 1}
    if not swept:
        swept = space_of(adapter.name, adapter.options, request.backend, cores, objective, fixed)
    usual = {name: text_of(cores if name == "threads" else adapter.options[name].default) for name in swept}
    signers = None if adapter.capabilities.synthetic else open_keys()
    own = tuple(f"{name}={value}" for name, value in fixed.items())
    base = replace(request, settings=own, signers=signers)
    cells = [Cell({}, base)]
    for values in Lists(tuple(Listed(name, own_values) for name, own_values in swept.items())).cells():
        if values != usual:
            chosen = tuple(f"{name}={value}" for name, value in values.items())
            cells.append(Cell(values, replace(base, settings=(*own, *chosen))))
    remarks = [
        f"{name} changes the computation: what is faster is then not the same work"
        for name in swept
        if kind_of(adapter.name, name) is Kind.COMPUTES
    ]
    asked = [request.model, request.runtime, request.suite, request.backend, request.seed, objective.weight, own]
    key = sha256(json.dumps([asked, list(swept.items())]).encode()).hexdigest()[:16]
    return Search(Tuning(cells, objective, budget_s, request.seed or 0), own, tuple(remarks), key)


def run(search: Search, results: Path, resume: bool, progress: Progress) -> Tuned:
    """As `harness.run.tune.tune`, alone on this machine."""
    kept = Kept(results, FOLDER, search.key)
    if resume:
        to_continue(kept, "search")
    for remark in search.remarks:
        progress.remark(remark)
    progress.stage(f"tuning: {count(len(search.tuning.cells), 'candidate')}, budget {search.tuning.budget_s:.0f} s")
    with alone(progress, [cell.request for cell in search.tuning.cells]):
        return tune(search.tuning, kept, Session, progress)


def options_of(found: Tuned, search: Search) -> str:
    """The winner's options as a line to paste; "" where there are none to give."""
    chosen = (f"{name}={value}" for name, value in found.candidates[found.winner].settings.items())
    return " ".join(f"-o {shlex.quote(text)}" for text in (*search.fixed, *chosen))


def doubts(found: Tuned) -> list[str]:
    """Of the records of the second measurement: whose own checks failed, so that the gain is not to be used."""
    lines = ((path.parent.name, first_line(read(path).record)) for path in found.records)
    return [f"{name}: {line}" for name, line in lines if line]


def to_json(found: Tuned, search: Search) -> dict[str, Any]:
    """The whole answer."""
    return {
        **asdict(found),
        "records": [str(path) for path in found.records],
        "faster": found.gain is not None and found.gain.sure,
        "options": options_of(found, search),
        "weight_of_decode": search.tuning.objective.weight,
        "budget_s": search.tuning.budget_s,
    }


def print_tuned(console: Console, found: Tuned, search: Search, purpose: str) -> None:
    """The search, then what may be claimed."""
    from rich.table import Table

    what = purpose if purpose != "mix" else f"a mix, {share(search.tuning.objective.weight)} of it decode"
    console.print(
        f"tuned for {what}: {count(len(found.candidates), 'candidate')}, {count(found.rounds, 'round')}, "
        f"{found.elapsed_s:.0f} s",
        markup=False,
    )
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("candidate", "processes", "/ winner in the search", ""):
        shown.add_column(name, justify="right" if name in ("processes", "/ winner in the search") else "left")
    for place in sorted(range(len(found.candidates)), key=lambda one: _rank(found, one)):
        one = found.candidates[place]
        held = "" if one.error else ratio(_of_winner(found, place))
        shown.add_row(escape(_name(found, place)), str(len(one.scores)), held, escape(_state(found, place)))
    console.print(shown)
    console.print()
    for line in _claim(found, search):
        console.print(line, markup=False, soft_wrap=True)


def _name(found: Tuned, place: int) -> str:
    return " ".join(f"{name}={value}" for name, value in found.candidates[place].settings.items()) or "the default"


def _of_winner(found: Tuned, place: int) -> float:
    own, best = found.candidates[place].scores, found.candidates[found.winner].scores
    rounds = min(len(own), len(best))
    return math.exp(sum(a - b for a, b in zip(own[:rounds], best[:rounds], strict=True)) / rounds)


def _rank(found: Tuned, place: int) -> tuple[bool, float]:
    failed = bool(found.candidates[place].error)
    return (failed, 0.0 if failed else -_of_winner(found, place) - 9 * (place == found.winner))


def _state(found: Tuned, place: int) -> str:
    one = found.candidates[place]
    if one.error:
        return f"failed: {one.error}"
    if place == found.winner:
        return "winner"
    return "tie" if one.dropped is None else f"slower, dropped in round {one.dropped}"


def _claim(found: Tuned, search: Search) -> list[str]:
    """What is sure, what is tied, and the line to paste."""
    # Of the default the second measurement tells.
    sure = found.gain is not None and (found.gain.sure or found.gain.high < 1)
    ties = ", ".join(_name(found, place) for place in found.tied if place or not sure)
    lines = [f"not told from the winner: {ties}"] if ties else []
    if found.winner == 0 and all(one.error for one in found.candidates[1:]):
        return [*lines, "no other candidate could be measured: nothing stands beside the default"]
    if found.winner == 0:
        return [*lines, "nothing of this is faster than the default: no options are needed"]
    if found.gain is None:
        return [
            *lines,
            f"the default could not be measured, so no gain is claimed; options: {options_of(found, search)}",
        ]
    again = f"measured again on {count(found.gain.pairs, 'pair')} of fresh processes"
    lines += [f"{again}: {name} is {_gain(one)} of the default's" for name, one in found.rates.items()]
    if len(found.rates) > 1 and 0 < search.tuning.objective.weight < 1:
        lines.append(f"the mix is {_gain(found.gain)} of the default's")
    if found.gain.sure:
        lines.append(f"options: {options_of(found, search)}")
    elif found.gain.high < 1:
        lines.append("the winner of the search is slower than the default: leave the options out")
    else:
        lines.append("not surely faster than the default: leave the options out, or give a larger --budget")
    return [*lines, *(f"record: {path.parent}" for path in found.records)]


def _gain(one: Gain) -> str:
    return f"{ratio(one.ratio)} ({share(one.level)} interval {ratio(one.low)} to {ratio(one.high)})"
