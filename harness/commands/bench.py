"""`repro bench`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from harness.terminal.backend_option import backend_option
from harness.terminal.registry_option import registry_option

if TYPE_CHECKING:
    from rich.console import Console

    from harness.record.store import Stored


@click.command()
@click.option(
    "--model",
    default="gemma-3-270m-q4_k_m",
    show_default=True,
    help="Model to measure: catalogue id, path, hf:owner/name[:Q4_K_M or /file.gguf], or ollama:name.",
)
@click.option(
    "--runtime",
    default="llama.cpp",
    show_default=True,
    help="Runtime to measure with (see: repro runtime list); NAME@VERSION for a release that is not pinned.",
)
@click.option("--suite", default="default", show_default=True, help="Suite of workloads: a name, or a TOML file.")
@click.option(
    "-o",
    "--option",
    "settings",
    multiple=True,
    metavar="NAME=VALUE[,VALUE…]",
    help="Set an option of the runtime; repeatable. Several values sweep it: every combination is measured.",
)
@backend_option
@click.option(
    "--python",
    type=click.Path(path_type=Path),
    help="Use this Python interpreter instead of the runtime's own environment.",
)
@click.option(
    "--processes", type=click.IntRange(1, 1000), metavar="N", help="Run exactly N processes; do not stop early."
)
@click.option(
    "--budget",
    "budget_s",
    type=click.IntRange(1, 31_536_000),
    metavar="SECONDS",
    help="Stop before a batch of processes would exceed this time; default: the suite's.",
)
@click.option(
    "--timeout",
    "timeout_s",
    type=click.IntRange(1, 604_800),
    metavar="SECONDS",
    help="Stop a process that is silent for longer; default: 1800 while the model loads, 900 in a trial.",
)
@click.option(
    "--against",
    type=click.Path(path_type=Path),
    help="Baseline record: measure until faster, slower or same is decided.",
)
@click.option("--seed", type=click.IntRange(0, 2**32), help="Seed for the order of trials; default: the suite's.")
@click.option(
    "--challenge",
    metavar="HEX",
    help="Single-use number from a registry (repro registry challenge); it sets the seed and is recorded.",
)
@registry_option
@click.option("--resume", is_flag=True, help="Continue the newest unfinished run of the same configuration.")
@click.option(
    "--results",
    type=click.Path(path_type=Path),
    default=Path("results"),
    show_default=True,
    help="Folder for the record.",
)
@click.option(
    "--all", "everything", is_flag=True, help="Also print what asks for nothing: checks, notes, the engine's build."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def bench(
    model: str,
    runtime: str,
    suite: str,
    settings: tuple[str, ...],
    backend: str,
    python: Path | None,
    processes: int | None,
    budget_s: int | None,
    timeout_s: int | None,
    against: Path | None,
    seed: int | None,
    challenge: str | None,
    target: str | None,
    resume: bool,
    results: Path,
    everything: bool,
    as_json: bool,
) -> int:
    """The record has every sample, the machine, the settings and the checks. Exit status 4 when the record's own checks
    failed: do not use its number; 3 when the run failed: where the engine did, a record without a number says how.
    """
    from harness.compare.records import compare_records
    from harness.errors import EngineFailed
    from harness.measure.comparison import BAND
    from harness.record.store import read
    from harness.run.bench import bench
    from harness.run.execute.launcher import Deadlines
    from harness.run.prepare.lists import lists_of
    from harness.run.request import Request
    from harness.terminal import bench_registry, sweeping
    from harness.terminal.comparison import print_comparison
    from harness.terminal.console import err, out, print_json
    from harness.terminal.keys import open_keys
    from harness.terminal.progress import shown
    from harness.terminal.report import report
    from harness.verify.reading import check, trusted
    from harness.verify.unusable import CHECKS_FAILED, first_line, reasons
    from runtimes.releases import split
    from runtimes.table import find

    adapter = find(split(runtime).name)
    lists = lists_of(settings, adapter.options, adapter.name)
    if lists.swept:
        named = click.get_current_context().get_parameter_source("target") is ParameterSource.COMMANDLINE
        _refuse_with_a_sweep({"--against": against, "--challenge": challenge, "--registry": named})
    base = None if against is None else trusted(against)
    signers = None if adapter.capabilities.synthetic else open_keys()
    request = Request(
        model=model,
        runtime=runtime,
        suite=suite,
        settings=lists.first,
        results=results,
        backend=backend,
        python=python,
        processes=processes,
        budget_s=budget_s,
        seed=seed,
        challenge=_challenge(challenge, seed),
        against=None if base is None else base.stored,
        resume=resume,
        signers=signers,
        deadlines=Deadlines.of(timeout_s),
    )
    if lists.swept:
        with shown() as progress:
            ended = sweeping.measure(request, lists, progress)
        return sweeping.report(ended, results, as_json=as_json)
    bench_registry.ready(target, request)
    try:
        with shown() as progress:
            path = bench(request, progress)
    except EngineFailed as failed:
        _failed(Path(failed.record), target, keys=signers is not None, as_json=as_json)
        raise
    stored = read(path)
    unusable = reasons(stored.record)
    held = None if request.against is None else compare_records(stored.record, request.against.record, BAND)
    if as_json:
        document = {"id": stored.id, "path": str(path), **stored.record.model_dump(mode="json")}
        if base is not None and held is not None:
            document["against"] = {"id": base.stored.id, "path": str(base.stored.path), **held.to_json()}
        print_json(document)
    else:
        checked = check(stored)
        report(out(), checked, everything=everything)
        if base is not None and held is not None:
            print_comparison(out(), checked, base, held, band=100 * (BAND[1] - 1))
    if target:
        bench_registry.print_place(target, stored, aside=as_json)
    if unusable:
        err().print(first_line(stored.record), markup=False)
        return CHECKS_FAILED
    if not stored.record.run.synthetic:
        _to_publish(stored, target, keys=signers is not None, console=err() if as_json else out())
    return 0


def _refuse_with_a_sweep(given: Mapping[str, object]) -> None:
    """Raises `BadInput` for what is of one run alone."""
    from harness.errors import BadInput

    for name, value in given.items():
        if value:
            raise BadInput(
                "is for one run, and the lists of -o make several",
                where=name,
                fix="measure the combination that you choose with it afterwards",
            )


def _failed(path: Path, target: str | None, *, keys: bool, as_json: bool) -> None:
    """The record of an engine that failed, before the line that ends the command."""
    from harness.record.store import read
    from harness.terminal.console import err, out, print_json
    from harness.terminal.report import report
    from harness.verify.reading import check

    stored = read(path)
    if as_json:
        print_json({"id": stored.id, "path": str(path), **stored.record.model_dump(mode="json")})
    else:
        report(out(), check(stored))
    if not stored.record.run.synthetic:
        _to_publish(stored, target, keys=keys, console=err() if as_json else out(), what="this failure")


def _to_publish(stored: Stored, target: str | None, *, keys: bool, console: Console, what: str = "this number") -> None:
    from harness.terminal.publish import commands

    console.print(f"To publish {what}:")
    signed = stored.record.operator is not None
    for line in commands(stored.path.parent, keys=keys, signed=signed, target=target):
        console.print(f"  {line}", markup=False, soft_wrap=True)


def _challenge(text: str | None, seed: int | None) -> str | None:
    import re

    from harness.errors import BadInput

    if text is not None and re.fullmatch(r"[0-9a-f]{64}", text) is None:
        raise BadInput(
            "must be 64 hexadecimal digits",
            where="--challenge",
            fix="use what repro registry challenge prints",
        )
    if text is not None and seed is not None:
        raise BadInput("a challenge sets the seed", where="--seed", fix="leave it out")
    return text
