"""What `repro bench` asks a registry: before measuring whether it can be asked at all, afterwards where the run falls."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.record.keys import Signers
    from harness.record.store import Stored
    from harness.registry.store import Registry


def ready(target: str | None, challenge: str | None, signers: Signers | None) -> None:
    """Raises `BadInput` where the registry can't be read, or where it would not take a record with this challenge."""
    if not target:
        return
    from harness.extras import needs
    from harness.terminal.registry_option import open_for_reading

    needs("registry", "--registry")
    registry = open_for_reading(target)
    if challenge is not None:
        _refuse_challenge(registry, challenge, None if signers is None else signers.public.handle)


def _refuse_challenge(registry: Registry, challenge: str, handle: str | None) -> None:
    from harness.errors import BadInput
    from harness.registry.facts import ChallengeFact

    with registry.reading() as reader:
        known = reader.get(ChallengeFact, challenge)
    fix = "ask for a new one: repro registry challenge --handle NAME"
    if known is None:
        raise BadInput("this registry did not issue it", where="--challenge", fix=fix)
    if known.used:
        raise BadInput("it was used before", where="--challenge", fix=fix)
    if known.expires < time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()):
        raise BadInput(f"it expired on {known.expires}", where="--challenge", fix=fix)
    if handle is not None and known.handle != handle:
        raise BadInput(f"it was issued to {known.handle}, your keys are {handle}'s", where="--challenge", fix=fix)


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
