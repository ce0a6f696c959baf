"""An operator's records at a registry as a table, and what a submission says when it is sent."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from harness.catalog.suites import by_digest
from harness.record.outcome import WORDS
from harness.record.store import read
from harness.registry.intake.asked import SUITE as ASKED
from harness.terminal.console import err, escape, out
from harness.terminal.preview import print_fall
from harness.terminal.remote import tell_receipt
from harness.terminal.withheld import withheld

if TYPE_CHECKING:
    from harness.registry.actions.submissions import Sent
    from harness.registry.facts import FailureFact
    from harness.registry.intake.ingest import Submission
    from harness.registry.queries.submissions import Submitted
    from harness.registry.store import Registry

_TITLES = ("record", "row", "entry", "submitted", "status")


def print_submissions(
    whose: str, found: Sequence[Submitted], *, known: bool, failed: Sequence[tuple[str, FailureFact]] = ()
) -> None:
    """A line a record, those of runs that failed last; `known`: whether the registry knows the operator at all."""
    console = out()
    if not found and not failed:
        known_as = "has no records at this registry" if known else "is not known to this registry"
        console.print(f"{whose} {known_as}", markup=False)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in _TITLES:
        table.add_column(name, justify="right" if name == "entry" else "left", no_wrap=name != "status")
    for one in found:
        row = "its own" if one.row == one.id else one.row[:12]
        says = one.words + (f" → {one.next}" if one.next else "")
        table.add_row(one.id[:12], row, str(one.entry), one.submitted[:10], escape(says))
    for name, fact in failed:
        says = f"does not run here: {WORDS[fact.reason]}; {fact.status}{f': {fact.why}' if fact.why else ''}"
        table.add_row(name[:12], "none", str(fact.index), fact.submitted[:10], escape(says))
    console.print(table)


def tell_suite(request: str, folder: Path) -> None:
    """Who sends a record for a request, and of another suite than it means, should know."""
    if request and (told := of_another_suite(folder)):
        err().print(told, markup=False, soft_wrap=True)


def of_another_suite(folder: Path) -> str:
    """What to say of a record that is sent for a request, which means the default suite; "" where it is of that one."""
    suite = read(folder).record.suite
    known = by_digest(suite.sha256)
    if known is not None and known.name == ASKED:
        return ""
    return f"the request means the suite {ASKED!r}, the record is of {suite.name!r:.60}: an editor decides whether it answers"


def print_sent(registry: Registry, found: Submission, sent: Sent, folder: Path) -> None:
    """Its id and entry, and where it falls; a receipt is kept in `folder`."""
    console = out()
    console.print(
        f"{sent.record}\nqueued as entry {sent.entry}: nothing is public before an editor approves it", markup=False
    )
    if sent.opens:
        console.print("it opens a row of its own", markup=False)
    else:
        print_fall(console, registry, found, sent.row)
    tell_receipt(registry, found.id, folder)


def leaving(folder: Path, found: Submission, device_ids: Sequence[str]) -> dict[str, Any]:
    """The record as it is published, what its samples hold, what the event that submits it says beside, and what stays here."""
    from harness.record.samples import schema
    from harness.tlog.event import KINDS, OPTIONAL

    signed = ["kind", "registry", "by", "at", "subject", "after", "head"]
    return {
        "record": found.record.model_dump(mode="json"),
        "envelope_bytes": len(found.envelope),
        "samples_bytes": len(found.samples),
        "samples_columns": list(schema().names),
        "event": {
            "by": found.claims.handle,
            "fields": [*signed, *KINDS["record-submitted"], *OPTIONAL["record-submitted"]],
            "first_submission_adds": ["operator-joined", *KINDS["operator-joined"]],
        },
        "device_ids_for_the_registry_alone": list(device_ids),
        "withheld": withheld(folder, found.record, len(device_ids)),
    }
