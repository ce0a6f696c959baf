"""The chain of a machine's signed records: each names its number and the one before, so that runs which were left out show."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from harness.errors import BadInput
from harness.files import read_if_there, write_bytes

FILE = "rig-runs.json"
_LIMIT = 64 << 10
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class RigRun:
    """The number of a signed record on its machine, from 1, and the id of the one before."""

    number: int
    previous: str | None


def following(place: Path) -> RigRun:
    """What the next signed record says. Raises `BadInput` where the file is damaged."""
    path = place / FILE
    try:
        text = read_if_there(path, _LIMIT, "the chain of runs")
        if text is None:
            return RigRun(1, None)
        data = json.loads(text)
        number, last = data["number"], data["last"]
        if type(number) is not int or number < 1 or _DIGEST.fullmatch(str(last)) is None:
            raise ValueError("no number with an id")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadInput(
            f"can't be read ({error})", where=str(path), fix="restore it, or remove it: a new chain then begins"
        ) from error
    return RigRun(number + 1, last)


def note(place: Path, run: RigRun, identity: str) -> None:
    """The record of `run` was written."""
    write_bytes(place / FILE, json.dumps({"number": run.number, "last": identity}).encode())
