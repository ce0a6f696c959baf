"""`repro matrix`: several configurations on this machine, one after the other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.files import append_text, appendable
from harness.terminal.allow_option import allow_option
from harness.terminal.new_file import NewFile
from harness.terminal.results_option import results_option

if TYPE_CHECKING:
    from harness.verify.reading import Checked


@click.group()
def matrix() -> None:
    """A matrix is a TOML file that names configurations: model, runtime, suite, options."""


@matrix.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--resume", is_flag=True, help="Continue a matrix that was interrupted; retry what failed.")
@results_option
@allow_option
@click.option("--summary", type=NewFile(), help="Append the table to this file as Markdown.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def run(file: Path, resume: bool, results: Path, allowed: tuple[str, ...], summary: Path | None, as_json: bool) -> int:
    """Measure every configuration of FILE, one record each.

    One that fails does not stop the others. Exit status 3 when one failed, 4 when a record's own checks failed.
    """
    from harness import units
    from harness.catalog import matrices
    from harness.errors import Interrupted
    from harness.record import store
    from harness.run.bench import bench
    from harness.run.matrix import (
        Entry,
        cells_of,
        refuse_bad_sweep,
        refuse_machines,
        refuse_reaching,
        run_matrix,
        run_swept,
    )
    from harness.run.session import Session, alone, refuse_early
    from harness.run.sweep import Ended
    from harness.terminal.console import err, out, print_json
    from harness.terminal.keys import open_keys
    from harness.terminal.progress import shown
    from harness.terminal.publish import picture
    from harness.terminal.side_by_side import matrix_markdown, matrix_rows, print_matrix
    from harness.terminal.sweep import print_sweep
    from harness.terminal.sweeping import table_of
    from harness.verify.reading import check
    from harness.verify.unusable import CHECKS_FAILED, first_line, reasons

    loaded = matrices.read(file)
    refuse_machines(loaded)
    refuse_bad_sweep(loaded)
    refuse_reaching(loaded, allowed)
    store.writable(results)
    if summary is not None:
        appendable(summary)
    signers = open_keys()
    refuse_early(cell.request for cell in cells_of(loaded, results, resume, signers))  # not after an hour of triples
    entries: list[Entry] = []
    swept: list[Ended] = []
    count = len(loaded.matrix.configurations)
    try:
        with shown() as progress:
            run_matrix(
                loaded,
                results,
                resume=resume,
                bench=bench,
                progress=progress,
                ended=entries.append,
                signers=signers,
            )
            if loaded.matrix.sweep is not None:
                with alone(progress):
                    made = run_swept(
                        loaded,
                        results,
                        resume=resume,
                        begin=Session,
                        progress=progress,
                        done=entries,
                        signers=signers,
                    )
                entries += [entry for entry, _ in made]
                swept = [cell for _, cell in made]
    except Interrupted:
        whole = units.count(count, "configuration is", "configurations are")
        err().print(f"{len(entries)} of {whole} done; continue with --resume")
        raise
    checked = [None if entry.record is None else check(store.read(entry.record)) for entry in entries]
    rows = matrix_rows(entries, [None if one is None else one.stored.record for one in checked])
    if summary is not None:
        append_text(summary, matrix_markdown(loaded.matrix.title or loaded.matrix.name, rows))
    if as_json:
        print_json(
            [
                {
                    "triple": entry.triple.model_dump(),
                    "record": None if entry.record is None else str(entry.record),
                    "error": entry.error,
                }
                for entry in entries
            ]
        )
    else:
        if count:
            print_matrix(out(), rows[:count])
            out().print(
                picture([one.record.parent for one in entries[:count] if one.record]), markup=False, soft_wrap=True
            )
        if swept and (found := table_of(swept)) is not None:
            print_sweep(out(), found)
        _agreements([one for one in checked if one is not None])
    unusable = [one.stored for one in checked if one is not None and reasons(one.stored.record)]
    for one in unusable:
        err().print(f"{one.path.parent.name}: {first_line(one.record)}", markup=False)
    if any(entry.record is None for entry in entries):
        return 3
    return CHECKS_FAILED if unusable else 0


def _agreements(records: list[Checked]) -> None:
    """Within each family of the same weights, everything against its first record."""
    from harness.compare.agreement import agree
    from harness.terminal.agreement import print_agreement
    from harness.terminal.console import out

    families: dict[str, list[Checked]] = {}
    for one in records:
        model = one.stored.record.model
        families.setdefault(str(model.get("derived_from") or model["sha256"]), []).append(one)
    for first, *others in families.values():
        if others:
            out().print()
            print_agreement(
                out(), first, [(other, agree(first.stored.record, other.stored.record)) for other in others]
            )
