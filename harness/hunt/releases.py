"""The releases of a runtime from good to bad, as the package index has them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import BadInput
from harness.hunt.question import Candidate
from harness.run.prepare import choosing, environments, package_index, resolving
from harness.run.prepare.package_index import Answer, Offered
from runtimes import releases
from runtimes.recipes import Recipe
from runtimes.releases import Named, split


@dataclass(frozen=True, slots=True)
class Between:
    """From good to bad, both included; `backend` that all of them are built for. `left_out`: each with its reason."""

    candidates: tuple[Candidate, ...]
    left_out: tuple[str, ...]
    backend: str
    remark: str = ""  # of an index that did not answer


def between(runtime: str, good: str, bad: str, backend: str, cache: Path) -> Between:
    """What a hunt is over. Raises as `ends`, `NotFound` for a release that the index does not have, `RuntimeUnavailable` where it
    can't be asked.
    """
    only = ends(runtime, good, bad, backend, cache)
    answer = package_index.ask(environments.recipe_of(runtime), only.backend)
    for one in only.candidates:
        resolving.offered(Named(runtime, one.place), answer)
    taken, left_out = stretch(answer.releases, good, bad)
    silent = answer.silent
    remark = "" if silent is None else f"one of your indexes did not answer, so this may not be all: {silent.what}"
    return Between(tuple(map(_candidate, taken)), tuple(left_out), only.backend, remark)


def ends(runtime: str, good: str, bad: str, backend: str, cache: Path) -> Between:
    """Good and bad alone, without a network. Raises `BadInput` for words that name no such stretch."""
    named = _named(runtime, good, bad)
    recipe = environments.recipe_of(runtime)
    chosen = choosing.choice_of(Named(runtime, ""), backend, cache).backend
    for one in named:
        resolving.refuse_unknown(one, recipe, chosen)
    return Between(tuple(_candidate(one.release) for one in named), (), chosen)


def _candidate(release: str) -> Candidate:
    return Candidate(name=release, place=release)


def _named(runtime: str, good: str, bad: str) -> tuple[Named, Named]:
    """Both ends. Raises `BadInput` for what is not a release, or not in this order."""
    if "@" in runtime:
        raise BadInput("names a release", where=f"--runtime {runtime}", fix="give it with --good and --bad")
    for option, release in (("--good", good), ("--bad", bad)):
        if not releases.is_release(release):
            raise BadInput(
                f"{release!r} must be one whole release, written as the package index does",
                where=option,
                fix=f"see which there are: repro runtime list {runtime} --available",
            )
    if releases.order(good) == releases.order(bad):  # 1.0 and 1.0.0 are one release
        raise BadInput(
            f"good {good} and bad {bad} are one release: nothing lies between",
            where="--bad",
            fix="name another release",
        )
    if releases.order(good) > releases.order(bad):
        raise BadInput(
            f"good {good} must be the older one, bad is {bad}", where="--good", fix="exchange them, or ask for --faster"
        )
    return split(f"{runtime}@{good}"), split(f"{runtime}@{bad}")


def stretch(offered: Sequence[Offered], good: str, bad: str) -> tuple[list[str], list[str]]:
    """The releases from good to bad, oldest first, and what is left out of them with why. Pure.

    Good and bad are taken whatever they are; between them only what pip would take by itself.
    """
    low, high = releases.order(good), releases.order(bad)
    taken, left_out = [], []
    for one in sorted(offered, key=lambda own: releases.order(own.release)):
        if not low <= releases.order(one.release) <= high:
            continue
        fault = _fault(one)
        if fault and one.release not in (good, bad):
            left_out.append(f"{one.release}: {fault}")
        else:
            taken.append(one.release)
    return taken, left_out


def _fault(one: Offered) -> str:
    if not one.usable:
        return f"can't be had here: {one.fault}"
    if one.yanked is not None:
        return f"withdrawn by its authors: {one.yanked or 'no reason given'}"
    return "a pre-release" if one.prerelease else ""


def newest(answer: Answer, recipe: Recipe) -> str:
    """The newest release that pip would take by itself, and that the adapter drives; "" where there is none."""
    return next((one for one in _driven(answer, recipe)), "")


def before(answer: Answer, recipe: Recipe, release: str) -> str:
    """The one that came before it; "" where there is none."""
    older = (one for one in _driven(answer, recipe) if releases.order(one) < releases.order(release))
    return next(older, "")


def _driven(answer: Answer, recipe: Recipe) -> list[str]:
    found = [one.release for one in answer.releases if not _fault(one)]
    return [one for one in found if not recipe.oldest or releases.order(one) >= releases.order(recipe.oldest)]
