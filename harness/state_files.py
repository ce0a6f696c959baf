"""Small JSON files of a command's own state: written whole, read back as typed values, or refused in one line that names them."""

from __future__ import annotations

import calendar
import os
import time
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from harness.catalog.toml_file import Part
from harness.errors import BadInput, RecordInvalid, one_line
from harness.files import read_if_there, refusal, write_bytes

P = TypeVar("P", bound=Part)
_TIME = "%Y-%m-%dT%H:%M:%SZ"


def utc() -> str:
    """The time, as such files have it."""
    return time.strftime(_TIME, time.gmtime())


def seconds_of(text: str) -> int:
    """Since 1970, of a time as `utc` writes it. Raises `ValueError`."""
    return calendar.timegm(time.strptime(text, _TIME))


def made(folder: Path) -> Path:
    """The folder, made where it is missing. Raises `BadInput` where it can't be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise refusal(error, folder) from error
    return folder


def put_aside(folder: Path) -> None:
    """Give what is there a name of its own, so that its place is free. Raises `BadInput` where it can't be moved."""
    try:
        if folder.exists():
            folder.rename(folder.with_name(f"{folder.name}-{time.time_ns()}"))
    except OSError as error:
        raise refusal(error, folder) from error


def need_no_link(path: Path, whose: str) -> None:
    """Raises `BadInput` for a link: nothing of ours is one."""
    if os.path.islink(path):  # noqa: PTH114 - it need not exist
        raise BadInput(f"must be a file of the {whose}'s own, this is a link", where=str(path), fix="remove it")


def write(path: Path, value: Part) -> None:
    """At once or not at all."""
    write_bytes(path, value.model_dump_json(indent=1).encode())


def read(path: Path, kind: type[P], limit: int, whose: str, fix: str) -> P | None:
    """What it holds; None where it is missing. `whose` state it is: the fleet's. Raises `RecordInvalid` for a damaged one."""
    data = read_if_there(path, limit, f"the {whose}'s state")
    if data is None:
        return None
    try:
        return kind.model_validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        what = one_line(f"is damaged, or of another release ({'.'.join(map(str, first['loc']))}: {first['msg']})")
        raise RecordInvalid(what, where=str(path), fix=fix) from None
