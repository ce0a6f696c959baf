"""A hub to a folder of files. Everything is rendered before anything is put in place: a build that stops leaves the old site."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from datetime import date
from hashlib import sha256
from multiprocessing import get_context
from pathlib import Path

from harness.errors import BadInput, RecordInvalid
from harness.files import refusal
from harness.hub.force import in_force
from harness.hub.reader import Reader
from harness.hub.store import Hub, open_readable
from harness.site import (
    api,
    compare,
    decisions,
    feed,
    gather,
    lists,
    log,
    methodology,
    people,
    regressions,
    requests,
    row_page,
)
from harness.site import state as states
from harness.site.render import static, static_name
from harness.site.sitemap import sitemap
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


def build(wish: Wish, tell: Tell) -> Built:
    """Build, or bring up to date, the site in `wish.out`.

    Raises `BadInput` for a folder that holds something else; `RecordInvalid`, with its id, for a record that can't be read.
    """
    out = wish.out.absolute()
    _ours_or_empty(out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}-"))
    except OSError as error:
        raise refusal(error, out) from error
    try:
        return _build(wish, out, scratch, tell)
    except OSError as error:
        raise refusal(error, out) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _ours_or_empty(out: Path) -> None:
    if out.exists() and (not out.is_dir() or (any(out.iterdir()) and not (out / states.FILE).is_file())):
        raise BadInput("holds something that is no site of ours", where=str(out), fix="name a new or empty folder")


def _build(wish: Wish, out: Path, scratch: Path, tell: Tell) -> Built:
    hub = open_readable(wish.target)
    with hub.reading() as reader:
        site = _site(reader, wish)
        old, new = states.read(out), states.now(reader, site)
        public = states.public_rows(reader)
        touched = states.touched(reader, old, new, public)
        kept = old if old is not None and touched.since else None
        new.rows = {row: found for row, found in (kept.rows if kept else {}).items() if row in public}
        for summary, records in _rows(hub, reader, site, sorted(touched.rows), scratch, tell):
            new.rows[summary.row] = (asdict(summary), records)
        new.rows = dict(sorted(new.rows.items()))
        summaries = new.summaries()
        wanted = None if touched.operators is None else _members(touched.operators, kept, new, touched.rows)
        for file in _shared(reader, site, summaries, touched.since, wanted):
            _write(scratch, file)
        for file in _lists(site, summaries, kept, new):
            _write(scratch, file)
    new.write(scratch)
    if kept is None:
        files = sum(1 for path in scratch.rglob("*") if path.is_file())
        _swap(scratch, out)
        return Built(len(new.rows), len(touched.rows), files, 0)
    return _lay_over(scratch, out, kept, new, len(touched.rows))


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
    )


def _rows(
    hub: Hub, reader: Reader, site: Site, rows: Sequence[str], scratch: Path, tell: Tell
) -> Iterator[tuple[Summary, list[str]]]:
    """Write the pages of the rows; of each its summary and its public records."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if len(rows) <= ALONE or cores < 2 or hub.engine.url.database in (None, "", ":memory:"):
        known = gather.frame(reader)
        for done, row in enumerate(rows, 1):
            yield _row(reader, site, known, row, scratch)
            tell(done, len(rows))
        return
    parts = [rows[first : first + 50] for first in range(0, len(rows), 50)]
    with ProcessPoolExecutor(cores, get_context("spawn"), _open, (hub.target, site.entries)) as pool:
        done = 0
        for found in pool.map(_part, [site] * len(parts), parts, [scratch] * len(parts)):
            done += len(found)
            yield from found
            tell(done, len(rows))


_OPEN: list[tuple[Hub, int]] = []  # of a worker process


def _open(target: str, size: int) -> None:
    _OPEN.append((open_readable(target), size))


def _part(site: Site, rows: Sequence[str], scratch: Path) -> list[tuple[Summary, list[str]]]:
    hub, size = _OPEN[0]
    with hub.reading() as reader:
        if reader.size() != size:
            raise BadInput("the hub was written to while the site was built", where=hub.target, fix="build it again")
        known = gather.frame(reader)
        return [_row(reader, site, known, row, scratch) for row in rows]


