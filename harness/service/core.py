"""A service between its requests: the registry, its key, its writer, its helpers, what it counts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from harness.errors import BadInput, ReproError, TooMany, Unavailable, statuses
from harness.registry import Registry
from harness.registry.actions import incoming, jobs, limits, nonces
from harness.registry.actions.incoming import Answer, Brought, Opened, Parcel
from harness.registry.actions.limits import Spent
from harness.registry.queries import jobs as job_queries
from harness.registry.queries import told
from harness.registry.queries.published import PublicLog
from harness.service.batches import Batches
from harness.service.bodies import Held
from harness.service.checker import MOST, Checker
from harness.service.cosigner import Cosigner
from harness.service.courier import Courier
from harness.service.log import place
from harness.service.metrics import Metrics

T = TypeVar("T")
_ELSEWHERE = "elsewhere"  # numbers of signed requests, sessions
_TOLD_S = 900.0  # for which a refusal is told where nobody has tried since
_REMEMBERED = 10_000  # addresses that must wait


class Log(Protocol):
    """Takes what happened, with fields that `harness.service.log` lists."""

    def __call__(self, event: str, *, level: str = "info", **fields: Any) -> None:
        """A line."""


def _quiet(event: str, *, level: str = "info", **fields: Any) -> None:
    """No log is kept."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How a registry is served. `limited`: false only where its own load is measured. `enrol`: of a copied demonstration alone,
    makes the editor of a public text one of its editors, and gives back the entry.
    """

    site: Path | None = None
    pages: str | None = ""  # where the site's pages are: "" at this address; None: nobody knows
    limited: bool = True
    helpers: int = 2  # processes that check records; 0: this one
    enrol: Callable[[Registry, str], int] | None = None
    own_key: Callable[[], Ed25519PrivateKey] | None = (
        None  # finds the registry's key again, once the log has rotated it
    )
    private_witnesses: tuple[str, ...] = ()  # names of those on this machine or its network


@dataclass(slots=True)
class Service:
    """See the module."""

    registry: Registry
    key: Ed25519PrivateKey
    settings: Settings
    origin: str = ""
    demonstration: bool = False
    nonce_key: bytes = b""
    log: Log = _quiet
    changed: Callable[[], None] = lambda: None  # called when something new is in the log; must not block
    stopped: Callable[[], None] = lambda: None  # called last
    public_log: PublicLog = field(default_factory=PublicLog)
    held: Held = field(default_factory=Held)
    metrics: Metrics = field(default_factory=Metrics)
    _given: Registry | None = None  # the registry that it was made with
    _opener: Batches[Parcel, Opened] | None = None
    _checker: Batches[Opened, Brought] | None = None
    _writer: Batches[Brought, Answer] | None = None
    _limiter: Batches[Spent, None] | None = None
    _checkers: list[Checker] = field(default_factory=list)
    _cosigner: Cosigner | None = None
    _courier: Courier | None = None
    # What was not written the last time → the database's word, and when by this process's clock.
    _refusals: dict[str, tuple[str, float]] = field(default_factory=dict)
    _blocked: dict[str, float] = field(default_factory=dict)  # network → when it may ask again, by this process's clock

    def start(self) -> None:
        """Read what does not change, and start the writers, once. Raises `BadInput` where the registry can't be used."""
        if self._writer is not None:
            return
        self._given, self.registry = self.registry, self.registry.with_kept_connections()
        with self.registry.reading() as reader:
            self.origin, self.demonstration = reader.origin(), told.demonstration(reader)
        if self.settings.enrol is not None and not self.demonstration:
            raise BadInput("only a demonstration makes its visitors editors", where=self.origin)
        self.nonce_key = nonces.secret(self.registry)
        self._opener = Batches("opener", self._open)
        self._checkers = [Checker(demonstration=self.demonstration) for _ in range(self.settings.helpers)]
        works: list[Callable[[Sequence[Opened]], Sequence[Brought | ReproError]]] = [*self._checkers]
        self._checker = Batches("checker", *(works or [self._check]), most=MOST)
        self._writer = Batches("writer", self._take)
        self._limiter = Batches("limiter", self._spend)
        self._cosigner = Cosigner(self.registry, self.settings.private_witnesses, self.metrics.asked_witness)
        self._cosigner.wake()
        self._courier = Courier(self.registry)

    @property
    def site_job(self) -> str | None:
        """The name of the job that keeps its site; None: it serves none."""
        return None if self.settings.site is None else jobs.site(self.settings.site)

    def stop(self) -> None:
        """After what waits."""
        for one in (self._opener, self._checker, self._writer, self._limiter):
            if one is not None:
                one.close()
        for checker in self._checkers:
            checker.stop()
        if self._cosigner is not None:
            self._cosigner.close()
        if self._courier is not None:
            self._courier.close()
        if self._given is not None and self.registry is not self._given:
            self.registry.close()
            self.registry = self._given
        self.stopped()

    @property
    def refused(self) -> str:
        """Why the database took nothing the last time, in its own word; "" where it did, or nobody has tried for a while."""
        since = time.monotonic() - _TOLD_S
        return next((code for code, at in list(self._refusals.values()) if at > since), "")

    def failed(self, error: ReproError) -> None:
        """Tell the host why a request could not be answered: its asker is told no more than that it was not."""
        if statuses(type(error)).http_status < 500:
            return
        if isinstance(error, Unavailable) and error.written:
            self._refusals[_ELSEWHERE] = error.code, time.monotonic()
        self.log("could not answer", level="error", code=error.code, place=place(error))

    @property
    def waiting(self) -> int:
        """Events that no transaction has taken up yet."""
        return 0 if self._writer is None else self._writer.waiting

    async def opened(self, parcel: Parcel) -> Opened:
        """Its event, signed by somebody who may act."""
        assert self._opener is not None  # noqa: S101 - `start` was called
        return await self._opener.ask(parcel)

    async def again(self, found: Opened) -> Answer | None:
        """The receipt of what is there already."""
        if found.entry is None:
            return None
        return await asyncio.to_thread(incoming.again, self.registry, self.key, found, demonstration=self.demonstration)

    async def checked(self, found: Opened) -> Brought:
        """With its record checked, in a process that may die of it."""
        if self.settings.limited:
            await asyncio.to_thread(self._room, found)
        if found.parcel.record is None:
            return incoming.brought(found, demonstration=self.demonstration)
        assert self._checker is not None  # noqa: S101 - `start` was called
        return await self._checker.ask(found)

    async def take(self, brought: Brought) -> Answer:
        """In the log, with its receipt."""
        assert self._writer is not None  # noqa: S101 - `start` was called
        answer = await self._writer.ask(brought)
        if answer.new:
            self.metrics.events.labels(brought.event.kind).inc()
            self.log("taken", kind=brought.event.kind, entry=answer.receipt.entry)
        return answer

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

    async def spend_read(self, key: str) -> None:
        """A signed request that carries no event. Raises `TooMany`."""
        if self.settings.limited:
            await self._ask(limits.read_by(key))

    async def spend_lease(self, key: str) -> None:
        """A call about leases, of a key that the registry knows. Raises `TooMany`."""
        if self.settings.limited:
            await self._ask(limits.of_leases(key))

    async def spend_address(self, address: str, *more: limits.Limit) -> None:
        """A request of somebody whom the registry does not know. Raises `TooMany`."""
        if not self.settings.limited:
            return
        day = time.strftime("%Y-%m-%d", time.gmtime())
        spent = await asyncio.to_thread(limits.of_address, self.registry, address, day, limits.REQUESTS, *more)
        try:
            await self._ask(spent)
        except TooMany as error:
            if len(self._blocked) >= _REMEMBERED:
                self._blocked.clear()
            self._blocked[limits.network(address)] = time.monotonic() + min(error.wait_s, 60)
            raise

    def may_ask(self, address: str) -> None:
        """Raises `TooMany` for an address that was told to wait: nothing of its request is read."""
        if not self._blocked:
            return
        network = limits.network(address)
        wait = self._blocked.get(network, 0.0) - time.monotonic()
        if wait > 0:
            raise limits.too_many("was told to wait", wait)
        self._blocked.pop(network, None)

    async def ask(self, question: Callable[..., T], *arguments: object) -> T:
        """A question to one state of the registry."""

        def asked() -> T:
            with self.registry.reading() as reader:
                return question(reader, *arguments)

        return await asyncio.to_thread(asked)

    async def site_told(self) -> dict[str, Any] | None:
        """How far its site is behind, and whether builds fail; None: it serves none, or nobody has begun it."""
        return None if self.site_job is None else await self.ask(job_queries.told, self.site_job)

    async def _ask(self, spent: Spent) -> None:
        assert self._limiter is not None  # noqa: S101 - `start` was called
        await self._limiter.ask(spent)

    def _room(self, found: Opened) -> None:
        with self.registry.reading() as reader:
            limits.queue_has_room(reader, found.event)

    def _open(self, parcels: Sequence[Parcel]) -> Sequence[Opened | ReproError]:
        return incoming.opened_together(self.registry, parcels)

    def _check(self, some: Sequence[Opened]) -> Sequence[Brought | ReproError]:
        """In this process, where no other may help."""
        return [incoming.or_why_not(incoming.brought, one, demonstration=self.demonstration) for one in some]

    def _take(self, parcels: Sequence[Brought]) -> Sequence[Answer | ReproError]:
        self.refresh_key()
        with self.metrics.commits.time(), self._written("log"):
            answers = incoming.take(self.registry, self.key, parcels, limited=self.settings.limited)
        if self._cosigner is not None:
            self._cosigner.wake()
        self.changed()
        return answers

    def refresh_key(self) -> None:
        """Hold the key that the log names now. Raises `BadInput` where it can't be found."""
        if self.settings.own_key is None:
            return
        with self.registry.reading() as reader:
            wanted = told.in_force(reader)
        if wanted != self.key.public_key().public_bytes_raw().hex():
            self.key = self.settings.own_key()

    def _spend(self, asked: Sequence[Spent]) -> Sequence[ReproError | None]:
        with self._written("limits"):
            return limits.spend(self.registry, asked)

    @contextmanager
    def _written(self, what: str) -> Iterator[None]:
        try:
            yield
        except Unavailable as error:
            self._refusals[what] = error.code, time.monotonic()
            raise
        self._refusals.pop(what, None)
        self._refusals.pop(_ELSEWHERE, None)
