"""`harness.load_records`: records as a pandas DataFrame."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import BadInput
from harness.extras import needs
from harness.progress import SILENT, Progress
from harness.record.frame import COLUMNS, rows
from harness.record.store import find
from harness.verify.reading import check as verify
from harness.verify.reading import well_formed

if TYPE_CHECKING:
    import pandas

Place = str | os.PathLike[str]


def load_records(
    *paths: Place | Iterable[Place],
    check: bool = True,
    progress: Progress = SILENT,
    unread: list[BadInput] | None = None,
) -> pandas.DataFrame:
    """One row for each metric of the records at or below `paths`, in units for people: tokens/s, ms, MiB.

    Paths and iterables of paths, as many as you like. The column `verified` is *yes*, *no* or *not checked*, with the reason in
    `verified_reason`; without `check` nothing is verified, and all are *not checked*. `progress` is told of each record that was
    verified. Raises `BadInput`: no path, one that does not exist, a file that is no record; with a list as `unread`, what a
    folder holds and can't be read is put there, and the others are loaded.
    """
    needs("frames", "harness.load_records")
    import pandas as pd

    named = list(dict.fromkeys(_flat(paths)))
    if not named:
        raise BadInput("no path was given", where="load_records", fix="name records, or folders that hold some")
    found = find(named, unread)
    if check:
        answers = {}
        for done, one in enumerate(map(verify, found), 1):
            answers[one.stored.path] = (str(one.verified), one.reason)
            progress.advance("verifying records", done, len(found))
    else:
        answers = {stored.path: ("not checked", "not asked for") for stored in found}
    listed: list[dict[str, Any]] = []
    for stored in found:
        with well_formed(str(stored.path)):
            listed += rows([stored], answers)
    return pd.DataFrame(listed, columns=list(COLUMNS))


def _flat(paths: Iterable[object]) -> Iterator[Path]:
    for path in paths:
        if isinstance(path, str | os.PathLike):
            yield Path(path)
        elif isinstance(path, Iterable) and not isinstance(path, bytes):
            yield from _flat(path)
        else:
            raise BadInput(
                f"{path!r:.80} must be a path", where="load_records", fix="give text, a Path, or a list of them"
            )
