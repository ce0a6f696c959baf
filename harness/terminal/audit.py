"""What an audit saw, as a person reads it: counts on standard output, each fault on standard error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.terminal.console import err, out
from harness.units import count

if TYPE_CHECKING:
    from harness.registry.exchange.audit import Found

SHOWN = 50  # faults; --json has all


def print_audit(found: Found) -> None:
    """A line of counts, one of the log's end, one a fault."""
    out().print(
        f"{count(found.entries, 'entry', 'entries')}, {count(found.records, 'record')}, "
        f"{count(found.checkpoints, 'checkpoint')}, {count(found.rows, 'row')} scored again",
        markup=False,
    )
    signed = "no checkpoint signs any of it" if found.signed is None else f"signed up to entry {found.signed - 1}"
    if found.entries:
        out().print(f"the last entry of the log is {found.entries - 1}, of {found.until}; {signed}", markup=False)
    if found.withheld or found.unseen:
        out().print(
            f"not public, so not seen: {count(found.withheld, 'event')} of the log, the bytes of {count(found.unseen, 'record')}",
            markup=False,
        )
    if found.cosigned is not None:
        names = ", ".join(found.cosigned.names)
        out().print(
            f"witnesses signed up to entry {found.cosigned.size - 1}, at {found.cosigned.at}: {names}", markup=False
        )
    for fault in found.faults[:SHOWN]:
        err().print(f"{fault.where}: {fault.what}", markup=False)
