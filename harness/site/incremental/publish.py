"""A finished site into its folder: a new one as a whole; one that goes on file by file, each whole or not at all, or at once."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from harness.files import let_all_read
from harness.inside import inside, refuse_links
from harness.site import addresses
from harness.site.data.values import File
from harness.site.folder import FILE
from harness.site.incremental import twin
from harness.site.incremental.shared import Going
from harness.site.incremental.state import State, unfinished
from harness.site.pages import lists, operators

# Made anew by every build, so that one of an earlier build which is not there any more is gone.
_SERIES = ("regressions/page-*.html", "log/tile/**/*.p/*", "failures/*.json")


def write(folder: Path, file: File) -> None:
    """A file of the site, below that folder. Raises `RecordInvalid` for a name that leads elsewhere."""
    path = inside(folder, file[0], "the site")
    try:
        path.write_bytes(file[1])
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file[1])


@dataclass(frozen=True, slots=True)
class Laid:
    """What was laid over a site."""

    written: list[str]
    removed: list[str]
    rows: list[str]  # folders of rows that are gone


def swap(scratch: Path, out: Path) -> None:
    """The new folder in the old one's place, and the old one in the new one's."""
    let_all_read(scratch)
    if out.exists():
        twin.exchange(scratch, out)
    else:
        scratch.rename(out)


def lay_over(scratch: Path, out: Path, going: Going, last: State) -> Laid:
    """What is new over what is there, then away with what is gone, the state last: after one that is cut off the next is whole.

    Raises `RecordInvalid`, with nothing written, where a link stands in the way.
    """
    gone, new = _gone(scratch, out, going, last), going.new
    named = (path.relative_to(scratch).as_posix() for path in scratch.rglob("*") if path.is_file())
    names = sorted(name for name in named if name != FILE)
    for folder in {(out / name).parent for name in (*names, *gone, "rows/x")}:
        refuse_links(out, folder)
    unfinished(out)
    written = [
        name
        for name in names
        if (name not in new.digests or new.digests[name] != last.digests.get(name))
        and _replaced(scratch / name, out / name)
    ]
    removed = [path for path in gone if _removed(out / path)]
    rows = [f"rows/{row[:16]}" for row in last.rows.keys() - new.rows.keys()]
    for row in rows:
        shutil.rmtree(out / row, ignore_errors=True)
    os.replace(scratch / FILE, out / FILE)
    return Laid(written, removed, rows)


def at_once(scratch: Path, out: Path, going: Going, last: State) -> Laid:
    """As `lay_over`, and no reader sees some of it: it is laid over the site's second folder, which takes the site's place."""
    other = twin.ready(out)
    laid = lay_over(scratch, other, going, last)
    twin.exchange(other, out)
    twin.follow(other, out, laid.written, laid.removed, laid.rows)
    return laid


def _gone(scratch: Path, out: Path, going: Going, last: State) -> list[str]:
    """Files of the last build that this one would not make. Only what differs between the two is looked at: the rest is much."""
    new = going.new
    rows = [row for row, records in last.records.items() if new.records.get(row) != records]
    rows += new.records.keys() - last.records.keys()  # a record may have come to another row
    before, after = (_named(state, rows) for state in (last, new))
    for facet in lists.FACETS:
        counts = going.before[facet.folder], going.counted[facet.folder]
        differ = {facet.value(one) for change in going.changes for one in change if one is not None}
        for found, counted in zip((before, after), counts, strict=True):
            found |= {path for value in differ for path in lists.paths(facet, value, counted[value])}
    series = (path.relative_to(out) for pattern in _SERIES for path in out.glob(pattern) if path.is_file())
    return sorted((before - after) | {path.as_posix() for path in series if not (scratch / path).exists()})


def _named(state: State, rows: Iterable[str]) -> set[str]:
    """Files that bear the name of a record, of one of these rows, or of an operator."""
    own = [row for row in rows if row in state.records]
    found = {f"records/{one}.{kind}" for row in own for one in state.records[row] for kind in ("json", "parquet")}
    found |= {f"api/v1/rows/{row}.json" for row in own}
    return (
        found
        | {addresses.operator(handle) for handle in state.handles}
        | set(operators.index_paths(len(state.handles)))
    )


def _replaced(path: Path, target: Path) -> bool:
    """Whether anything changed."""
    try:
        same_size = target.lstat().st_size == path.stat().st_size and target.is_file() and not target.is_symlink()
        if same_size and target.read_bytes() == path.read_bytes():
            return False
    except FileNotFoundError:
        target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(path, target)
    return True


def _removed(path: Path) -> bool:
    if not os.path.lexists(path):
        return False
    path.unlink()
    return True
