"""A local name for a record, in a file beside it: no part of the record, never signed, never submitted."""

from __future__ import annotations

import contextlib
from pathlib import Path

from harness.errors import BadInput, one_line
from harness.files import read_if_there, refusal, write_text

LIMIT = 100  # characters
_BYTES_LIMIT = 4096


def _file(record: Path) -> Path:
    return record.with_name(f"{record.stem}.label.txt")


def label_of(record: Path) -> str:
    """The label beside a record; empty where there is none, or none that can be read."""
    with contextlib.suppress(BadInput):
        data = read_if_there(_file(record), _BYTES_LIMIT, "the label")
        return one_line((data or b"").decode(errors="replace"), LIMIT)
    return ""


def set_label(record: Path, text: str) -> None:
    """Write the label beside a record; an empty text removes it. Raises `BadInput`: too long, or not plain text on a line."""
    text = text.strip()
    if len(text) > LIMIT or not text.isprintable():
        raise BadInput(f"must be one line of at most {LIMIT} printable characters", where="TEXT", fix="shorten it")
    path = _file(record)
    try:
        if text:
            write_text(path, text + "\n")
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise refusal(error, path) from error
