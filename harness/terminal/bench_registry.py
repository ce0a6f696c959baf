"""What `repro bench` asks a registry: before measuring whether it can be asked at all, afterwards where the run falls."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.record.store import Stored
    from harness.run.request import Request


def ready(target: str | None, request: Request) -> None:
    """Raises `BadInput` where the registry can't be read, or would not take a record of this run with its challenge."""
    if not target:
        return
    from harness.extras import needs
    from harness.terminal.registry_option import open_for_reading

    needs("registry", "--registry")
    registry = open_for_reading(target)
    challenge, signers = request.challenge, request.signers
    if challenge is None:
        return
    from harness.catalog import suites
    from harness.record.keys import Signers
    from harness.registry.actions.acts import utc
    from harness.registry.queries.challenges import usable

    with registry.reading() as reader:
        handle = None if not isinstance(signers, Signers) else signers.public.handle
        budget = request.budget_s or (0 if request.processes else suites.load(request.suite).suite.budget_s)
        usable(reader, challenge, handle, utc(), budget)


def print_place(target: str, stored: Stored, *, aside: bool) -> None:
    """Where the run falls; `aside`: on standard error. The record is written: whatever the registry says loses nothing."""
    from harness.errors import ReproError
    from harness.registry.actions import acts
    from harness.registry.intake.ingest import checked
    from harness.terminal.console import err, out
    from harness.terminal.preview import print_fall
    from harness.terminal.registry_option import open_for_reading

    console = err() if aside else out()
    if stored.record.operator is None:
        err().print(f"not signed, so not compared with the registry {target}", markup=False)
        return
    try:
        found = checked(stored.envelope() or b"", stored.samples(), str(stored.path))
        registry = open_for_reading(target)
        with registry.reading() as reader:
            row = acts.home(reader, found, acts.Wish())
        if row == found.id:
            console.print(f"the registry {target} has no row of this triple yet: submitting opens one", markup=False)
        else:
            print_fall(console, registry, found, row)
    except ReproError as error:
        err().print(f"the registry could not be asked: {error}", markup=False)
