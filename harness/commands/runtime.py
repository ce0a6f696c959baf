"""`repro runtime`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.paths import cache

if TYPE_CHECKING:
    from harness.run.prepare.environments import Installed


@click.group()
def runtime() -> None:
    """A runtime is an engine that the harness can drive; each has an environment of its own in the cache."""


@runtime.command()
@click.argument("name", metavar="NAME[@VERSION]")
@click.option(
    "--backend",
    default="auto",
    show_default=True,
    help="Build to install: cpu, cuda, vulkan, metal or rocm; auto detects it.",
)
@click.option("--again", is_flag=True, help="Retry a build that failed before.")
@click.option(
    "--lock",
    "brought",
    type=click.Path(path_type=Path),
    help="Install what this lock pins, as `repro runtime lock` printed it elsewhere, in place of resolving.",
)
def install(name: str, backend: str, again: bool, brought: Path | None) -> None:
    """Install a runtime's environment from its lock file.

    Builds what has no wheel. Does nothing when it is installed already. NAME@VERSION is another release of the engine than the
    pinned one: pip resolves it once, and the resolution is kept as a lock with hashes.
    """
    from harness.run.prepare import environments, installing
    from harness.run.prepare.choosing import choice_of
    from harness.run.prepare.interpreters import resolved
    from harness.run.prepare.resolving import bring
    from harness.terminal.console import out
    from harness.terminal.progress import shown
    from runtimes.releases import split

    named = split(name)
    choice = choice_of(named, backend, cache())
    with shown() as progress:
        if choice.line:
            progress.stage(choice.line)
        if brought is not None:
            bring(cache(), named, environments.recipe_of(named.name), choice.backend, brought)
        resolved(named, choice.backend, cache(), progress)
        where = environments.place(cache(), named.name, choice.backend, named.release)
        done = installing.install(where, progress, again=again)
    out().print(f"{named} {done.backend} {done.key}: {' '.join(done.build_flags)}", markup=False)
    out().print(str(where.python), markup=False)


@runtime.command()
@click.argument("name", metavar="NAME[@VERSION]")
@click.option("--backend", default="auto", show_default=True, help="Build of the runtime.")
def lock(name: str, backend: str) -> None:
    """Print the lock that an environment is made from.

    Every package with its version and hashes. A release that was not used here yet is resolved first. Where the
    lock lies goes to standard error.
    """
    from harness.run.prepare import environments, kept_locks
    from harness.run.prepare.choosing import choice_of
    from harness.run.prepare.interpreters import resolved
    from harness.terminal.console import err
    from harness.terminal.progress import shown
    from runtimes.releases import split

    named = split(name)
    choice = choice_of(named, backend, cache())
    with shown() as progress:
        resolved(named, choice.backend, cache(), progress)
    where = environments.place(cache(), named.name, choice.backend, named.release)
    text = where.lock_text
    if where.release:  # as it is kept: what this machine adds, such as a compiler for its GPU, is not part of it
        path = kept_locks.path_of(cache(), where.runtime, where.backend, where.release)
        text = kept_locks.read(path, where.recipe, where.backend, where.release) or ""
        err().print(f"kept in {path}", markup=False, soft_wrap=True)
    click.echo(text, nl=False)


@runtime.command("list")
@click.argument("name", required=False)
@click.option("--available", is_flag=True, help="List the releases that the package index has, the newest first.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(name: str | None, available: bool, as_json: bool) -> None:
    """List the runtimes and their installed environments.

    With --available: the releases of a runtime's engine in your package index (pip's configuration is heeded), which of them is
    pinned, which are installed, and which can't be had here and why. NAME@VERSION takes any of them.
    """
    from dataclasses import asdict

    from harness.run.prepare import environments
    from harness.terminal import releases
    from harness.terminal.console import out, print_json
    from runtimes import table

    if name is not None:
        table.find(name)
    if available:
        releases.show(name, cache(), as_json=as_json)
        return
    installed = [one for one in environments.every(cache()) if name in (None, one[1].runtime)]
    if as_json:
        print_json([{"folder": str(folder), **asdict(item)} for folder, item in installed])
        return
    for each in table.names() if name is None else [name]:
        out().print(f"{each:12} {_about(each)}".rstrip(), markup=False)
        for folder, item in installed:
            if item.runtime == each:
                which = item.release or "pinned"
                out().print(f"  {item.key:20} {which:10} {_how(item)}  {folder}", markup=False)


def _how(item: Installed) -> str:
    """How the environment was made: what is compiled for it is kept, and taken again without a second build."""
    if not item.built_wheel_sha256:
        return "nothing compiled"
    return f"built in {item.build_seconds:,} s" if item.build_seconds else "built before"


def _about(name: str) -> str:
    """Who ships the adapter, what is wrong with it, and whether it only pretends; "" for ours that measure."""
    from harness.errors import ReproError
    from runtimes import table

    shipped = table.package(name)
    said = [f"from {shipped}"] if shipped else []
    try:
        adapter = table.find(name)
        if adapter.capabilities.synthetic:
            said.append("SYNTHETIC: for self-tests only")
        if adapter.recipe is not None and adapter.recipe.environment:
            said.append(f"in the environment of {adapter.recipe.environment}")
    except ReproError as error:
        said.append(f"cannot be used: {error.what}")
    if name in table.shadowed():
        said.append(f"what {table.shadowed()[name]} offers under this name is not used")
    return "; ".join(said)


@runtime.command()
@click.argument("name", metavar="NAME[@VERSION]")
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
@click.argument("name", metavar="NAME[@VERSION]")
@click.option("--backend", help="Remove only the environment of this backend.")
def remove(name: str, backend: str | None) -> None:
    """Delete a runtime's environments and built wheels.

    With @VERSION only those of that release, and its lock: the next use resolves it again.
    """
    import shutil

    from harness.errors import BadInput
    from harness.run.prepare import environments, kept_locks
    from harness.terminal.console import out
    from runtimes.releases import split
    from runtimes.table import find

    named = split(name)
    environments.refuse_shared(find(named.name))
    found = [
        folder
        for folder, item in environments.every(cache())
        if item.runtime == named.name and backend in (None, item.backend) and environments.is_of(item, named.release)
    ]
    locks = kept_locks.every(cache(), named, backend) if named.release else []
    if not (found or locks):
        raise BadInput("is not installed", where=name, fix="see: repro runtime list")
    for folder in found:
        shutil.rmtree(folder)
        shutil.rmtree(folder.parents[1] / "wheels" / folder.name, ignore_errors=True)
    for path in locks:
        path.unlink(missing_ok=True)
    for path in (*found, *locks):
        out().print(f"removed {path}", markup=False)
