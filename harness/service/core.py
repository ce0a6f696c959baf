"""A service between its requests: the registry, its key, its writer, its helpers, what it counts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from harness.errors import RecordInvalid, ReproError, TooMany
from harness.registry import Registry
from harness.registry.actions import incoming, limits, nonces
from harness.registry.actions.incoming import Answer, Brought, Opened, Parcel
from harness.registry.actions.limits import Spent
from harness.registry.queries import told
from harness.service.bodies import Held
from harness.service.metrics import Metrics
from harness.service.writer import Writer

T = TypeVar("T")
_REMEMBERED = 10_000  # addresses that must wait


@dataclass(frozen=True, slots=True)
class Settings:
    """How a registry is served. `limited`: false only where its own load is measured."""

    site: Path | None = None
    limited: bool = True
    helpers: int = 2  # processes that check records; 0: this one


@dataclass(slots=True)
class Service:
    """See the module."""

    registry: Registry
    key: Ed25519PrivateKey
    settings: Settings
    origin: str = ""
    demonstration: bool = False
    nonce_key: bytes = b""
    held: Held = field(default_factory=Held)
    metrics: Metrics = field(default_factory=Metrics)
    _writer: Writer[Brought, Answer] | None = None
    _limiter: Writer[Spent, None] | None = None
    _pool: Executor | None = None
    _blocked: dict[str, float] = field(default_factory=dict)  # address → when it may ask again, by this process's clock

    def start(self) -> None:
        """Read what does not change, and start the writers, once. Raises `BadInput` where the registry can't be used."""
        if self._writer is not None:
            return
        with self.registry.reading() as reader:
            self.origin, self.demonstration = reader.origin(), told.demonstration(reader)
        self.nonce_key = nonces.secret(self.registry)
        self._writer = Writer(self._take, "writer")
        self._limiter = Writer(self._spend, "limiter")

    def stop(self) -> None:
        """After what waits."""
        for one in (self._writer, self._limiter):
            if one is not None:
                one.close()
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    @property
    def waiting(self) -> int:
        """Events that no transaction has taken up yet."""
        return 0 if self._writer is None else self._writer.waiting

    async def opened(self, parcel: Parcel) -> Opened:
        """Its event, signed by somebody who may act."""
        return await asyncio.to_thread(incoming.opened, self.registry, parcel)

    async def again(self, found: Opened) -> Answer | None:
        """The receipt of what is there already."""
        return await asyncio.to_thread(incoming.again, self.registry, self.key, found, demonstration=self.demonstration)

    async def checked(self, found: Opened) -> Brought:
        """With its record checked, in a process that may die of it."""
        await asyncio.to_thread(self._room, found)
        if found.parcel.record is None or self.settings.helpers == 0:
            return await asyncio.to_thread(incoming.brought, found, demonstration=self.demonstration)
        if self._pool is None:
            self._pool = ProcessPoolExecutor(self.settings.helpers, mp_context=get_context("spawn"))
        pool = self._pool
        try:
            return await asyncio.get_running_loop().run_in_executor(pool, _brought, found, self.demonstration)
        except BrokenProcessPool as error:
            if self._pool is pool:
                self._pool = None
            raise RecordInvalid("can't be checked", where=found.event.subject[:12]) from error

    async def take(self, brought: Brought) -> Answer:
        """In the log, with its receipt."""
        assert self._writer is not None  # noqa: S101 - `start` was called
        return await self._writer.ask(brought)

    async def tried(self, brought: Brought) -> int:
        """The entry that it would be."""
        return await asyncio.to_thread(incoming.tried, self.registry, brought)

    async def spend(self, found: Opened, address: str) -> None:
        """Raises `TooMany`."""
        if found.newcomer:
            await self.spend_address(address, limits.NEWCOMERS)
        else:
            await self.spend_key(found.key)

    async def spend_key(self, key: str) -> None:
        """An act of a key that the registry knows. Raises `TooMany`."""
        if self.settings.limited:
            await self._ask(limits.by_key(key))

    async def spend_address(self, address: str, *more: limits.Limit) -> None:
        """A request of somebody whom the registry does not know. Raises `TooMany`."""
        if not self.settings.limited:
            return
        day = time.strftime("%Y-%m-%d", time.gmtime())
        name = await asyncio.to_thread(limits.of_address, self.registry, address, day)
        try:
            await self._ask(Spent((limits.REQUESTS, *more), name))
        except TooMany as error:
            if len(self._blocked) >= _REMEMBERED:
                self._blocked.clear()
            self._blocked[address] = time.monotonic() + min(error.wait_s, 60)
            raise

    def may_ask(self, address: str) -> None:
        """Raises `TooMany` for an address that was told to wait: nothing of its request is read."""
        wait = self._blocked.get(address, 0.0) - time.monotonic()
        if wait > 0:
            raise limits.too_many("was told to wait", wait)
        self._blocked.pop(address, None)

    async def ask(self, question: Callable[..., T], *arguments: object) -> T:
        """A question to one state of the registry."""

        def asked() -> T:
            with self.registry.reading() as reader:
                return question(reader, *arguments)

        return await asyncio.to_thread(asked)

    async def _ask(self, spent: Spent) -> None:
        assert self._limiter is not None  # noqa: S101 - `start` was called
        await self._limiter.ask(spent)

    def _room(self, found: Opened) -> None:
        if self.settings.limited:
            with self.registry.reading() as reader:
                limits.queue_has_room(reader, found.event)

    def _take(self, parcels: Sequence[Brought]) -> Sequence[Answer | ReproError]:
        with self.metrics.commits.time():
            return incoming.take(self.registry, self.key, parcels)

    def _spend(self, asked: Sequence[Spent]) -> Sequence[ReproError | None]:
        return limits.spend(self.registry, asked)


def _brought(found: Opened, demonstration: bool) -> Brought:
    return incoming.brought(found, demonstration=demonstration)