def _row(reader: Reader, site: Site, known: gather.Frame, row: str, scratch: Path) -> tuple[Summary, list[str]]:
    one = gather.benchmark(reader, site, known, row)
    for file in row_page.files(site, one):
        _write(scratch, file)
    records = [passage.record for passage in one.passages]
    for identity in records:
        fact = reader.get("record", identity) or {}
        for kind, ending in (("envelope", "json"), ("samples", "parquet")):
            body = reader.body(fact.get(f"{kind}_sha256", ""))
            if body is None or sha256(body).hexdigest() != fact[f"{kind}_sha256"]:
                raise RecordInvalid(
                    f"its {kind} are gone or changed", where=f"record {identity}", fix="run: repro audit"
                )
            _write(scratch, (f"records/{identity}.{ending}", body))
    return one.summary, records


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
    reader: Reader, site: Site, rows: dict[str, Summary], since: int, wanted: set[str] | None
) -> Iterator[File]:
    """Pages that are not a row's own."""
    listed = list(rows.values())
    for name in STATIC:
        yield static_name(name), static(name)
    yield from lists.front(site, listed)
    yield from people.files(reader, site, listed, wanted)
    yield from compare.files(site, listed)
    yield from methodology.files(site)
    yield from regressions.files(reader, site)
    yield from requests.files(reader, site)
    yield from decisions.files(reader, site, since)
    yield from log.files(reader, site, since)
    yield from feed.files(reader, site)
    yield from api.files(reader, site, listed)
    yield from sitemap(site, listed)


def _lists(site: Site, rows: dict[str, Summary], kept: State | None, new: State) -> Iterator[File]:
    """A list for each value that rows have, those that changed; `new` keeps what each was made of."""
    digests = states.digest(new.rows)
    for facet in lists.FACETS:
        groups: dict[str, list[Summary]] = {}
        for one in rows.values():
            groups.setdefault(facet.value(one), []).append(one)
        yield from lists.overview(site, facet, list(rows.values()))
        for value, own in groups.items():
            first = lists.address(facet.folder, value)
            made_of = sha256("".join(digests[one.row] for one in own).encode()).hexdigest()
            before = kept.lists.get(first) if kept is not None else None
            if before is not None and before[0] == made_of:
                new.lists[first] = before
                continue
            pages = list(lists.of_value(site, facet, value, own))
            new.lists[first] = (made_of, [path for path, _ in pages])
            yield from pages


def _write(folder: Path, file: File) -> None:
    path = folder / file[0]
    try:
        path.write_bytes(file[1])
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file[1])


def _swap(scratch: Path, out: Path) -> None:
    """The new folder in the old one's place."""
    scratch.chmod(0o755)
    if not out.exists():
        scratch.rename(out)
        return
    aside = scratch.with_name(f"{scratch.name}.old")
    out.rename(aside)
    try:
        scratch.rename(out)
    except OSError:
        aside.rename(out)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _lay_over(scratch: Path, out: Path, kept: State, new: State, made: int) -> Built:
    """What is new over what is there, each file whole or not at all; then away with what is gone, and last what was made."""
    written = 0
    last = scratch / states.FILE
    for path in sorted(scratch.rglob("*")):
        if path.is_file() and path != last:
            written += _replace(path, out / path.relative_to(scratch))
    gone = {path for _, pages in kept.lists.values() for path in pages} - {
        p for _, pages in new.lists.values() for p in pages
    }
    held = {identity for _, records in new.rows.values() for identity in records}
    dropped = {identity for _, records in kept.rows.values() for identity in records} - held
    gone |= {f"records/{identity}.{ending}" for identity in dropped for ending in ("json", "parquet")}
    for row in kept.rows.keys() - new.rows.keys():
        gone.add(f"api/v1/rows/{row}.json")
        shutil.rmtree(out / "rows" / row[:16], ignore_errors=True)
    before = {member for values, _ in kept.rows.values() for member in values["members"]}
    gone |= {f"operators/{handle}.html" for handle in before if not (scratch / f"operators/{handle}.html").exists()
             and handle not in {member for values, _ in new.rows.values() for member in values["members"]}}  # fmt: skip
    removed = sum(_remove(out / path) for path in gone)
    os.replace(last, out / states.FILE)
    return Built(len(new.rows), made, written, removed)


def _replace(path: Path, target: Path) -> bool:
    """Whether anything changed."""
    try:
        if target.read_bytes() == path.read_bytes():
            return False
    except FileNotFoundError:
        target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(path, target)
    return True


def _remove(path: Path) -> bool:
    if not path.exists():
        return False
    path.unlink()
    return True
