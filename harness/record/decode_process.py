"""One decoding child for this process, started when it is first needed and again after its death, which is its file's fault.

Raises `RecordInvalid` for what can't be decoded; see `harness.record.decode_child` for what goes over the pipes.
"""

from __future__ import annotations

import json
import os
import select
import struct
import subprocess
import sys
import threading
import time
from contextlib import suppress
from itertools import pairwise
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import RecordInvalid, one_line

SECONDS_LIMIT = 60.0  # a file at every limit takes a second or two
_ANSWER_LIMIT = 128 << 20
_LARGE = 1 << 20  # a request or answer above leaves so much memory behind that the child is ended after it
_SMALL = 32 << 10  # below, one write is cheaper than two
_LOCK = threading.Lock()


class _Child:
    """A running child and the process that started it: what was forked since must not write into the same pipes."""

    def __init__(self) -> None:
        self.owner = os.getpid()
        # Threads and arenas would take address space that the limit counts.
        quiet = {"ARROW_DEFAULT_MEMORY_POOL": "system", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "harness.record.decode_child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | quiet | {"MALLOC_ARENA_MAX": "1"},
            start_new_session=True,  # Ctrl-C is for who asked
        )

    def alive(self) -> bool:
        return self.owner == os.getpid() and self.process.poll() is None

    def ask(self, data: bytes) -> memoryview:
        """The answer. Raises `EOFError` at the child's death, `TimeoutError` when it is too slow."""
        end = time.monotonic() + SECONDS_LIMIT
        source, sink = self.process.stdout, self.process.stdin
        if source is None or sink is None:
            raise EOFError
        try:
            sink.write(struct.pack(">Q", len(data)) + data if len(data) < _SMALL else struct.pack(">Q", len(data)))
            if len(data) >= _SMALL:
                sink.write(data)
            sink.flush()
        except OSError as error:
            raise EOFError from error
        size = int.from_bytes(_read(source, 8, end), "big")
        if size > _ANSWER_LIMIT:
            raise EOFError
        return memoryview(_read(source, size, end))

    def end(self) -> None:
        for pipe in (self.process.stdin, self.process.stdout):
            with suppress(OSError):
                if pipe is not None:
                    pipe.close()
        if self.owner == os.getpid():
            self.process.kill()
            self.process.wait()


_children: list[_Child] = []  # one, or none


def columns(data: bytes, where: str) -> dict[str, list[Any]]:
    """The columns of a samples file, by name: numbers, texts, lists as arrays of int64, maps as lists of pairs."""
    with _LOCK:
        child = _running()
        try:
            answer = child.ask(data)
            if max(len(data), len(answer)) > _LARGE:
                _stop()
        except TimeoutError:
            _stop()
            raise RecordInvalid(f"takes longer than {SECONDS_LIMIT:.0f} s to decode", where=where) from None
        except EOFError:
            _stop()
            raise RecordInvalid("can't be read as Parquet (it makes the decoder fail)", where=where) from None
        except BaseException:
            _stop()  # half an answer is in the pipe
            raise
    start = 8 + int.from_bytes(answer[:8], "big")
    head = json.loads(bytes(answer[8:start]))
    if "error" in head:
        text = one_line(head["error"])
        raise RecordInvalid(text if head.get("whole") else f"can't be read as Parquet ({text})", where=where)
    source = _Numbers(answer, start)
    return {name: _column(kind, rest, source) for name, kind, *rest in head["columns"]}


def _running() -> _Child:
    if _children and not _children[0].alive():
        _stop()
    if not _children:
        try:
            _children.append(_Child())
        except OSError as error:
            raise RecordInvalid(f"can't be decoded ({error.strerror})", where="samples", fix="free memory") from error
    return _children[0]


def _stop() -> None:
    _children.pop().end()


class _Numbers:
    """The numbers of an answer, one array after the other."""

    def __init__(self, data: memoryview, at: int) -> None:
        self.data, self.at = data, at

    def take(self, count: int, kind: type[np.signedinteger[Any]]) -> NDArray[Any]:
        found = np.frombuffer(self.data, kind, count, self.at)
        self.at += found.nbytes
        return found


def _column(kind: str, rest: list[Any], source: _Numbers) -> list[Any]:
    if kind == "values":
        return [[tuple(p) for p in v] if isinstance(v, list) and v and isinstance(v[0], list) else v for v in rest[0]]
    count = rest[0]
    if kind in ("int32", "int64"):
        return list(source.take(count, np.int32 if kind == "int32" else np.int64).tolist())
    edges = source.take(count + 1, np.int32).tolist()
    if kind == "lists":
        inner = source.take(rest[1], np.int64)
        return [inner[start:end] for start, end in pairwise(edges)]
    pairs = list(zip(rest[1], source.take(len(rest[1]), np.int64).tolist(), strict=True))
    return [pairs[start:end] for start, end in pairwise(edges)]


def _read(source: IO[bytes], count: int, end: float) -> bytearray:
    """Exactly so many bytes of the pipe, by the time `end` (monotonic seconds)."""
    found = bytearray(count)
    view, at = memoryview(found), 0
    poll = select.poll()
    poll.register(source, select.POLLIN)
    while at < count:
        if not poll.poll(max(end - time.monotonic(), 0) * 1e3):
            raise TimeoutError
        got = os.readv(source.fileno(), [view[at:]])
        if got == 0:
            raise EOFError
        at += got
    return found
