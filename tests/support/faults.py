"""Programs whose file operations fail: the Nth one below a folder, with a full disk, a bad one, a kill or a short write.

Loop until no fault: N = 1, 2, 3 … until a run ends before its Nth operation, as SQLite tests itself (test/malloc_common.tcl).
A kill leaves what the kernel had taken: it shows a wrong order of operations, not a forgotten fsync.
"""

from __future__ import annotations

import atexit
import functools
import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from subprocess import CompletedProcess
from typing import NamedTuple, TypeVar

SOURCE = Path(__file__).parents[1] / "doubles" / "faults.c"
HOWS = ("ENOSPC", "EIO", "KILL")  # and SHORT, which a program should survive

Output = TypeVar("Output", str, bytes)


class Operation(NamedTuple):
    """One line of the log: the operation's number, its C name (of the plain variant), the path."""

    number: int
    name: str
    path: str


@functools.cache
def library(tmp: Path) -> Path:
    """The shim, compiled into `tmp`."""
    compiler = shutil.which("cc")
    assert compiler is not None, "the harness itself needs a C compiler"
    target = tmp / "faults.so"
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-O1", "-pthread", "-o", str(target), str(SOURCE), "-ldl"], check=True
    )
    return target


@functools.cache
def _folder() -> Path:
    folder = tempfile.TemporaryDirectory(prefix="faults-")
    atexit.register(folder.cleanup)
    return Path(folder.name)


def environment(under: Path, at: int, how: str, lasting: bool = False, log: Path | None = None) -> dict[str, str]:
    """Our environment with the shim in it: the program's operation `at` below `under` fails (0: none, they are counted)."""
    assert how in (*HOWS, "SHORT"), how
    found = os.environ | {
        "LD_PRELOAD": ":".join(filter(None, (str(library(_folder())), os.environ.get("LD_PRELOAD")))),
        "FAULT_UNDER": str(under.resolve()),
        "FAULT_AT": str(at),
        "FAULT_HOW": how,
        "FAULT_LASTING": str(int(lasting)),
    }
    if log is not None:
        found["FAULT_LOG"] = str(log.resolve())
    return found


def operations(log: Path) -> list[Operation]:
    """What was counted, in order."""
    parts = [line.split(" ", 2) for line in _lines(log) if not line.startswith("fired ")]
    return [Operation(int(number), name, path) for number, name, path in parts]


def fired(log: Path) -> list[int]:
    """The numbers of the operations that a fault hit."""
    return [int(line.removeprefix("fired ")) for line in _lines(log) if line.startswith("fired ")]


def _lines(log: Path) -> list[str]:
    return log.read_text("utf-8", "surrogateescape").splitlines() if log.exists() else []


def every(
    run: Callable[[dict[str, str]], CompletedProcess[Output]],
    under: Path,
    hows: Iterable[str] = HOWS,
    lasting: bool = False,
    step: int = 1,
) -> Iterator[tuple[int, str, CompletedProcess[Output]]]:
    """Each fault in turn: (its number, how, the process that met it); `run` sets up `under` afresh and takes the environment.

    Ends a `how` with the run that no fault reached. Raises AssertionError when that one fails, or when nothing was ever hit.
    A `step` above 1 leaves operations out, where all of them take too long.
    """
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        for how in hows:
            hit = 0
            for number in itertools.count(1, step):
                log = Path(folder, f"{how}-{number}")
                done = run(environment(under, number, how, lasting, log))
                if not fired(log):
                    assert done.returncode == 0, f"without a fault it ends with {done.returncode}: {done.stderr!r}"
                    break
                hit += 1
                yield number, how, done
            assert hit, f"the program did nothing below {under} that {how} can hit"
