"""Runs a sweep from the command line and shows how it ended: `repro bench` with lists, and a matrix's `[sweep]`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.compare.sweep import Measured, SweepTable, table
from harness.record.store import read
from harness.run.kept import Kept
from harness.run.session import Session, alone
from harness.run.sweep import FOLDER, PROCESSES, Cell, Ended, Sweep, run_sweep, to_continue
from harness.terminal.console import err, out, print_json
from harness.terminal.sweep import print_sweep
from harness.units import count
from harness.verify.unusable import CHECKS_FAILED, first_line

if TYPE_CHECKING:
    from harness.progress import Progress
    from harness.run.prepare.lists import Lists
    from harness.run.request import Request


def cells_of(request: Request, lists: Lists) -> list[Cell]:
    """A run for each combination of the lists' values; of a continued sweep a cell that was not begun begins."""
    whole = replace(request, processes=request.processes or PROCESSES, or_new=request.resume)
    cells = []
    for values in lists.cells():
        settings = tuple(f"{name}={value}" for name, value in values.items())
        swept = {name: values[name] for name in lists.swept}
        cells.append(Cell(swept, replace(whole, settings=settings)))
    return cells


def measure(request: Request, lists: Lists, progress: Progress) -> list[Ended]:
    """Every cell, as `run_sweep`."""
    cells = cells_of(request, lists)
    kept = Kept(request.results, FOLDER, _key(request, lists))
    if request.resume:
        to_continue(kept, "sweep")
    with alone(progress, [cell.request for cell in cells]):
        ended = run_sweep(Sweep(cells, kept, request.seed or 0, request.budget_s), Session, progress)
    if all(one.record is not None for one in ended):
        kept.discard()
    return ended


def _key(request: Request, lists: Lists) -> str:
    """Names the sweep, for a resume: what must be equal."""
    asked = [request.model, request.runtime, request.suite, request.backend, str(request.python), request.seed]
    options = [(one.name, one.values) for one in lists.options]
    return sha256(json.dumps([asked, options, request.processes]).encode()).hexdigest()[:16]


def table_of(ended: Sequence[Ended]) -> SweepTable | None:
    """The sweep as a value; None where no cell has a record."""
    if all(one.record is None for one in ended):
        return None
    paths = [one.record or one.failure for one in ended]
    stored = [None if path is None else read(path) for path in paths]
    return table([Measured(one.cell.settings, own, one.error) for one, own in zip(ended, stored, strict=True)])


def report(ended: Sequence[Ended], results: Path, *, as_json: bool) -> int:
    """Print it; the exit status: 3 where a cell failed, else 4 where a record's own checks failed, else 0."""
    found = table_of(ended)
    if as_json:
        print_json({"sweep": None if found is None else found.to_json(), "cells": [_json(one) for one in ended]})
    elif found is not None:
        print_sweep(out(), found)
        made = sum(one.record is not None for one in ended)
        out().print(f"{count(made, 'record')} in {results}; repro runs lists them", markup=False)
    if as_json or found is None:
        for one in ended:
            if one.error:
                err().print(f"{one.cell}: {one.error}", markup=False, soft_wrap=True)
    unusable = [line for one in ended if one.record and (line := first_line(read(one.record).record))]
    for line in unusable:
        err().print(line, markup=False)
    if any(one.record is None for one in ended):
        return 3
    return CHECKS_FAILED if unusable else 0


def _json(one: Ended) -> dict[str, Any]:
    return {
        "settings": dict(one.cell.settings),
        "record": None if one.record is None else str(one.record),
        "error": one.error,
        "failure": None if one.failure is None else str(one.failure),
    }
