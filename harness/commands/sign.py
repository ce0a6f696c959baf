"""`repro sign RECORD`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from harness.record.store import Stored


@click.command()
@click.argument("record", type=click.Path(path_type=Path))
def sign(record: Path) -> None:
    """The record then says that it was signed later, so its id changes; its samples do not."""
    from harness.record import later
    from harness.record.store import read, replace_payload
    from harness.terminal.console import out
    from harness.terminal.keys import operator_keys
    from harness.verify.reading import follow
    from harness.verify.signatures import signed_by

    stored = read(record)
    _refuse_signed(stored, record)
    signers = operator_keys()
    sealed = later.signed(stored, signers)
    follow(stored)
    replace_payload(stored, sealed.payload, sealed.to_bytes())
    made = read(record)
    signed_by(made, None)
    out().print(
        f"{made.id}\nsigned by {signers.public.handle}, later than it was measured; it was {stored.id[:12]}\n"
        f"next: repro submit {record} --registry PLACE",
        markup=False,
        soft_wrap=True,
    )


def _refuse_signed(stored: Stored, record: Path) -> None:
    """Raises `RecordInvalid` for a record that is signed, and for one that has another's envelope beside it."""
    from harness.errors import RecordInvalid
    from harness.record import later
    from harness.verify.signatures import signed_by

    data = stored.envelope()
    if data is not None and stored.record.operator is not None:
        by = signed_by(stored, None)
        raise RecordInvalid(
            f"is signed already, by {by}", where=str(record), fix="run: repro submit RECORD --registry PLACE"
        )
    if data is not None and not later.half_done(stored, data):
        raise RecordInvalid(
            "is in one folder with the envelope of another record", where=str(record), fix="use its own folder"
        )
