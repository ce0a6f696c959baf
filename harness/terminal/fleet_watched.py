"""A fleet while it runs: a live table on a terminal, a row a node; elsewhere a line now and then."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from harness.fleet.outcome import OVER, Standing, Status, counts
from harness.terminal.console import err, escape

if TYPE_CHECKING:
    from rich.table import Table

MOST_ROWS = 20  # nodes: a table that is higher than its terminal can't be drawn over
BAD = frozenset((Status.FAILED, Status.REFUSED, Status.DRAINED, Status.LEFT_OUT, Status.LOST, Status.CANCELLED))

Show = Callable[[Sequence[Standing]], None]
Remark = Callable[[str], None]


class NodeRow(NamedTuple):
    """One node now: its jobs that are over of all, what it does, what went wrong last."""

    node: str
    over: str
    now: str
    trouble: str


def rows(found: Sequence[Standing]) -> list[NodeRow]:
    """A row a node, in the plan's order."""
    nodes: dict[str, list[Standing]] = {}
    for one in found:
        nodes.setdefault(one.job.node, []).append(one)
    return [_row(node, own) for node, own in nodes.items()]


def _row(node: str, own: Sequence[Standing]) -> NodeRow:
    running = [f"measures {one.job}" for one in own if one.status is Status.RUNNING]
    waits = [one.detail or "queued" for one in own if one.status is Status.QUEUED]
    bad = [one for one in own if one.status in BAD]
    trouble = f"{bad[-1].status}: {bad[-1].detail}" if bad else ""
    over = sum(one.status in OVER for one in own)
    return NodeRow(node, f"{over}/{len(own)}", next(iter(running + waits), ""), trouble)


@contextmanager
def watched(total: int) -> Iterator[tuple[Show, Remark]]:
    """What shows how the jobs stand, of which there are `total`, and what says something beside it."""
    from harness.terminal.progress import shown

    console = err()
    if not console.is_terminal:
        with shown() as progress:
            yield lambda found: progress.advance(_told(found), _over(found), total), progress.remark
        return
    from rich.live import Live

    last: list[NodeRow] = []

    def show(found: Sequence[Standing]) -> None:
        made = rows(found)
        if made != last:  # drawing takes a millisecond of a machine that may measure
            last[:] = made
            live.update(_table(made, f"{_over(found)}/{total}: {_told(found)}"), refresh=True)

    with Live(
        console=console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
    ) as live:
        yield show, lambda text: console.print(text, markup=False)


def _over(found: Sequence[Standing]) -> int:
    return sum(one.outcome is not None for one in found)


def _told(found: Sequence[Standing]) -> str:
    return ", ".join(f"{n} {name}" for name, n in counts(found).items())


def _table(made: Sequence[NodeRow], told: str) -> Table:
    from rich.table import Table

    hidden = len(made) - MOST_ROWS
    caption = told if hidden <= 0 else f"{told}; {hidden} more nodes"
    table = Table(box=None, pad_edge=False, header_style="bold", caption=escape(caption), caption_justify="left")
    for name in ("node", "over", "now", ""):
        table.add_column(name, no_wrap=True)
    for row in made[:MOST_ROWS]:
        table.add_row(*(escape(cell) for cell in row))
    return table
