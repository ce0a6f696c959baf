"""`repro runtime`."""

from __future__ import annotations

from pathlib import Path

import click


@click.group()
def runtime() -> None:
    """A runtime is an engine that the harness can drive; each has an environment of its own in the cache."""


@runtime.command()
@click.argument("name")
@click.option(
    "--backend",
    default="auto",
    show_default=True,
    help="Build to install: cpu, cuda, vulkan, metal or rocm; auto detects it.",
)
@click.option("--again", is_flag=True, help="Retry a build that failed before.")
def install(name: str, backend: str, again: bool) -> None:
    """Install a runtime's environment from its lock file.

    Builds what has no wheel. Does nothing when it is installed already.
    """
    from harness.paths import cache
    from harness.run.prepare import environments, installing
    from harness.run.prepare.choosing import choice_of
    from harness.terminal.console import out
    from harness.terminal.progress import shown

    choice = choice_of(name, backend, cache())
    where = environments.place(cache(), name, choice.backend)
    with shown() as progress:
        if choice.line:
            progress.stage(choice.line)
        done = installing.install(where, progress, again=again)
    out().print(f"{name} {done.backend} {done.key}: {' '.join(done.build_flags)}", markup=False)
    out().print(str(where.python), markup=False)


@runtime.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(as_json: bool) -> None:
    """List the runtimes and their installed environments."""
    from dataclasses import asdict

    from harness.paths import cache
    from harness.run.prepare import environments
    from harness.terminal.console import out, print_json
    from runtimes import table

    installed = environments.every(cache())
    if as_json:
        print_json([{"folder": str(folder), **asdict(item)} for folder, item in installed])
        return
    for name in table.names():
        out().print(f"{name:12} {_about(name)}".rstrip(), markup=False)
        for folder, item in installed:
            if item.runtime == name:
                out().print(f"  {item.key:20} built in {item.build_seconds} s  {folder}", markup=False)


def _about(name: str) -> str:
    """Who ships the adapter, what is wrong with it, and whether it only pretends; "" for ours that measure."""
    from harness.errors import ReproError
    from runtimes import table

    shipped = table.package(name)
    said = [f"from {shipped}"] if shipped else []
    try:
        if table.find(name).capabilities.synthetic:
            said.append("SYNTHETIC: for self-tests only")
    except ReproError as error:
        said.append(f"cannot be used: {error.what}")
    if name in table.shadowed():
        said.append(f"what {table.shadowed()[name]} offers under this name is not used")
    return "; ".join(said)


@runtime.command()
@click.argument("name")
@click.option("--model", default="gemma-3-270m-q4_k_m", show_default=True, help="Model to check with.")
@click.option("--backend", default="auto", show_default=True, help="Build of the runtime.")
@click.option(
    "-o", "--option", "settings", multiple=True, metavar="NAME=VALUE", help="Set an option of the runtime; repeatable."
)
@click.option(
    "--python", type=click.Path(path_type=Path), help="Use this Python interpreter; it needs engine and adapter."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def check(name: str, model: str, backend: str, settings: tuple[str, ...], python: Path | None, as_json: bool) -> None:
    """Test a runtime's adapter against the rules for adapters.

    Token counts, caches, time stamps, determinism, errors. Exit status 1 when a check fails.
    """
    from harness.run.execute.conformance import conform
    from harness.run.request import Request
    from harness.terminal.console import out, print_json
    from harness.terminal.progress import shown

    request = Request(model=model, runtime=name, suite="quick", settings=settings, backend=backend, python=python)
    with shown() as progress:
        found = conform(request, progress)
    if as_json:
        print_json([{"code": code, "status": status, "text": text} for code, status, text in found])
    else:
        for code, status, text in found:
            out().print(f"{status:8} {code:28} {text}", markup=False)
    if any(status == "fail" for _, status, _ in found):
        raise SystemExit(1)


@runtime.command()
@click.argument("name")
@click.option("--backend", help="Remove only the environment of this backend.")
def remove(name: str, backend: str | None) -> None:
    """Delete a runtime's environments and built wheels."""
    import shutil

    from harness.errors import BadInput
    from harness.paths import cache
    from harness.run.prepare import environments
    from harness.terminal.console import out
    from runtimes.table import find

    find(name)
    found = [f for f, item in environments.every(cache()) if item.runtime == name and backend in (None, item.backend)]
    if not found:
        raise BadInput("is not installed", where=name, fix="see: repro runtime list")
    for folder in found:
        shutil.rmtree(folder)
        shutil.rmtree(folder.parents[1] / "wheels" / folder.name, ignore_errors=True)
        out().print(f"removed {folder}", markup=False)
