"""The handle by which a service holds the process that follows a registry with its site (`harness.site.keeper_process`).

It is a process, since a build of a large site would take the service's time and memory. It ends with the service, however that
ends: its input ends, too.

    {"target": …, "out": …, …}          first line of its input; whatever comes after that wakes it up
    {"rows": …, "entries": …, …}        on its output, a line for each build
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import IO

from harness.site.folder import Wish

_RESTARTED_S = 1.0  # after its process died
_CLEARING_S = 10.0


@dataclass(frozen=True, slots=True)
class Told:
    """Of one build. `code`: empty, or of the error, which `line` tells; `left_out`: lines about records that do not hold."""

    seconds: float
    code: str = ""
    line: str = ""
    rows: int = 0
    made: int = 0
    files: int = 0
    removed: int = 0
    entries: int = 0
    left_out: tuple[str, ...] = ()


class Keeper:
    """Starts the process, starts it again when it dies, and hands on what it tells, from a thread.

    `at_once`: it is started before it is told what to follow, and loads the program meanwhile.
    """

    def __init__(self, *, at_once: bool = True) -> None:
        self._stopped = threading.Event()
        self._process = _started() if at_once else None
        self._thread: threading.Thread | None = None

    def follow(self, wish: Wish, told: Callable[[Told], None]) -> None:
        """From now on. `told` is called from a thread."""
        self._process = process = self._process or _started()
        _ask(process, wish)
        self._thread = threading.Thread(target=self._listen, args=(process, wish, told), name="site", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """The registry has changed: look at once."""
        with suppress(OSError, ValueError):  # full: it is awake; closed: it is gone
            if self._process is not None:
                os.write(_input(self._process).fileno(), b"\n")

    def stop(self) -> None:
        """End it; what it has not put in place is left undone."""
        self._stopped.set()
        if self._process is None:
            return
        with suppress(OSError):
            _input(self._process).close()
        if self._thread is not None:
            self._thread.join()
        _ended(self._process)

    def _listen(self, process: subprocess.Popen[bytes], wish: Wish, told: Callable[[Told], None]) -> None:
        while True:
            _hear(process.stdout, told)
            code = _ended(process)
            if self._stopped.is_set():
                return
            told(Told(0.0, "Ended", f"the site's process ended ({code})"))
            if self._stopped.wait(_RESTARTED_S):
                return
            self._process = process = _started()
            _ask(process, wish)


def _started() -> subprocess.Popen[bytes]:
    command = [sys.executable, "-P", "-m", "harness.site.keeper_process"]  # -P: a folder here is not the program
    pipe, nothing = subprocess.PIPE, subprocess.DEVNULL  # what it has to say comes by its output
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=nothing)


def _input(process: subprocess.Popen[bytes]) -> IO[bytes]:
    assert process.stdin is not None  # noqa: S101 - a pipe was asked for
    return process.stdin


def _ask(process: subprocess.Popen[bytes], wish: Wish) -> None:
    line = {**asdict(wish), "out": str(wish.out), "as_of": wish.as_of.isoformat()}
    with suppress(OSError):  # it died: that is told where its output ends
        _input(process).write(json.dumps(line).encode() + b"\n")
        _input(process).flush()
    os.set_blocking(_input(process).fileno(), False)


def _ended(process: subprocess.Popen[bytes]) -> int:
    """Its exit status, once it has ended."""
    code = process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()
    return code


def _hear(output: IO[bytes] | None, told: Callable[[Told], None]) -> None:
    for line in output or ():
        with suppress(ValueError, TypeError):
            found = json.loads(line)
            told(Told(**{**found, "left_out": tuple(found.get("left_out", ()))}))
