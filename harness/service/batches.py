"""The one writer of a process: what came in while the last transaction ran goes into the next, with one checkpoint."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from harness.errors import ReproError, Unavailable

MOST = 256  # in one transaction
WAITING = 2048  # at once
Asked = TypeVar("Asked")
Got = TypeVar("Got")


@dataclass(frozen=True, slots=True)
class _Waiting(Generic[Asked, Got]):
    asked: Asked
    answer: asyncio.Future[Got | ReproError]
    loop: asyncio.AbstractEventLoop


class Writer(Generic[Asked, Got]):
    """A thread that hands what waits to `work`, many at a time. Nothing waits for company: a lone one goes at once."""

    def __init__(self, work: Callable[[Sequence[Asked]], Sequence[Got | ReproError]], name: str) -> None:
        self._work = work
        self._queue: queue.Queue[_Waiting[Asked, Got] | None] = queue.Queue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """How many are not taken up yet."""
        return self._queue.qsize()

    async def ask(self, asked: Asked) -> Got:
        """Its answer. Raises why not, and `Unavailable` where too many wait or the transaction failed."""
        if self._queue.qsize() >= WAITING:
            raise Unavailable("too many wait", where="queue", fix="send the same again")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Got | ReproError] = loop.create_future()
        one = _Waiting(asked, answer, loop)
        self._queue.put(one)
        found = await one.answer
        if isinstance(found, ReproError):
            raise found
        return found

    def close(self) -> None:
        """After what waits."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            batch = [first]
            last = False
            while len(batch) < MOST and not self._queue.empty():
                more = self._queue.get_nowait()
                if more is None:
                    last = True
                    break
                batch.append(more)
            self._answer(batch)
            if last:
                return

    def _answer(self, batch: Sequence[_Waiting[Asked, Got]]) -> None:
        try:
            answers = self._work([one.asked for one in batch])
        except Exception as error:
            if len(batch) > 1:  # one of them may be its cause: the others go by themselves
                for one in batch:
                    self._answer([one])
                return
            found = error if isinstance(error, ReproError) else Unavailable(f"{type(error).__name__}", where="database")
            answers = [found]
        for one, answer in zip(batch, answers, strict=True):
            one.loop.call_soon_threadsafe(_set, one.answer, answer)


def _set(future: asyncio.Future[Got | ReproError], answer: Got | ReproError) -> None:
    if not future.done():  # its client has gone
        future.set_result(answer)
