"""What waits is handed on many at a time: what came in while the last batch was at work goes into the next."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

from harness.errors import ReproError, Unavailable

MOST = 256  # in one batch
WAITING = 2048  # at once
Asked = TypeVar("Asked")
Got = TypeVar("Got")


@dataclass(frozen=True, slots=True)
class _Waiting(Generic[Asked, Got]):
    asked: Asked
    answer: asyncio.Future[Got | Exception]
    loop: asyncio.AbstractEventLoop


class Batches(Generic[Asked, Got]):
    """A thread for each of `works`, which hands it what waits, `most` at a time. A lone one goes at once.

    A batch that fails as a whole is asked again, each by itself: one of them may be its cause. What is not a `ReproError` then is
    our own fault, and raised as it is.
    """

    def __init__(
        self, name: str, *works: Callable[[Sequence[Asked]], Sequence[Got | ReproError]], most: int = MOST
    ) -> None:
        self._queue: queue.SimpleQueue[_Waiting[Asked, Got] | None] = queue.SimpleQueue()
        self._most = most
        self._threads = [
            threading.Thread(target=self._run, args=(work,), name=f"{name} {number}", daemon=True)
            for number, work in enumerate(works)
        ]
        for one in self._threads:
            one.start()

    @property
    def waiting(self) -> int:
        """How many are not taken up yet."""
        return self._queue.qsize()

    async def ask(self, asked: Asked) -> Got:
        """Its answer. Raises why not, and `Unavailable` where too many wait."""
        if self._queue.qsize() >= WAITING:
            raise Unavailable("too many wait", where="queue", fix="send the same again")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Got | Exception] = loop.create_future()
        self._queue.put(_Waiting(asked, answer, loop))
        found = await answer
        if isinstance(found, Exception):
            raise found
        return found

    def close(self) -> None:
        """After what waits."""
        for _ in self._threads:
            self._queue.put(None)
        for one in self._threads:
            one.join()

    def _run(self, work: Callable[[Sequence[Asked]], Sequence[Got | ReproError]]) -> None:
        while (first := self._queue.get()) is not None:
            batch = [first]
            last = False
            while len(batch) < self._most:
                try:
                    more = self._queue.get_nowait()
                except queue.Empty:
                    break
                if more is None:
                    last = True
                    break
                batch.append(more)
            _answer(batch, work)
            if last:
                return


def _answer(
    batch: Sequence[_Waiting[Asked, Got]], work: Callable[[Sequence[Asked]], Sequence[Got | ReproError]]
) -> None:
    try:
        answers: list[Got | Exception] = list(work([one.asked for one in batch]))
        if len(answers) != len(batch):
            raise RuntimeError(f"{len(answers)} answers to {len(batch)}")
    except Exception as error:
        if len(batch) > 1:
            for one in batch:
                _answer([one], work)
            return
        answers = [error]
    for loop in {one.loop for one in batch}:  # one, but in tests: it is woken up once for all
        own = [(one.answer, found) for one, found in zip(batch, answers, strict=True) if one.loop is loop]
        with suppress(RuntimeError):  # it has ended, and nobody waits
            loop.call_soon_threadsafe(_set, own)


def _set(answers: Sequence[tuple[asyncio.Future[Got | Exception], Got | Exception]]) -> None:
    for future, answer in answers:
        if not future.done():  # else its client has gone
            future.set_result(answer)
