"""Several triples one after the other: what fails is noted and the rest goes on; an interrupted matrix can be resumed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from harness.catalog.matrices import Loaded
from harness.catalog.triples import Triple
from harness.errors import BadInput, ReproError
from harness.measure.plural import count
from harness.progress import Progress
from harness.record.keys import RigSigner, Signers
from harness.record.schema import Experiment
from harness.run.execute.launcher import Deadlines
from harness.run.kept import Failed, Kept, attempted
from harness.run.prepare import options
from harness.run.request import Request
from harness.run.sweep import PROCESSES, Cell, Ended, Running, Sweep, run_sweep
from runtimes.releases import split
from runtimes.table import find

Bench = Callable[[Request, Progress], Path]
Begin = Callable[[Request, Progress], Running]
FOLDER = ".matrix"


@dataclass(frozen=True, slots=True)
class Entry:
    """How one triple ended: a record, or the error in one line."""

    triple: Triple
    record: Path | None
    error: str = ""


def request_of(
    triple: Triple,
    results: Path,
    resume: bool,
    signers: Signers | RigSigner | None,
    experiment: Experiment | None = None,
    seed: int | None = None,
) -> Request:
    """What `repro bench` would make of it; a resume goes on with what was cut off, or begins. `seed`: None is the suite's."""
    return Request(
        model=triple.model,
        runtime=triple.runtime,
        suite=triple.suite,
        settings=triple.settings,
        results=results,
        backend=triple.backend,
        processes=triple.processes,
        budget_s=triple.budget_s,
        seed=seed,
        resume=resume,
        or_new=resume,
        signers=signers,
        deadlines=Deadlines.of(triple.timeout_s),
        experiment=experiment,
    )


def run_matrix(
    loaded: Loaded,
    results: Path,
    *,
    resume: bool,
    bench: Bench,
    progress: Progress,
    ended: Callable[[Entry], None],
    signers: Signers | None = None,
) -> list[Entry]:
    """Every triple in order, without the sweep; `ended` hears of each at once. Raises `Interrupted` when the user stops it.

    The state lies under `results/.matrix/` until every triple has a record: a resume skips those, goes on with the one
    that was cut off, and tries again what failed.
    """
    kept = _kept(loaded, results, resume)
    entries = []
    for index, triple in enumerate(loaded.matrix.configurations, 1):
        record, error = kept.record(triple.key), ""
        if record is None:
            progress.stage(f"triple {index} of {len(loaded.matrix.configurations)}: {triple}")
            request = request_of(triple, results, resume, signers)
            found = attempted(partial(bench, request, progress), str(triple))
            if isinstance(found, Failed):
                error = found.error
            else:
                record = found
                kept.note(triple.key, record)
        entries.append(Entry(triple, record, error))
        ended(entries[-1])
    if all(entry.record is not None for entry in entries) and loaded.matrix.sweep is None:
        kept.discard()
    return entries


def refuse_machines(loaded: Loaded) -> None:
    """Raises `BadInput` for a matrix that is for a fleet: what it says of machines would be left out in silence."""
    matrix = loaded.matrix
    if matrix.machines or matrix.pairs or matrix.needs is not None or matrix.budget_s is not None:
        raise BadInput(
            "machines, pairs, needs and budget_s are for a fleet",
            where=loaded.matrix.name,
            fix="run: repro fleet run FILE, or leave them out",
        )


def refuse_bad_sweep(loaded: Loaded) -> None:
    """Raises `BadInput` for a value of the sweep's options that the runtime does not take, and for two combinations that it
    takes for one (`1` and `"1"`), and for a secret with several values, before anything is measured.
    """
    if loaded.matrix.sweep is None:
        return
    adapter = find(split(loaded.matrix.sweep.runtime).name)
    taken: list[Mapping[str, Any]] = []
    for cell in loaded.matrix.sweep.cells():
        meant = options.parse(cell.settings, adapter.options, adapter.name)
        if meant in taken:
            raise BadInput(
                f"two combinations mean the same: {' '.join(cell.settings)}",
                where=f"{loaded.matrix.name}: sweep",
                fix="give each value once",
            )
        taken.append(meant)
    secret = next((name for name in loaded.matrix.sweep.swept if adapter.options[name].secret), None)
    if secret is not None:
        raise BadInput(
            "a secret can't be swept: no record tells it",
            where=f"{loaded.matrix.name}: sweep: {secret}",
            fix="give it once",
        )


def refuse_reaching(loaded: Loaded, allowed: Sequence[str]) -> None:
    """Raises `BadInput` for a setting that names a program, a file or an address, unless the user named it, too.

    What else is wrong with a configuration is told in its turn.
    """
    swept = () if loaded.matrix.sweep is None else loaded.matrix.sweep.cells()
    for triple in (*loaded.matrix.configurations, *swept):
        try:
            adapter = find(split(triple.runtime).name)
            options.parse(triple.settings, adapter.options, adapter.name)
        except ReproError:
            continue
        options.refuse_reaching(triple.settings, adapter.options, allowed)


def cells_of(loaded: Loaded, results: Path, resume: bool, signers: Signers | None) -> list[Cell]:
    """The runs of the matrix's sweep; none where it has none."""
    swept, cells = loaded.matrix.sweep, []
    for triple in () if swept is None else swept.cells():
        request = request_of(triple, results, resume, signers)
        named = dict(setting.split("=", 1) for setting in triple.settings)
        own = replace(request, processes=triple.processes or PROCESSES)
        cells.append(Cell({} if swept is None else {name: named[name] for name in swept.swept}, own))
    return cells


def run_swept(
    loaded: Loaded,
    results: Path,
    *,
    resume: bool,
    begin: Begin,
    progress: Progress,
    done: Sequence[Entry],
    signers: Signers | None = None,
) -> list[tuple[Entry, Ended]]:
    """The matrix's sweep after its triples, which are `done`: each combination as an entry, too. Raises `Interrupted`."""
    swept = loaded.matrix.sweep
    if swept is None:
        return []
    kept = _kept(loaded, results, resume=True)
    triples, cells = swept.cells(), cells_of(loaded, results, resume, signers)
    progress.stage(f"sweep of {count(len(cells), 'cell')}")
    sweep = Sweep(cells, kept, swept.seed, swept.budget_s)
    if done:  # what is refused now is the sweep's affair: the triples have their records
        found = attempted(lambda: run_sweep(sweep, begin, progress), "sweep")
        ended = [Ended(cell, None, found.error) for cell in cells] if isinstance(found, Failed) else found
    else:
        ended = run_sweep(sweep, begin, progress)
    entries = [Entry(triple, one.record, one.error) for triple, one in zip(triples, ended, strict=True)]
    if all(entry.record is not None for entry in (*done, *entries)):
        kept.discard()
    return list(zip(entries, ended, strict=True))


def _kept(loaded: Loaded, results: Path, resume: bool) -> Kept:
    """What an earlier start has, where it is to be continued."""
    kept = Kept(results, FOLDER, f"{loaded.matrix.name}-{loaded.sha256[:16]}")
    if resume:
        kept.read()
    else:
        kept.write()  # nothing of an earlier start is left in it
    return kept
