"""Where a report comes from and where it goes: records found and checked, files written whole or refused beforehand."""

from __future__ import annotations

import webbrowser
from collections.abc import Sequence
from pathlib import Path

from harness.errors import BadInput
from harness.extras import needs
from harness.files import let_all_read, read_limited, write_bytes
from harness.progress import SILENT, Progress
from harness.record import store
from harness.reports.document import MOST, Report
from harness.verify.reading import Checked, check

_LIMIT = 1 << 30
_BEGIN = {"report": b"<!doctype html>", "picture": b"\x89PNG", "page": b"## "}


def read(paths: Sequence[Path], progress: Progress = SILENT, unread: list[BadInput] | None = None) -> list[Checked]:
    """The records at or below the paths, each checked. Raises `BadInput` for too many, before any is checked.

    `unread` is given what was wrong with each that a folder holds and that can't be read; without it the first is raised.
    """
    found = store.find(paths, unread)
    if len(found) > MOST:
        raise BadInput(f"{len(found)} records are too many for one report", where="report", fix=f"name at most {MOST}")
    checked = []
    for done, one in enumerate(found, 1):
        checked.append(check(one))
        progress.advance("verifying records", done, len(found))
    return checked


def target(checked: Sequence[Checked], out: Path | None) -> Path:
    """Where the HTML goes: beside a record, in the current folder for several, or where it was asked for."""
    if out is not None:
        return out
    return checked[0].stored.path.parent / "report.html" if len(checked) == 1 else Path("repro-report.html")


def refuse(page: Path | None, picture: Path | None) -> None:
    """Raises `BadInput` for what can't or must not be written, before any work: nothing but an earlier report is replaced."""
    if page is not None:
        _refuse(page, "report", "--out")
    if picture is not None:
        needs("png", "--png")
        _refuse(picture, "picture", "--png")
        if page is not None and picture.absolute() == page.absolute():
            raise BadInput("must be another file than the report", where="--png", fix="name a file that ends in .png")


def refuse_markdown(page: Path) -> None:
    """The same of a page of Markdown, which begins with its heading."""
    _refuse(page, "page", "--markdown")


def _refuse(path: Path, what: str, where: str) -> None:
    if path.is_dir():
        raise BadInput("is a folder", where=f"{where} {path}", fix="name a file in it")
    if path.exists() and not read_limited(path, _LIMIT, f"the {what}").startswith(_BEGIN[what]):
        raise BadInput(
            f"is there already and is not a {what} of ours", where=f"{where} {path}", fix="name another file"
        )


def write(made: Report, page: Path | None, picture: Path | None) -> None:
    """The files that are asked for. Raises `BadInput` where a folder is missing or closed, or a letter can't be drawn."""
    if picture is not None:
        from harness.site.draw.png import png

        write_bytes(picture, png(made.picture))
        let_all_read(picture)
    if page is not None:
        write_bytes(page, made.html)
        let_all_read(page)


def opened(page: Path) -> bool:
    """Whether a browser took it."""
    try:
        return webbrowser.open(page.absolute().as_uri())
    except (webbrowser.Error, OSError):
        return False
