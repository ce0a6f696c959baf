"""A hub to a folder of files. Everything is rendered before anything is put in place: a build that stops leaves the old site."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date
from multiprocessing import get_context
from pathlib import Path

from jinja2 import UndefinedError

from harness.errors import BadInput, RecordInvalid
from harness.files import locked, refusal
from harness.hub.bulk import usable_cores
from harness.hub.force import in_force
from harness.hub.reader import Reader
from harness.hub.store import Hub, open_readable
from harness.site import (
    api,
    compare,
    decisions,
    downloads,
    feed,
    gather,
    lists,
    log,
    methodology,
    people,
    place,
    regressions,
    requests,
    row_page,
    sitemap,
)  # fmt: skip
from harness.site import state as states
from harness.site.render import static, static_name
from harness.site.state import State
from harness.site.values import File, Site, Summary

ALONE = 128  # rows up to which a second process costs more than it saves
STATIC = ("site.css", "site.js", "icon.svg")
Tell = Callable[[int, int], None]  # (rows done, of)


@dataclass(frozen=True, slots=True)
class Built:
    """What a build did."""

    rows: int
    made: int  # rows made again
    files: int  # written
    removed: int


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for."""

    target: str
    out: Path
    as_of: date
    policy: str | None = None
    base_url: str | None = None
    png: bool = False


def build(wish: Wish, tell: Tell) -> Built:
    """Build, or bring up to date, the site in `wish.out`.

    Raises `BadInput` for a folder that holds something else; `RecordInvalid`, with its id, for a record that can't be read.
    """
    out = wish.out.resolve()  # of a link, what it leads to
    try:
        _ours_or_empty(out)
        out.parent.mkdir(parents=True, exist_ok=True)
        lock = out.parent / f".{out.name}.lock"
        with locked(lock, "another build of this site is under way"):
            for left in out.parent.glob(f".{out.name}.build-*"):  # by a build that was killed
                shutil.rmtree(left, ignore_errors=True)
            scratch = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}.build-"))
            try:
                return _build(wish, out, scratch, tell)
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
                lock.unlink(missing_ok=True)
    except OSError as error:
        raise refusal(error, out) from error


def _ours_or_empty(out: Path) -> None:
    if out.exists() and (not out.is_dir() or (any(out.iterdir()) and not (out / states.FILE).is_file())):
        raise BadInput("holds something that is no site of ours", where=str(out), fix="name a new or empty folder")


def _build(wish: Wish, out: Path, scratch: Path, tell: Tell) -> Built:
    hub = open_readable(wish.target)
    with hub.reading() as reader:
        site = _site(reader, wish)
        old, new = states.read(out), states.now(reader, site)
        public = people.public_rows(reader)
        touched = states.touched(reader, old, new, public)
        kept = old if old is not None and touched.since else None
        if kept is not None and not touched.rows and kept.same_but_rows(new) and kept.rows.keys() <= public:
            return Built(len(kept.rows), 0, 0, 0)
        new.rows = {row: found for row, found in (kept.rows if kept else {}).items() if row in public}
        for summary, records in _rows(hub, reader, site, sorted(touched.rows), scratch, tell):
            new.rows[summary.row] = states.kept(summary, records)
        new.rows = dict(sorted(new.rows.items()))
        summaries = list(new.summaries().values())
        wanted = None if touched.operators is None else _members(touched.operators, kept, new, touched.rows)
        for file in _shared(reader, site, summaries, kept, new, wanted):
            _write(scratch, file)
        for file in _lists(site, summaries, kept, new):
            _write(scratch, file)
    new.write(scratch)
    if kept is None:
        written, removed = sum(1 for path in scratch.rglob("*") if path.is_file()), 0
        place.swap(scratch, out)
    else:
        written, removed = place.lay_over(scratch, out, kept, new)
    return Built(len(new.rows), len(touched.rows), written, removed)


def _site(reader: Reader, wish: Wish) -> Site:
    loaded, origin = in_force(reader, wish.policy), reader.origin()
    base = wish.base_url or f"https://{origin}/"
    fact = reader.get("hub", "") or {}
    return Site(
        origin=origin,
        base_url=base if base.endswith("/") else f"{base}/",
        policy=loaded.policy,
        policy_name=f"{loaded.policy.name}-v{loaded.policy.version}",
        policy_sha256=loaded.sha256,
        as_of=wish.as_of,
        entries=reader.size(),
        demonstration=bool(fact.get("demonstration")),
        png=wish.png,
    )


