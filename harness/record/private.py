"""What a hub may ask beside a record and nobody publishes: the ids of the devices that ran, for telling one machine from two.

A file of its own beside the record, readable by the user alone. A hub digests the ids under a secret of its own.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from harness.errors import BadInput
from harness.files import read_if_there

FILE = "private.json"
_MOST = 64
_LIMIT = 64 << 10


def write(folder: Path, device_ids: tuple[str, ...]) -> None:
    """Beside the record in `folder`; nothing where no id is known."""
    if not device_ids:
        return
    descriptor = os.open(folder / FILE, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump({"device_ids": sorted(device_ids)}, file)


def read(folder: Path) -> tuple[str, ...]:
    """The device ids; none where there is no such file. Raises `BadInput` for a damaged one."""
    path = folder / FILE
    try:
        data = read_if_there(path, _LIMIT, "the file of device ids")
        if data is None:
            return ()
        found = json.loads(data)["device_ids"]
        if not isinstance(found, list) or len(found) > _MOST or not all(isinstance(one, str) and one for one in found):
            raise ValueError("its device_ids are no list of texts")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadInput(f"can't be read ({error})", where=str(path), fix="remove it; the record stays whole") from error
    return tuple(found)
