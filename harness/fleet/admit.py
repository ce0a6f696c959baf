"""Refuses what could not be measured anywhere, before anything starts: every configuration, as `repro bench` would read it."""

from __future__ import annotations

from harness.catalog import models, suites
from harness.catalog.matrices import Loaded
from harness.catalog.triples import Triple
from harness.errors import BadInput
from harness.run.prepare import options
from runtimes.interface import Option
from runtimes.releases import split
from runtimes.table import find

TEXT_LIMIT = 2000  # characters of an option's value


def refuse_unrunnable(loaded: Loaded) -> None:
    """Raises `BadInput` for the first configuration with an unknown model, suite, runtime, option or value.

    Each part is looked at once, however often the matrix repeats it.
    """
    seen: set[str] = set()
    of_pairs = [triple for pair in loaded.matrix.pairs for triple in pair.triples]
    for triple in (*loaded.matrix.configurations, *of_pairs):
        for part in (f"m{triple.model}", f"s{triple.suite}"):
            if part not in seen:
                seen.add(part)
                (models.resolve if part[0] == "m" else suites.load)(part[1:])
        refuse_options(triple)


def refuse_options(triple: Triple) -> None:
    """Raises `BadInput` for an option or value that its runtime does not declare, and for one that sends a secret away."""
    adapter = find(split(triple.runtime).name)
    long = next((name for name, value in triple.options.items() if len(str(value)) > TEXT_LIMIT), None)
    if long is not None:
        raise BadInput(f"is longer than {TEXT_LIMIT} characters", where=f"options.{long}", fix="give a short value")
    try:
        options.parse(triple.settings, adapter.options, adapter.name)
    except BadInput as error:
        raise BadInput(error.what, where=f"options of {triple}"[:200], fix=error.fix) from None
    for name in triple.options:
        _refuse_secret(name, adapter.options[name])


def _refuse_secret(name: str, option: Option) -> None:
    """A matrix is data that others may have written, and lies on every node: it names no variable to be sent anywhere."""
    if option.secret:
        raise BadInput(
            "names a secret of this machine, and a fleet takes none to its nodes",
            where=f"options.{name}",
            fix="leave it out, or measure that server with repro bench",
        )
