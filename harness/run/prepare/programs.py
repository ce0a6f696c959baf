"""Programs of the operator's that an option names, as whole paths: a worker runs elsewhere, with another folder as its own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from harness.errors import BadInput
from runtimes.interface import Option, Scalar


def with_programs(given: Mapping[str, Scalar], declared: Mapping[str, Option]) -> dict[str, Scalar]:
    """The settings with the path of each program. Raises `BadInput` for one that is not there or can't be executed."""
    found = {name: str(_path(name, str(value))) for name, value in given.items() if declared[name].program}
    return {**given, **found}


def _path(option: str, text: str) -> Path:
    where, fix = f"-o {option}={text}", "give the path of the program, or its name on PATH"
    if not text:
        raise BadInput("it must name a program", where=f"-o {option}", fix=fix)
    if os.sep not in text and not Path(text).exists():
        on_path = shutil.which(text)
        if on_path is None:
            raise BadInput("no such program here or on PATH", where=where, fix=fix)
        text = on_path
    path = Path(text).expanduser().absolute()
    if not path.exists():
        raise BadInput("there is no such program", where=where, fix=fix)
    if not path.is_file():
        raise BadInput("it must be a program, and is a folder or a device", where=where, fix=fix)
    if not os.access(path, os.X_OK):
        raise BadInput(
            "it must be executable, and is not", where=where, fix=f"check the file, or run: chmod +x {path.name}"
        )
    return path
