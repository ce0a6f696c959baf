"""`repro runtime list --available`: the releases that the package index has, and how each stands on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.errors import BadInput, ReproError
from harness.run.prepare import choosing, environments, lock_file, package_index
from harness.run.prepare.package_index import Answer, Offered
from harness.terminal.console import err, out, print_json
from runtimes import releases, table
from runtimes.recipes import Recipe
from runtimes.releases import Named


def show(name: str | None, cache: Path, *, as_json: bool) -> None:
    """Print them, of one runtime or of all that have any. Raises what keeps the index from being asked."""
    found = []
    for each in table.names() if name is None else [name]:
        recipe = _recipe(each, named=name is not None)
        if recipe is None:
            continue
        backend = choosing.choice_of(Named(each, ""), "auto", cache).backend
        found.append((each, recipe, backend, package_index.ask(recipe, backend)))
    if as_json:
        print_json([_document(*one, cache) for one in found])
        return
    for each, recipe, backend, answer in found:
        _print(each, recipe, backend, answer, cache)


def _recipe(name: str, *, named: bool) -> Recipe | None:
    """The recipe of a runtime with releases; None for another, unless it was named."""
    try:
        recipe = environments.recipe_of(name)
        if not any(recipe.distribution(backend) for backend in recipe.backends):
            raise BadInput("its recipe names no package with releases", where=name, fix="see: repro runtime list")
    except ReproError:
        if named:
            raise
        return None
    return recipe


def marks(one: Offered, recipe: Recipe, backend: str, installed: Sequence[environments.Installed]) -> list[str]:
    """What is to be said of a release, in words."""
    pinned = environments.pins(recipe, backend, one.release)
    here = {item.backend for item in installed if item.release == ("" if pinned else one.release)}
    old = bool(recipe.oldest) and releases.order(one.release) < releases.order(recipe.oldest)
    said = (
        ("pinned", pinned),
        (f"installed ({', '.join(sorted(here))})", bool(here)),
        (f"older than {recipe.oldest}, from which the adapter drives it", old),
        ("pre-release", one.prerelease),
        (f"withdrawn: {one.yanked or 'no reason given'}", one.yanked is not None),
        (f"can't be had here: {one.fault}", not one.usable),
    )
    return [text for text, true in said if true]


def _mine(name: str, cache: Path) -> list[environments.Installed]:
    return [item for _, item in environments.every(cache) if item.runtime == name]


def _print(name: str, recipe: Recipe, backend: str, answer: Answer, cache: Path) -> None:
    installed = _mine(name, cache)
    out().print(f"{name}: {recipe.distribution(backend)}, for the backend {backend}", markup=False)
    old = 0
    for one in answer.releases:
        if recipe.oldest and releases.order(one.release) < releases.order(recipe.oldest):
            old += 1
            continue
        text = "; ".join(marks(one, recipe, backend, installed))
        out().print(f"  {one.release:14} {text}".rstrip(), markup=False, soft_wrap=True)
    if old:
        out().print(f"  and {old} older than {recipe.oldest}, from which the adapter drives it", markup=False)
    if answer.silent is not None:
        err().print(f"one of your indexes did not answer, so this may not be all: {answer.silent.what}", markup=False)


def _document(name: str, recipe: Recipe, backend: str, answer: Answer, cache: Path) -> dict[str, Any]:
    installed, package = _mine(name, cache), recipe.distribution(backend)
    return {
        "runtime": name,
        "package": package,
        "backend": backend,
        "pinned": lock_file.version_of(recipe.lock_text(backend) or "", package).partition("+")[0],
        "oldest": recipe.oldest or None,
        "complete": answer.silent is None,
        "releases": [
            {
                "release": one.release,
                "usable": one.usable,
                "withdrawn": one.yanked,
                "prerelease": one.prerelease,
                "marks": marks(one, recipe, backend, installed),
            }
            for one in answer.releases
        ],
    }
