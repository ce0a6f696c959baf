"""A server that we start on a free port of 127.0.0.1, wait for, and stop. It never outlives us, however we end (`keeper`).

Its log goes to a file without a name, which is read when something is asked of it: no thread of ours runs beside a trial.
"""

from __future__ import annotations

import contextlib
import errno
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from typing import IO

from harness.errors import BadInput, ReproError, RunFailed, one_line
from runtimes.interface import FailureSign
from runtimes.support import keeper, listening

HOST = "127.0.0.1"
LOG_LIMIT = 8 << 20  # bytes that are read of a log
TAIL = 12_000  # bytes of its end that go to our own standard error, when it failed
PORTS = 5  # free ports that are tried: between our look and its bind another program may take one
POLL_S = 0.05
STOP_S = 20.0
_TAKEN = re.compile(r"couldn't bind|address already in use|failed to bind|\bEADDRINUSE\b", re.IGNORECASE)
_TELLING = re.compile(r"error|fail|fatal|abort|assert|invalid|exception|what\(\)", re.IGNORECASE)
_ENDING = re.compile(r"exiting due to|cleaning up|Traceback|core dumped|shutting down|Engine core init", re.IGNORECASE)


class ManagedServer:
    """One server's process. `command` makes its arguments for a port; `who` is what messages call it.

    Raises what `start` raises: `BadInput` for a port that is in use, `RunFailed` where it dies or is not ready in time,
    `ReproError` of `refused` where the log says that what was asked for is at fault.
    """

    def __init__(
        self,
        who: str,
        command: Callable[[int], Sequence[str]],
        *,
        port: int | None,
        wait_s: float,
        environment: Mapping[str, str] | None = None,
        refused: Callable[[str], ReproError | None] = lambda _log: None,
        signs: Sequence[FailureSign] = (),
    ) -> None:
        self._who, self._command, self._refused, self._signs = who, command, refused, signs
        self._environment = dict(os.environ if environment is None else environment)
        self._wait_s = wait_s
        self._child: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None
        self.port = 0
        self._start(port)

    @property
    def url(self) -> str:
        """Its API."""
        return f"http://{HOST}:{self.port}/v1"

    def _start(self, port: int | None) -> None:
        for attempt in range(PORTS):
            self.port = free_port() if port is None else asked_port(port)
            try:
                self._spawn()
                if self._ready():
                    return
                taken = _TAKEN.search(self.log()) is not None
                if port is None and taken and attempt + 1 < PORTS:
                    self.stop()
                    continue
                if taken and port is not None:
                    raise _in_use(self.port)
                refusal = self._refused(self.log())
                if refusal is not None:
                    raise refusal
                raise self.death("while it loaded the model", "check the model and the settings against it")
            except BaseException:
                self.stop()
                raise

    def _spawn(self) -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the server runs
        self._child = subprocess.Popen(
            keeper.command(self._command(self.port)),
            stdin=subprocess.PIPE,  # its end is what the keeper sees of ours
            stdout=self._log,
            stderr=subprocess.STDOUT,
            env=self._environment,
            start_new_session=True,  # who ends our group at once ends us: then the keeper ends the server
        )

    def _ready(self) -> bool:
        """Whether it answers that it is ready; false where it ended. Raises `RunFailed` when the time is up."""
        deadline = time.monotonic() + self._wait_s
        while self.alive():
            if _healthy(self.port) and self._is_ours():
                return True
            if time.monotonic() >= deadline:
                self._show()
                said = self.last_words()
                raise RunFailed(
                    f"{self._who} was not ready after {self._wait_s:g} s" + (f": {said}" if said else ""),
                    where=self._who,
                    fix="give it longer: -o start_s=SECONDS",
                    code="server not ready",
                )
            time.sleep(POLL_S)
        return False

    def _is_ours(self) -> bool:
        """Another program may answer on a port that ours could not take."""
        assert self._child is not None  # noqa: S101 - it was started
        holding = listening.processes_at(HOST, self.port)
        ours = {self._child.pid, *listening.descendants(self._child.pid)}
        return not holding or bool(ours & set(holding))

    def alive(self) -> bool:
        """Whether it still runs."""
        return self._child is not None and self._child.poll() is None

    def ended(self, within_s: float = 1.0) -> bool:
        """Whether it is gone, or is so within a moment: its connections break before the kernel has buried it."""
        assert self._child is not None  # noqa: S101 - it was started
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._child.wait(within_s)
        return not self.alive()

    def log(self) -> str:
        """What it has said, without colours; its beginning, where that is very much."""
        if self._log is None:
            return ""
        text = os.pread(self._log.fileno(), LOG_LIMIT, 0).decode(errors="replace")
        return re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text)

    def last_words(self) -> str:
        """The line of its log that shows why it failed, else its last one of an error, else its last."""
        lines = [line.strip() for line in self.log().splitlines() if line.strip()]
        for sign in self._signs:
            for line in lines:
                if re.search(sign.pattern, line, re.IGNORECASE):
                    return one_line(line, 200)
        telling = [line for line in lines if _TELLING.search(line) and not _ENDING.search(line)]
        return one_line((telling or lines or [""])[-1], 200)

    def death(self, when: str, fix: str) -> RunFailed:
        """Why it is gone, as what happened `when`."""
        self._show()
        status = None if self._child is None else self._child.wait()
        how = f"ended with status {status}"
        if status is not None and status < 0:
            name = signal.Signals(-status).name
            how = f"was killed by {name}{' (out of memory?)' if name == 'SIGKILL' else ''}"
        said = self.last_words()
        return RunFailed(
            f"{self._who} {how} {when}" + (f": {said}" if said else ""),
            where=self._who,
            fix=fix,
            code="server died",
        )

    def _show(self) -> None:
        """The end of its log on our standard error, from where a failure's excerpt is taken."""
        sys.stderr.write(self.log()[-TAIL:])
        sys.stderr.flush()

    def stop(self) -> None:
        """Ask it to end, then make it; what it started goes with it. Nothing to do where it is gone."""
        child, self._child = self._child, None
        if child is not None:
            if child.poll() is None:
                child.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.wait(STOP_S)
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            if child.stdin is not None:
                child.stdin.close()
        if self._log is not None:
            self._log.close()
            self._log = None


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def asked_port(port: int) -> int:
    """The port, if it is free. Raises `BadInput` where it is not."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # one that is only waiting to be forgotten is free
        try:
            probe.bind((HOST, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise _in_use(port) from error
            raise BadInput(
                f"can't listen on port {port} ({error.strerror})",
                where="-o port",
                fix="leave it out: a free one is taken",
            ) from error
    return port


def _in_use(port: int) -> BadInput:
    return BadInput(
        f"port {port} of {HOST} is in use", where="-o port", fix="leave it out: a free one is taken", code="port in use"
    )


def _healthy(port: int) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=10)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
