"""A registry to a folder of files. All is rendered before anything is put in place: a build that stops leaves the old site."""

from __future__ import annotations

import gc
import shutil
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from harness.files import locked, refusal
from harness.progress import Progress
from harness.registry.facts import RegistryFact
from harness.registry.opening import open_readable
from harness.registry.queries import Reader, believed
from harness.registry.queries.active_policy import in_force
from harness.registry.queries.believed import Doubt
from harness.site.api import downloads
from harness.site.data import gather
from harness.site.data.public import ground
from harness.site.data.values import File, Site
from harness.site.folder import Wish as Wish
from harness.site.folder import ours_or_empty
from harness.site.incremental import publish, shared, twin
from harness.site.incremental import state as states
from harness.site.incremental.shared import Going
from harness.site.incremental.state import State, Touched
from harness.site.incremental.workers import ALONE, team
from harness.site.pages import decisions


@dataclass(frozen=True, slots=True)
class Built:
    """What a build did."""

    rows: int
    made: int  # rows made again
    files: int  # written
    removed: int
    left_out: tuple[Doubt, ...] = ()  # records that do not hold
    entries: int = 0  # of the log, which it shows
    signed: int = 0  # of these, below the newest checkpoint
    cosigned: str = ""  # digest of what witnesses have added to that


def build(wish: Wish, progress: Progress) -> Built:
    """Build, or bring up to date, the site in `wish.out`.

    Raises `BadInput` for a folder that holds something else; `RecordInvalid`, with its id, for a record that can't be read.
    """
    out = wish.out.resolve()  # of a link, what it leads to
    try:
        ours_or_empty(out)
        out.parent.mkdir(parents=True, exist_ok=True)
        lock = out.parent / f".{out.name}.lock"
        with locked(lock, "another build of this site is under way"):
            for left in out.parent.glob(f".{out.name}.build-*"):  # by a build that was killed
                shutil.rmtree(left, ignore_errors=True)
            scratch = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}.build-"))
            collecting = gc.isenabled()
            # A site that goes on reads all its rows, and is done before a search for what nobody holds would pay.
            gc.disable()
            try:
                return _build(wish, out, scratch, progress)
            finally:
                (gc.enable if collecting else gc.disable)()
                shutil.rmtree(scratch, ignore_errors=True)
                lock.unlink(missing_ok=True)
    except OSError as error:
        raise refusal(error, out) from error


def _build(wish: Wish, out: Path, scratch: Path, progress: Progress) -> Built:
    registry = open_readable(wish.target, progress)
    with registry.reading(closed=False) as reader, ThreadPoolExecutor(2) as beside, ExitStack() as stack:
        old = states.read(out)
        same = None if old is None else beside.submit(states.untouched, out, old)
        site, known = _site(reader, wish), ground(reader)
        new = states.now(reader, site)
        last = old if same is not None and same.result() else None
        touched = states.touched(reader, last, new, known)
        doubts = _verified(reader, last if touched.since else None, touched, progress)
        if doubts:
            stack.enter_context(believed.without(reader, [one.record for one in doubts]))
            site = replace(site, left_out=tuple(one for one in doubts if one.public))
            known, new = ground(reader), states.now(reader, site)
            new.left_out = [(one.record, one.row, one.what, one.public) for one in doubts]
            touched = states.touched(reader, last, new, known)
        last = last if touched.since else None
        if last is not None:
            touched = touched.also(_of_doubt(last, new) & known.rows)
        if last is not None and not touched.rows and last.same(new) and last.rows.keys() <= known.rows:
            if wish.at_once:
                twin.ready(out)  # a build before this one may have been cut off
            return Built(len(last.rows), 0, 0, 0, tuple(doubts), new.entries, new.signed, new.cosigned)
        if len(touched.rows) > ALONE:
            gc.enable()
        with team(
            registry,
            reader,
            site,
            gather.frame(reader, known),
            scratch,
            len(touched.rows),
            [one.record for one in doubts],
        ) as makers:
            new.take(last, known.rows, makers.rows(sorted(touched.rows), progress))
            going = Going.of(last, new, touched)
            listed = downloads.records(reader, None if last is None else touched.rows)
            # In threads, since most of this is not Python's work.
            tables = [beside.submit(_table, scratch, one) for one in shared.tables(site, going, listed, out)]
            shown, newest = shared.counted_in(reader, known, going), decisions.newest_acts(reader)
            with makers.beside(shared.apart(site, shown, going, newest)):
                rigs = {line[downloads.RIG] for line in listed}
                for file in shared.files(reader, site, shown, going, newest, rigs):
                    publish.write(scratch, file)
        new.digests = {path: digest for table in tables for path, digest in table.result()}
    new.write(scratch)
    written, removed = _published(wish, scratch, out, going)
    return Built(
        len(new.rows), len(touched.rows), written, removed, tuple(doubts), new.entries, new.signed, new.cosigned
    )


def _published(wish: Wish, scratch: Path, out: Path, going: Going) -> tuple[int, int]:
    """How many files were written and removed."""
    if going.last is not None:
        laid = (publish.at_once if wish.at_once else publish.lay_over)(scratch, out, going, going.last)
        return len(laid.written), len(laid.removed)
    written = sum(1 for path in scratch.rglob("*") if path.is_file())
    publish.swap(scratch, out)
    if wish.at_once:
        twin.ready(out)  # now, and not when somebody waits for the next build
    return written, 0


def _verified(reader: Reader, last: State | None, touched: Touched, progress: Progress) -> list[Doubt]:
    """The records that do not hold. Where the build begins from nothing all are asked; else those of the rows that are made
    again, and of rows that lacked one.
    """
    if last is None:
        return believed.doubts(reader, None, progress)
    again = touched.rows | {one[1] for one in last.left_out}
    return believed.doubts(reader, again, progress)


def _of_doubt(last: State, new: State) -> frozenset[str]:
    """Rows of records that hold no more, or again."""
    before, after = ({tuple(one) for one in state.left_out} for state in (last, new))
    return frozenset(str(row) for _, row, *_ in before ^ after)


def _table(scratch: Path, make: Callable[[], Iterable[File]]) -> list[tuple[str, str]]:
    """Write those files; the digest of each."""
    digests = []
    for path, data in make():
        publish.write(scratch, (path, data))
        digests.append((path, sha256(data).hexdigest()))
    return digests


def _site(reader: Reader, wish: Wish) -> Site:
    loaded, origin = in_force(reader, wish.policy), reader.origin()
    base = wish.base_url or f"https://{origin}/"
    return Site(
        origin=origin,
        base_url=base if base.endswith("/") else f"{base}/",
        policy=loaded.policy,
        policy_name=loaded.label,
        policy_sha256=loaded.sha256,
        as_of=wish.as_of,
        entries=reader.size(),
        demonstration=reader.need(RegistryFact).demonstration,
        png=wish.png,
    )