def _rows(
    hub: Hub, reader: Reader, site: Site, rows: Sequence[str], scratch: Path, tell: Tell
) -> Iterator[tuple[Summary, list[str]]]:
    """Write the pages of the rows; of each its summary and its public records."""
    cores = usable_cores()
    known = gather.frame(reader)
    if len(rows) <= ALONE or cores < 2 or hub.engine.url.database in (None, "", ":memory:"):
        for done, row in enumerate(rows, 1):
            yield _row(reader, site, known, row, scratch)
            tell(done, len(rows))
        return
    parts = [rows[first : first + 50] for first in range(0, len(rows), 50)]
    with ProcessPoolExecutor(cores, get_context("spawn"), _open, (hub.target, site.entries)) as pool:
        done = 0
        made = pool.map(_part, [site] * len(parts), parts, [scratch] * len(parts))
        for part, found in zip(parts, made, strict=True):
            # Somebody wrote to the hub meanwhile: this process still reads the state that it began with.
            yield from found if found is not None else [_row(reader, site, known, row, scratch) for row in part]
            done += len(part)
            tell(done, len(rows))


_OPEN: list[tuple[Hub, int]] = []  # of a worker process


def _open(target: str, size: int) -> None:
    _OPEN.append((open_readable(target), size))


def _part(site: Site, rows: Sequence[str], scratch: Path) -> list[tuple[Summary, list[str]]] | None:
    """The pages of these rows; None where the hub is not in the state that the build began with."""
    hub, size = _OPEN[0]
    with hub.reading() as reader:
        if reader.size() != size:
            return None
        known = gather.frame(reader)
        return [_row(reader, site, known, row, scratch) for row in rows]


def _row(reader: Reader, site: Site, known: gather.Frame, row: str, scratch: Path) -> tuple[Summary, list[str]]:
    one = gather.benchmark(reader, site, known, row)
    try:
        for file in row_page.files(site, one):
            _write(scratch, file)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, RuntimeError, UndefinedError) as error:
        told = f"can't be shown ({type(error).__name__}: {error})"
        raise RecordInvalid(told, where=f"record {row}", fix="run: repro audit") from error
    return one.summary, [body.record for body in one.bodies]


def _members(named: Iterable[str], kept: State | None, new: State, rows: Iterable[str]) -> set[str]:
    """Whose pages may have changed: who was named, and everybody on a row that was made again, before or now."""
    found = set(named)
    for row in rows:
        for state in (kept, new):
            if state is not None and row in state.rows:
                found |= set(state.rows[row][0]["members"])
    if kept is not None:
        for row in kept.rows.keys() - new.rows.keys():
            found |= set(kept.rows[row][0]["members"])
    return found


def _shared(
    reader: Reader, site: Site, rows: Sequence[Summary], kept: State | None, new: State, wanted: set[str] | None
) -> Iterator[File]:
    """Pages that are neither a row's own nor the front and the lists."""
    records = downloads.records(reader)
    if kept is None:
        for name in STATIC:
            yield static_name(name), static(name)
    yield from people.files(reader, site, rows, wanted)
    yield from methodology.files(site)
    yield from regressions.files(reader, site)
    yield from requests.files(reader, site)
    yield from decisions.files(reader, site, 0 if kept is None else kept.entries)
    yield from log.files(reader, site, 0 if kept is None else kept.signed)
    yield from feed.files(reader, site)
    yield from api.files(site, rows, len(records), whole=kept is None)
    yield from downloads.files(rows, records)
    found = sitemap.addresses_of(rows, new.handles)
    if new.differs("sitemap.xml", found, kept):
        yield from sitemap.files(site, found)


def _lists(site: Site, rows: Sequence[Summary], kept: State | None, new: State) -> Iterator[File]:
    """The front page, and lists of rows that read otherwise than in the last build."""
    digests = {row: digest for row, (_, _, digest) in new.rows.items()}
    alike = lists.ordered(rows)
    listings = {facet.folder: lists.listing(facet, rows) for facet in lists.FACETS}
    yield from lists.front(site, rows, listings)
    for facet in lists.FACETS:
        listing = listings[facet.folder]
        if new.differs(f"{facet.folder}/index.html", listing, kept):
            yield from lists.overview(site, facet, listing, len(rows))
        for part in lists.parts(facet, alike):
            made_of = (len(part.every), len(part.paths), [digests[one.row] for one in part.shown])
            if new.differs(part.path, made_of, kept):
                yield lists.of_part(site, part)
    groups = compare.groups(rows)
    compared = [len(groups), *((len(own), [digests[one.row] for one in own]) for own in compare.shown(groups))]
    if new.differs("compare/index.html", compared, kept):
        yield from compare.files(site, groups)


def _write(folder: Path, file: File) -> None:
    path = folder / file[0]
    try:
        path.write_bytes(file[1])
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file[1])
