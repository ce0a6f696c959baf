"""The pages of many rows, written by as many processes as there are cores; of few, by this one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from jinja2 import UndefinedError

from harness.errors import RecordInvalid
from harness.hub.bulk import usable_cores
from harness.hub.reader import Reader
from harness.hub.store import Hub, open_readable
from harness.site import gather, row_page
from harness.site.place import write
from harness.site.values import Site, Summary

ALONE = 128  # rows up to which a second process costs more than it saves
_EACH = 50  # rows that a process is given at a time
Tell = Callable[[int, int], None]  # (rows done, of)
Made = tuple[Summary, list[str]]  # a row, and its public records


def make(
    hub: Hub, reader: Reader, site: Site, known: gather.Frame, rows: Sequence[str], scratch: Path, tell: Tell
) -> Iterator[Made]:
    """Write the pages of these rows. Raises `RecordInvalid`, with its id, for a record that can't be shown."""
    cores = usable_cores()
    if len(rows) <= ALONE or cores < 2 or hub.engine.url.database in (None, "", ":memory:"):
        for done, row in enumerate(rows, 1):
            yield _row(reader, site, known, row, scratch)
            tell(done, len(rows))
        return
    parts = [rows[first : first + _EACH] for first in range(0, len(rows), _EACH)]
    with ProcessPoolExecutor(cores, get_context("spawn"), _open, (hub.target, site.entries, known)) as pool:
        done = 0
        made = pool.map(_part, [site] * len(parts), parts, [scratch] * len(parts))
        for part, found in zip(parts, made, strict=True):
            # Somebody wrote to the hub meanwhile: this process still reads the state that it began with.
            yield from found if found is not None else [_row(reader, site, known, row, scratch) for row in part]
            done += len(part)
            tell(done, len(rows))


_OPEN: list[tuple[Hub, int, gather.Frame]] = []  # of a worker process


def _open(target: str, size: int, known: gather.Frame) -> None:
    _OPEN.append((open_readable(target), size, known))


def _part(site: Site, rows: Sequence[str], scratch: Path) -> list[Made] | None:
    """The pages of these rows; None where the hub is not in the state that the build began with."""
    hub, size, known = _OPEN[0]
    with hub.reading() as reader:
        if reader.size() != size:
            return None
        return [_row(reader, site, known, row, scratch) for row in rows]


def _row(reader: Reader, site: Site, known: gather.Frame, row: str, scratch: Path) -> Made:
    one = gather.benchmark(reader, site, known, row)
    try:
        for file in row_page.files(site, one):
            write(scratch, file)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, RuntimeError, UndefinedError) as error:
        told = f"can't be shown ({type(error).__name__}: {error})"
        raise RecordInvalid(told, where=f"record {row}", fix="run: repro audit") from error
    return one.summary, [body.record for body in one.bodies]
