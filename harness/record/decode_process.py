"""Foreign samples decoded by another process: one server for this process, one child of it at a time.

Raises `RecordInvalid` for what can't be decoded. See `harness.record.decode_child` for what goes over the socket, and
docs/decisions/0055 for what a child that failed may still say.
"""

from __future__ import annotations

import atexit
import os
import secrets
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from contextlib import suppress
from typing import Any

from harness.errors import RecordInvalid, one_line
from harness.record import decode_answer
from harness.record.decode_answer import Refusal
from harness.record.decode_child import FOOTER_LIMIT, NAME_BYTES, SMALL

SECONDS_LIMIT = 60.0  # a file at every limit takes a second or two
START_LIMIT = 60.0  # for a server to load and its first child to begin
FORK_LIMIT = 10.0  # for a later one
SERVER = [sys.executable, "-P", "-m", "harness.record.decode_server"]
_ANSWER_LIMIT = 128 << 20
_LARGE = 1 << 20  # a request or answer above leaves so much memory behind that the child is ended after it
_MOST = 500  # files that a child reads: what it leaves behind must not add up
_LOCK = threading.Lock()


class _Died(Exception):
    """The child ended, or answered what is no answer."""


class _Server:
    """A running server."""

    def __init__(self) -> None:
        self.control, theirs = socket.socketpair()
        # Threads and arenas would take address space that the limit counts, and a process of one thread forks safely.
        quiet = {"ARROW_DEFAULT_MEMORY_POOL": "system", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        alone = {"JE_ARROW_MALLOC_CONF": "background_thread:false", "MALLOC_ARENA_MAX": "1"}
        with theirs:
            self.process = subprocess.Popen(
                SERVER,
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=os.environ | quiet | alone,
                start_new_session=True,  # Ctrl-C is for who asked
            )
        self.child: _Child | None = None
        self.loaded = False

    def alive(self) -> bool:
        return self.process.poll() is None

    def next_child(self) -> _Child:
        """A new one, after whose start the one before is gone. Raises `_Died`."""
        self.drop()
        ours, theirs = socket.socketpair()
        self.child = _Child(ours)
        try:
            with theirs:
                socket.send_fds(self.control, [b"c"], [theirs.fileno()])
            self.child.receive(1, time.monotonic() + (FORK_LIMIT if self.loaded else START_LIMIT))
        except (OSError, _Died, TimeoutError) as error:
            self.drop()
            raise _Died("no process could be started") from error
        self.loaded = True
        return self.child

    def drop(self) -> None:
        """End the talk with the child: what it may still write is nobody's answer."""
        if self.child is not None:
            self.child.own.close()
            self.child = None

    def end(self) -> None:
        """At once, with its child: neither holds anything that would be lost."""
        self.drop()
        self.control.close()
        with suppress(OSError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def forget(self) -> None:
        """It belongs to the process that this one was forked from."""
        self.drop()
        self.control.close()
        self.process.returncode = 0  # that process waits for it


class _Child:
    """Our end of the socket to a child, and how many files it has read."""

    def __init__(self, own: socket.socket) -> None:
        self.own, self.read = own, 0

    def ask(self, data: bytes) -> memoryview:
        """The answer to this very request. Raises `_Died`, and `TimeoutError` when it is too slow."""
        end = time.monotonic() + SECONDS_LIMIT
        name = secrets.token_bytes(NAME_BYTES)
        head = name + struct.pack(">Q", len(data))
        self.read += 1
        try:
            self._send(head + data if len(data) < SMALL else head, end)
            if len(data) >= SMALL:
                self._send(data, end)
        except TimeoutError:
            raise
        except OSError as error:
            raise _Died from error
        answer = self.receive(NAME_BYTES + 8, end)
        size = int.from_bytes(answer[NAME_BYTES:], "big")
        if answer[:NAME_BYTES] != name or size > _ANSWER_LIMIT:
            raise _Died
        return memoryview(self.receive(size, end))

    def _send(self, data: bytes, end: float) -> None:
        self.own.settimeout(max(end - time.monotonic(), 0.001))
        self.own.sendall(data)

    def receive(self, count: int, end: float) -> bytearray:
        """Exactly so many bytes, by the time `end` (monotonic seconds)."""
        found, at = bytearray(count), 0
        with memoryview(found) as view:
            while at < count:
                self.own.settimeout(max(end - time.monotonic(), 0.001))
                try:
                    got = self.own.recv_into(view[at:])
                except TimeoutError:
                    raise
                except OSError as error:
                    raise _Died from error
                if got == 0:
                    raise _Died
                at += got
        return found


_held: list[_Server] = []  # one, or none


def begin() -> None:
    """Start the server, which loads the decoder while this process does something else. What fails is the next file's."""
    with _LOCK, suppress(OSError):
        _running()


def columns(data: bytes, where: str) -> dict[str, list[Any]]:
    """The columns of a samples file, by name: numbers, texts, lists as arrays of int64, maps as lists of pairs."""
    if len(data) < 12 or int.from_bytes(data[-8:-4], "little") > FOOTER_LIMIT:  # costs no process
        raise RecordInvalid("can't be read as Parquet (it has no footer, or one over the limit)", where=where)
    with _LOCK:
        try:
            found = _asked(data, where)
        except BaseException:
            if _held:
                _held[0].drop()  # half an answer may be on its way
            raise
    if isinstance(found, Refusal):
        text = one_line(found.text)
        raise RecordInvalid(text if found.whole else f"can't be read as Parquet ({text})", where=where)
    return found


def _asked(data: bytes, where: str) -> dict[str, list[Any]] | Refusal:
    """A child's answer. Against a file counts only what a child says that has read no other."""
    child = _held[0].child if _held and _held[0].alive() else None
    if child is not None and child.read < _MOST:
        try:
            found = _answer(child, data)
            if not isinstance(found, Refusal):
                return found
        except (_Died, TimeoutError):
            pass
    child = _new_child(where)
    try:
        return _answer(child, data)
    except TimeoutError:
        stop()  # a process that hangs may hang its server, too
        return Refusal(f"takes longer than {SECONDS_LIMIT:.0f} s to decode", whole=True)
    except _Died:
        return Refusal("it makes the decoder fail", whole=False)


def _answer(child: _Child, data: bytes) -> dict[str, list[Any]] | Refusal:
    """Its answer; after a refusal or a large one the child is asked nothing more. Raises `_Died`, `TimeoutError`."""
    answer = child.ask(data)
    try:
        found = decode_answer.read(answer)
    except ValueError as error:
        raise _Died from error
    if isinstance(found, Refusal) or max(len(data), len(answer)) > _LARGE:
        _held[0].drop()
    return found


def _running() -> _Server:
    """The server, started where none is alive."""
    if not _held or not _held[0].alive():
        stop()
        _held.append(_Server())
    return _held[0]


def _new_child(where: str) -> _Child:
    """Raises `RecordInvalid` where no process can be started."""
    for _ in range(2):  # a server that somebody ended is no file's fault
        try:
            return _running().next_child()
        except (OSError, _Died) as error:
            reason = getattr(error, "strerror", None) or str(error)
            with suppress(OSError):
                stop()
    raise RecordInvalid(f"can't be decoded ({reason})", where=where, fix="free memory")


def stop() -> None:
    """End the server and its child; the next file starts others."""
    while _held:
        _held.pop().end()


def _after_fork() -> None:
    """What was forked must not write to the child of the process that it was forked from, nor wait for its lock."""
    global _LOCK
    _LOCK = threading.Lock()
    while _held:
        _held.pop().forget()


atexit.register(stop)
os.register_at_fork(after_in_child=_after_fork)
