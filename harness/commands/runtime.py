"""`repro runtime`."""

from __future__ import annotations

from pathlib import Path

import click


@click.group(help="Install, list, check and remove the runtimes.")
def runtime() -> None:
    """Runtimes."""


@runtime.command(help="Make a runtime's environment from its lock, building what has no wheel.")
@click.argument("name")
@click.option(
    "--backend", default="auto", show_default=True, help="cpu, cuda, vulkan, metal, rocm; auto looks at the machine."
)
@click.option("--again", is_flag=True, help="Try a build that failed before once more.")
def install(name: str, backend: str, again: bool) -> None:
    """Does nothing when it is there."""
    from harness.catalog.paths import cache
    from harness.errors import BadInput
    from harness.run.prepare import environments
    from harness.run.prepare.choosing import choice_of
    from harness.terminal.console import err, out
    from harness.terminal.progress import Progress
    from runtimes.recipes import RECIPES
    from runtimes.table import find

    find(name)
    if name not in RECIPES:
        raise BadInput(
            f"{name} needs no environment of ours", where="runtime install", fix="use --python PATH with bench"
        )
    choice = choice_of(name, backend, cache())
    where = environments.place(cache(), name, choice.backend)
    with Progress(err()) as progress:
        if choice.line:
            progress.stage(choice.line)
        done = environments.install(where, progress.advance, again=again)
    out().print(f"{name} {done.backend} {done.key}: {' '.join(done.build_flags)}", markup=False)
    out().print(str(where.python), markup=False)


@runtime.command("list", help="Every runtime, and the environments that are installed.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def list_(as_json: bool) -> None:
    """Names first, then places."""
    from dataclasses import asdict

    from harness.catalog.paths import cache
    from harness.run.prepare import environments
    from harness.terminal.console import out, print_json
    from runtimes import table

    installed = environments.every(cache())
    if as_json:
        print_json([{"folder": str(folder), **asdict(item)} for folder, item in installed])
        return
    for name in table.names():
        kind = "for self-tests only" if name in table.SYNTHETIC else _foreign(name)
        out().print(f"{name:12} {kind}", markup=False)
        for folder, item in installed:
            if item.runtime == name:
                out().print(f"  {item.key:20} built in {item.build_seconds} s  {folder}", markup=False)


def _foreign(name: str) -> str:
    """Who ships the adapter, and what is wrong with it; "" for ours."""
    from harness.errors import ReproError
    from runtimes import table

    shipped = table.package(name)
    if not shipped:
        return ""
    try:
        table.find(name)
    except ReproError as error:
        return f"of {shipped}; can't be used: {error.what}"
    return f"of {shipped}"


@runtime.command(help="Try what any adapter must hold: counts, caches, stamps, determinism, errors.")
@click.argument("name")
@click.option("--model", default="gemma-3-270m-q4_k_m", show_default=True, help="As for bench.")
@click.option("--backend", default="auto", show_default=True, help="As for bench.")
@click.option("-o", "--option", "settings", multiple=True, metavar="NAME=VALUE", help="As for bench.")
@click.option("--python", type=click.Path(path_type=Path), help="The interpreter that has the engine and the adapter.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def check(name: str, model: str, backend: str, settings: tuple[str, ...], python: Path | None, as_json: bool) -> None:
    """Exit status 1 when a check fails."""
    from harness.run.evidence import Request
    from harness.run.execute.conformance import conform
    from harness.terminal.console import err, out, print_json
    from harness.terminal.progress import Progress

    request = Request(model=model, runtime=name, suite="quick", settings=settings, backend=backend, python=python)
    with Progress(err()) as progress:
        found = conform(request, progress)
    if as_json:
        print_json([{"code": code, "status": status, "text": text} for code, status, text in found])
    else:
        for code, status, text in found:
            out().print(f"{status:8} {code:28} {text}", markup=False)
    if any(status == "fail" for _, status, _ in found):
        raise SystemExit(1)


@runtime.command(help="Delete the environments of a runtime.")
@click.argument("name")
@click.option("--backend", help="Only those of this backend.")
def remove(name: str, backend: str | None) -> None:
    """The built wheel goes with it."""
    import shutil

    from harness.catalog.paths import cache
    from harness.errors import BadInput
    from harness.run.prepare import environments
    from harness.terminal.console import out
    from runtimes.table import find

    find(name)
    found = [f for f, item in environments.every(cache()) if item.runtime == name and backend in (None, item.backend)]
    if not found:
        raise BadInput("nothing of it is installed", where=name, fix="see: repro runtime list")
    for folder in found:
        shutil.rmtree(folder)
        shutil.rmtree(folder.parents[1] / "wheels" / folder.name, ignore_errors=True)
        out().print(f"removed {folder}", markup=False)
