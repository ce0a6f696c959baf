"""Programs of tests as processes of their own, forked from one that has their modules: what is killed and started again and again.

`Warm("tests.support.service_process", …)` is what `python -m` of it would be, but for the seconds of its imports. As with
`tests.support.forked`, nothing has run before: only modules are shared.
"""

from __future__ import annotations

import atexit
import functools
import gc
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import NoReturn

from tests.support.forked import ROOT, become, ended, exactly
from tests.support.patience import PATIENCE_S

# What they import when they run. huggingface_hub isn't here: it reads its variables when it is imported.
HEAVY = ("harness.terminal.agent", "psycopg", "sqlalchemy.dialects.postgresql.psycopg", "sqlalchemy.dialects.sqlite",
         "uvicorn.lifespan.on", "uvicorn.loops.auto", "uvicorn.protocols.http.auto")  # fmt: skip


class Warm:
    """A running one. `apart`: it leads a process group of its own. What it says on standard error goes to `log`, or nowhere."""

    def __init__(
        self,
        module: str,
        *words: object,
        environment: Mapping[str, str] | None = None,
        apart: bool = False,
        log: Path | None = None,
    ) -> None:
        variables = dict(os.environ if environment is None else environment)
        asked = json.dumps([module, [str(word) for word in words], variables, apart]).encode()
        out, written = os.pipe()
        self._status, told = os.pipe()
        nothing = os.open(os.devnull, os.O_RDWR)
        error = nothing if log is None else os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        server = _server()
        socket.send_fds(server, [len(asked).to_bytes(8)], [nothing, written, error, told])
        server.sendall(asked)
        self.pid = int.from_bytes(exactly(server, 8))
        for file in {nothing, written, error, told}:
            os.close(file)
        self.stdout = os.fdopen(out)  # closed by `wait`
        self.returncode: int | None = None

    def wait(self) -> int:
        """Its exit status, once it has ended; of one that a signal ended that, negative."""
        if self.returncode is None:
            assert select.select([self._status], [], [], PATIENCE_S)[0], f"process {self.pid} does not end"
            self.returncode = os.waitstatus_to_exitcode(int.from_bytes(os.read(self._status, 8)))
            os.close(self._status)
            self.stdout.close()
        return self.returncode

    def kill(self, everything: bool = False) -> None:
        """It alone, or its whole group at once; it may have ended by itself: then its number may be another's, but not its
        group's, as long as anybody is left in it.
        """
        if self.returncode is None:
            over = bool(select.select([self._status], [], [], 0)[0])
            with suppress(ProcessLookupError):
                if everything:
                    os.killpg(self.pid, signal.SIGKILL)
                elif not over:
                    os.kill(self.pid, signal.SIGKILL)
        self.wait()


@functools.cache
def _server() -> socket.socket:
    ours, theirs = socket.socketpair()
    with theirs:
        program = f"from tests.support.warm import _serve; _serve({theirs.fileno()})"
        process = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, pass_fds=[theirs.fileno()])

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


def _serve(number: int) -> None:
    """In the process that forks: until whoever asks is gone; what still runs then is ended."""
    for name in HEAVY:
        import_module(name)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    known: set[str] = set()
    running: dict[int, int] = {}  # its number → where its end is told
    connection = socket.socket(fileno=number)
    while True:
        ready, _, _ = select.select([connection, woken], [], [])
        if woken in ready:
            os.read(woken, 512)
            _tell_ends(running)
        if connection in ready:
            head, files, _, _ = socket.recv_fds(connection, 8, 4)
            if not head:
                break
            size = int.from_bytes(head + (exactly(connection, 8 - len(head)) if len(head) < 8 else b""))
            module, words, environment, apart = json.loads(exactly(connection, size))
            if module not in known:
                import_module(module)
                del sys.modules[module]  # it runs as `__main__`
                known.add(module)
            if "huggingface_hub" in sys.modules:
                raise RuntimeError("huggingface_hub was imported before its variables are known")
            gc.freeze()
            child = os.fork()
            if child == 0:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                for file in (woken, wake, *running.values(), files.pop()):
                    os.close(file)
                connection.close()
                if apart:
                    os.setsid()
                _become(module, words, environment, files)
            running[child] = files.pop()
            for file in files:
                os.close(file)
            connection.sendall(child.to_bytes(8))
    for child in running:
        os.kill(child, signal.SIGKILL)


def _tell_ends(running: dict[int, int]) -> None:
    while running:
        child, status = os.waitpid(-1, os.WNOHANG)
        if not child:
            return
        told = running.pop(child)
        with suppress(OSError):  # a test that failed does not wait for it
            os.write(told, status.to_bytes(8))
        os.close(told)


def _become(module: str, words: Sequence[str], environment: dict[str, str], files: Sequence[int]) -> NoReturn:
    """In the child: the module as a program."""
    code = 1
    try:
        become([module, *words], environment, ROOT, files)
        code = ended(lambda: runpy.run_module(module, run_name="__main__", alter_sys=True))
    finally:
        os._exit(code)
