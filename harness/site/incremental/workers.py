"""Who makes the pages: of many rows, as many processes as there are cores; of few, this one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from jinja2 import UndefinedError

from harness.errors import RecordInvalid
from harness.progress import Progress
from harness.registry.opening import open_readable
from harness.registry.processes import end_with_parent, usable_cores
from harness.registry.queries import Reader, believed
from harness.registry.store import Registry
from harness.site.data import gather
from harness.site.data.values import Site, Summary
from harness.site.incremental.publish import write
from harness.site.incremental.shared import Job
from harness.site.pages import row_page

ALONE = 128  # rows up to which a second process costs more than it saves
_EACH = 50  # rows that a process is given at a time
Made = tuple[Summary, list[str]]  # a row, and its public records


@dataclass(frozen=True, slots=True)
class Team:
    """Who makes the pages of one build of one state of the registry. `pool` is None where one process does it all."""

    reader: Reader
    site: Site
    known: gather.Frame
    scratch: Path
    pool: ProcessPoolExecutor | None

    def rows(self, rows: Sequence[str], progress: Progress) -> Iterator[Made]:
        """Write the pages of these rows. Raises `RecordInvalid`, with its id, for a record that can't be shown."""
        done = 0
        if self.pool is None:
            for row in rows:
                yield _row(self.reader, self.site, self.known, row, self.scratch)
                progress.advance("making pages", done := done + 1, len(rows))
            return
        parts = [rows[first : first + _EACH] for first in range(0, len(rows), _EACH)]
        for part, found in zip(parts, self.pool.map(_part, parts), strict=True):
            # Somebody wrote to the registry meanwhile: this process still reads the state that it began with.
            here = (_row(self.reader, self.site, self.known, row, self.scratch) for row in part)
            yield from found if found is not None else here
            progress.advance("making pages", done := done + len(part), len(rows))

    @contextmanager
    def beside(self, jobs: Sequence[Job]) -> Iterator[None]:
        """Write the files of these jobs, in other processes while the body of the `with` goes on in this one."""
        told = [None if self.pool is None else self.pool.submit(_job, job) for job in jobs]
        yield
        for job, future in zip(jobs, told, strict=True):
            if future is None or not future.result():
                for file in job(self.reader):
                    write(self.scratch, file)


@contextmanager
def team(
    registry: Registry,
    reader: Reader,
    site: Site,
    known: gather.Frame,
    scratch: Path,
    rows: int,
    left_out: Sequence[str] = (),
) -> Iterator[Team]:
    """For so many rows. `left_out`: records that `reader` does not see, and no other process may."""
    cores = usable_cores()
    if rows <= ALONE or cores < 2 or registry.in_memory:
        yield Team(reader, site, known, scratch, None)
        return
    with ProcessPoolExecutor(
        cores, get_context("spawn"), _open, (registry.target, site, known, scratch, left_out)
    ) as pool:
        try:
            yield Team(reader, site, known, scratch, pool)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


@dataclass(frozen=True, slots=True)
class _Own:
    """What a worker process was given."""

    registry: Registry
    site: Site
    known: gather.Frame
    scratch: Path
    left_out: Sequence[str]


_OWN: list[_Own] = []


def _open(target: str, site: Site, known: gather.Frame, scratch: Path, left_out: Sequence[str]) -> None:
    end_with_parent()
    _OWN.append(_Own(open_readable(target), site, known, scratch, left_out))


def _part(rows: Sequence[str]) -> list[Made] | None:
    """The pages of these rows; None where the registry is not in the state that the build began with."""
    own = _OWN[0]
    with own.registry.reading(closed=False) as reader, believed.without(reader, own.left_out):
        if reader.size() != own.site.entries:
            return None
        return [_row(reader, own.site, own.known, row, own.scratch) for row in rows]


def _job(job: Job) -> bool:
    """Whether its files were written: see `_part`."""
    own = _OWN[0]
    with own.registry.reading(closed=False) as reader, believed.without(reader, own.left_out):
        if reader.size() != own.site.entries:
            return False
        for file in job(reader):
            write(own.scratch, file)
    return True


def _row(reader: Reader, site: Site, known: gather.Frame, row: str, scratch: Path) -> Made:
    one = gather.benchmark(reader, site, known, row)
    try:
        for file in row_page.files(site, one):
            write(scratch, file)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, RuntimeError, UndefinedError) as error:
        told = f"can't be shown ({type(error).__name__}: {error})"
        raise RecordInvalid(told, where=f"record {row}", fix="run: repro audit") from error
    return one.summary, [body.record for body in one.bodies]
