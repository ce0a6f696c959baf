"""The editors' queue and a record of it, as a terminal shows them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from harness.registry.queries import failures
from harness.registry.queries.desk import Listed
from harness.registry.queries.queue import Queue
from harness.registry.queries.review import Dossier, Waiting
from harness.terminal.console import err, escape, out, whole
from harness.units import count


def queue_document(found: Listed) -> list[dict[str, Any]]:
    """As `repro review --json` prints it."""
    told = [asdict(one) | ({"not_examined": True} if isinstance(one, Waiting) else {}) for one in found.queue.found]
    broken = [*found.queue.unreadable, *((one.id, one.why) for one in found.broken_failures)]
    unreadable = [{"id": identity, "cannot_be_examined": why} for identity, why in broken]
    at = len(found.queue.unreadable)
    failed = [{"id": one.record, **failures.plain(one)} for one in found.failures]
    unread = [
        {"record": one.id, **asdict(one), "status": "pending", "not_examined": True} for one in found.unread_failures
    ]
    return [*told, *unreadable[:at], *failed, *unreadable[at:], *unread]


def say_unnamed(found: Listed) -> None:
    """On standard error, how many runs that failed wait and are in no list: a service of before names no more."""
    if found.unnamed_failures:
        line = f"{found.unnamed_failures} more records of runs that failed wait: the service does not name them"
        err().print(line, markup=False)


def print_listed(found: Listed) -> None:
    """The queue, then the runs that failed."""
    console = out()
    if found.queue.waiting or not found.failures:
        print_queue(console, found.queue)
    for failure in found.failures:
        console.print(failures.line(failure), markup=False, soft_wrap=True)
    for one in found.broken_failures:
        console.print(f"{one.id[:12]}  cannot be examined: {one.why}", markup=False, soft_wrap=True)
    if found.unread_failures:
        more = count(len(found.unread_failures), "more record")
        line = f"{more} of runs that failed, not examined: repro review --all, or --json for their ids"
        console.print(line, markup=False)


def print_queue(console: Console, found: Queue) -> None:
    """A line a record, with the kinds of what there is to look at."""
    for identity, why in found.unreadable:
        console.print(f"{identity[:12]} {why}", markup=False)
    if not found.waiting:
        console.print("the queue is empty")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("record", "operator", "what", "row", "since", "to look at"):
        table.add_column(name)
    for one in found.found:
        if isinstance(one, Waiting):
            remarks = "not examined yet"
        else:
            remarks = ", ".join(dict.fromkeys(remark.kind for remark in one.remarks)) or "–"
        texts = (escape(one.operator), escape(one.title), escape(one.place), one.submitted[:10], escape(remarks))
        table.add_row(whole(console, one.id, 12), *texts)
    console.print(table)
    if found.unread:
        console.print(
            f"\n{found.unread} of {found.waiting} were not examined: repro review show ID, or repro review --all",
            markup=False,
        )
    console.print("\nrepro review show ID, then approve, reject or send-back ID --reason …", markup=False)


def print_dossier(console: Console, found: Dossier) -> None:
    """What an editor needs to know about a record."""
    console.print(f"[bold]{escape(found.title)}[/]")
    for name, text in (
        ("record", found.id),
        ("operator", found.operator + (", verified owner" if found.verified else "")),
        ("status", found.status + (f": {found.why}" if found.why else "")),
        ("place", found.place),
        ("submitted", found.submitted),
        ("headline", found.headline),
        (
            "challenge",
            f"began after the registry's single-use number; fresh: {', '.join(found.fresh) or 'nothing'}"
            if found.challenged
            else "none: only the operator says when it ran",
        ),
        ("approvals", ", ".join(found.approvals) or "none"),
        ("effect", found.effect),
    ):
        console.print(f"  {name:12} {escape(text)}")
    for text in found.settings:
        console.print(f"  {'setting':12} {escape(text)}")
    for text in found.beside:
        console.print(f"  {'beside':12} {escape(text)} (shown, not counted)")
    console.print("[bold]To look at[/]")
    for remark in found.remarks:
        console.print(f"  {remark.kind:14} {escape(remark.text)}")
    if not found.remarks:
        console.print("  nothing: it is complete, consistent and plausible, and similar to no other")
    if found.similar:
        console.print("[bold]Similar rows[/]")
        for text in found.similar:
            console.print(f"  {escape(text)}")
