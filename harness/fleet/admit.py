"""Refuses what could not be measured anywhere, before anything starts: every configuration, as `repro bench` would read it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.catalog import identity, models, suites
from harness.catalog.matrices import Loaded
from harness.catalog.triples import Triple
from harness.errors import BadInput
from harness.fleet.node_rules import refuse_unknown
from harness.run.prepare import environments, options, resolving
from runtimes.interface import NO_MODEL, Option
from runtimes.releases import split
from runtimes.table import find

TEXT_LIMIT = 2000  # characters of an option's value


def refuse_unrunnable(loaded: Loaded, allowed: Sequence[str] = ()) -> None:
    """Raises `BadInput` for the first configuration with an unknown model, suite, runtime, release, backend, option or value, or
    an unknown check.

    Each part is looked at once, however often the matrix repeats it. `allowed`: settings, NAME=VALUE, that the user named.
    """
    for machine in loaded.matrix.machines:
        refuse_unknown(machine.tolerate, f"machines {machine.name}: tolerate")
    seen: set[str] = set()
    of_pairs = [triple for pair in loaded.matrix.pairs for triple in pair.triples]
    for triple in (*loaded.matrix.configurations, *of_pairs):
        for part in (f"m{triple.model}", f"s{triple.suite}"):
            if part not in seen:
                seen.add(part)
                (_refuse_no_model if part[0] == "m" else suites.load)(part[1:])
        refuse_options(triple, allowed)
        refuse_no_build(triple)
        for second in _second_models(triple):
            if f"m{second}" not in seen:
                seen.add(f"m{second}")
                _refuse_no_model(second)


def _second_models(triple: Triple) -> list[str]:
    """Those that its options name, such as a draft model."""
    declared = find(split(triple.runtime).name).options
    asked = (text.partition("=") for text in triple.settings)
    return [value for name, _, value in asked if declared[name].model and value != NO_MODEL]


def _refuse_no_model(name: str) -> None:
    """Raises `BadInput` for an unknown one, and for a file or folder of this machine that is none: its header alone is read."""
    found = models.resolve(name)
    if isinstance(found, Path):
        identity.header_of(found)


def refuse_no_build(triple: Triple) -> None:
    """Raises `BadInput` for a release or a backend that no machine can have of the runtime."""
    named, where = split(triple.runtime), f"{triple}"[:200]
    adapter = find(named.name)
    program = next((name for name in triple.options if adapter.options[name.partition("=")[0]].program), "")
    if adapter.capabilities.in_core or program:
        if named.release or triple.backend != "auto":
            what = f"options.{program} brings a build of its own" if program else f"{named.name} has no builds"
            raise BadInput(f"{what}: none can be chosen", where=where, fix="leave release and backend out")
        return
    recipe = environments.recipe_of(named.name)
    if triple.backend != "auto" and triple.backend not in recipe.backends:
        fix = f"take one of {', '.join(recipe.backends)}"
        raise BadInput(f"{named.name} has no backend {triple.backend!r}", where=where, fix=fix)
    if named.release:
        resolving.refuse_unknown(
            named, recipe, next(iter(recipe.backends)) if triple.backend == "auto" else triple.backend
        )


def refuse_options(triple: Triple, allowed: Sequence[str] = ()) -> None:
    """Raises `BadInput` for an option or value that its runtime does not declare, for one that sends a secret away, and for one
    that names a program, a file or an address that is not `allowed`.
    """
    adapter = find(split(triple.runtime).name)
    long = next((name for name, value in triple.options.items() if len(str(value)) > TEXT_LIMIT), None)
    if long is not None:
        raise BadInput(f"is longer than {TEXT_LIMIT} characters", where=f"options.{long}", fix="give a short value")
    try:
        options.parse(triple.settings, adapter.options, adapter.name)
    except BadInput as error:
        raise BadInput(error.what, where=f"options of {triple}"[:200], fix=error.fix) from None
    for text in triple.settings:  # not by the keys: one may hold a "="
        name = text.partition("=")[0]
        _refuse_secret(name, adapter.options[name])
    options.refuse_reaching(triple.settings, adapter.options, allowed)


def _refuse_secret(name: str, option: Option) -> None:
    """A matrix is data that others may have written, and lies on every node: it names no variable to be sent anywhere."""
    if option.secret:
        raise BadInput(
            "names a secret of this machine, and a fleet takes none to its nodes",
            where=f"options.{name}",
            fix="leave it out, or measure that server with repro bench",
        )
