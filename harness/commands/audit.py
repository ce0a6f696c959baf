"""`repro audit REGISTRY`."""

from __future__ import annotations

import click

SHOWN = 50


@click.command()
@click.argument("target", metavar="PLACE")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def audit(target: str, as_json: bool) -> None:
    """PLACE is a folder, a postgresql:// URL or exported files. Every fault is listed; exit status 2 when there is one."""
    from concurrent.futures import ProcessPoolExecutor
    from contextlib import nullcontext
    from dataclasses import asdict
    from multiprocessing import get_context

    from harness.errors import RecordInvalid
    from harness.registry.exchange.audit import HELPERS
    from harness.registry.exchange.audit import audit as check
    from harness.registry.queries.scores import usable_cores
    from harness.terminal.console import err, out, print_json
    from harness.terminal.progress import shown
    from harness.terminal.registry_option import open_for_reading

    # Exported files are replayed by the very rules: the first thing that does not hold stops that, with its place.
    registry = open_for_reading(target)
    cores = usable_cores()
    with registry.reading() as reader:
        many = cores > 1 and reader.has_records(1000)
    pool = ProcessPoolExecutor(min(cores, HELPERS), mp_context=get_context("spawn")) if many else nullcontext(None)
    with pool as workers, shown() as progress:
        found = check(registry, workers, progress)
    if as_json:
        print_json(asdict(found))
    else:
        out().print(
            f"{found.entries} entries, {found.records} records, {found.checkpoints} checkpoints, {found.rows} rows scored again",
            markup=False,
        )
        signed = "no checkpoint signs any of it" if found.signed is None else f"signed up to entry {found.signed - 1}"
        if found.entries:
            out().print(f"the last entry of the log is {found.entries - 1}, of {found.until}; {signed}", markup=False)
        for fault in found.faults[:SHOWN]:
            err().print(f"{fault.where}: {fault.what}", markup=False)
    bad = {fault.record for fault in found.faults}
    if bad and "" not in bad:
        raise RecordInvalid(
            f"{len(bad)} of {found.records} records do not hold; the log and all others do",
            where=target,
            fix="trust no tier that rests on them",
        )
    if found.faults:
        raise RecordInvalid(
            f"{len(found.faults)} things do not hold", where=target, fix="trust none of its tiers before you know why"
        )
    if not as_json:
        out().print("everything holds")
