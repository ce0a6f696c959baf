"""A process that checks records, for a service that must not die of one. It is started again after one that ended it."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import replace
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from harness.errors import RecordInvalid, ReproError
from harness.registry.actions import incoming
from harness.registry.actions.acts import Item
from harness.registry.actions.incoming import Brought, Opened
from harness.registry.processes import end_with_parent

MOST = 8  # records that are handed to it at once: there are others beside it
_ENDING_S = 5.0


class Checker:
    """One of them. It is asked by one thread alone."""

    def __init__(self, *, demonstration: bool) -> None:
        self._demonstration = demonstration
        self._running: tuple[BaseProcess, Connection] | None = None

    def __call__(self, some: Sequence[Opened]) -> list[Brought | ReproError]:
        """Of each the event with its record, or why not. Raises `EOFError` where the process ended by several, of which one was
        the cause; of a lone one that is said of its record.
        """
        try:
            answers = self._asked(some)
        except (OSError, EOFError) as error:
            if len(some) > 1:
                raise EOFError("the process ended") from error
            try:
                answers = self._asked(
                    some
                )  # against a record counts only what it does to a process that has read no other
            except (OSError, EOFError):
                return [RecordInvalid("can't be checked", where=some[0].event.subject[:12])]
        if isinstance(answers, str):
            raise RuntimeError(answers)
        return [
            found if isinstance(found, ReproError) else Brought(one, _whole(found, one))
            for one, found in zip(some, answers, strict=True)
        ]

    def _asked(self, some: Sequence[Opened]) -> list[Item | ReproError] | str:
        """Raises `OSError` or `EOFError` where the process ended: the next one is another."""
        try:
            own = self._process()
            own.send(list(some))
            answers: list[Item | ReproError] | str = own.recv()
        except (OSError, EOFError):
            self.stop()
            raise
        return answers

    def stop(self) -> None:
        """End it; the next record starts another."""
        if self._running is None:
            return
        process, own = self._running
        self._running = None
        own.close()  # it ends with what it reads from
        process.join(_ENDING_S)
        if process.is_alive():
            process.kill()
            process.join()

    def _process(self) -> Connection:
        if self._running is None:
            context = get_context("spawn")
            own, theirs = context.Pipe()
            process = context.Process(target=serve, args=(theirs, self._demonstration), name="checker", daemon=True)
            process.start()
            theirs.close()
            self._running = process, own
        return self._running[1]


def _whole(found: Item, one: Opened) -> Item:
    """With the bytes, which were not sent back."""
    parcel = one.parcel
    record, samples = parcel.record or b"", parcel.samples or b""
    if found.submission is not None:
        return replace(
            found, envelope=parcel.event, submission=replace(found.submission, envelope=record, samples=samples)
        )
    if found.failure is not None:
        return replace(found, envelope=parcel.event, failure=replace(found.failure, envelope=record, samples=samples))
    return replace(found, envelope=parcel.event)


def _small(found: Item) -> Item:
    """Without the bytes, which who asked has."""
    if found.submission is not None:
        return replace(found, envelope=b"", submission=replace(found.submission, envelope=b"", samples=b""))
    if found.failure is not None:
        return replace(found, envelope=b"", failure=replace(found.failure, envelope=b"", samples=b""))
    return replace(found, envelope=b"")


def serve(asked: Connection, demonstration: bool) -> None:
    """What the process does, until nobody asks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the service
    end_with_parent()
    while True:
        try:
            some: list[Opened] = asked.recv()
        except EOFError:
            return
        try:
            answers: list[Item | ReproError] | str = [_answer(one, demonstration) for one in some]
        except Exception as error:
            answers = f"{type(error).__name__} where a record is checked"  # what it says may be the record's
        asked.send(answers)


def _answer(one: Opened, demonstration: bool) -> Item | ReproError:
    found = incoming.or_why_not(incoming.brought, one, demonstration=demonstration)
    return found if isinstance(found, ReproError) else _small(found.item)
