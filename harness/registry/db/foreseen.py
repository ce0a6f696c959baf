"""What will be asked of many events, read by a few questions: one for each would cost more than what is done with them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, and_, bindparam, or_, select

from harness.registry.db import tables
from harness.registry.db.reader import Reader, chunks, whole
from harness.registry.facts import (
    ClockFact,
    EditorsFact,
    F,
    FailureFact,
    IdempotencyFact,
    KeyFact,
    OperatorFact,
    PasskeysFact,
    RecordFact,
    RegistryFact,
    TripleFact,
)
from harness.tlog.event import HEX, Event

if TYPE_CHECKING:
    from harness.record.envelope import Envelope
    from harness.registry.db.items import Item

Name = tuple[type[Any], str]
Home = tuple[str, str, str, str, str]  # model, quantisation, engine, workload, device
_OF_ALL: tuple[Name, ...] = tuple(
    (kind, "") for kind in (RegistryFact, EditorsFact, PasskeysFact, ClockFact, TripleFact)
)
_entry, _record = tables.entries.c, tables.records.c
_HEADS = select(_entry.idx, _entry.digest).where(_entry.idx.in_(bindparam("some", expanding=True)))
_PLACES = select(_entry.event_sha256, _entry.idx).where(_entry.event_sha256.in_(bindparam("some", expanding=True)))
_OF_HOME = ("model", "quantisation", "engine", "workload", "sku")
_HOMES = 32  # of one question, each of which names five columns


class Foreseen(Reader):
    """The same state, some of which was read already. The rest is asked for one by one, as is what can't be read.

    `sizes`: of logs whose last line is asked for; `digests`: of events that the log may have; `homes`: that may have an open row.
    """

    def __init__(
        self,
        reader: Reader,
        names: Iterable[Name],
        sizes: Iterable[int] = (),
        digests: Iterable[str] = (),
        homes: Iterable[Home] = (),
    ) -> None:
        super().__init__(reader.connection)
        self._known = reader.some(names)
        self._heads: dict[int, Any] = dict.fromkeys(size for size in sizes if size)
        self._places: dict[str, Any] = dict.fromkeys(digests)
        self._homes: dict[Home, str | None] = dict.fromkeys(homes)
        for last in chunks(size - 1 for size in self._heads):
            self._heads |= {index + 1: digest for index, digest in self.connection.execute(_HEADS, {"some": last})}
        for some in chunks(self._places):
            self._places |= dict(map(tuple, self.connection.execute(_PLACES, {"some": some})))
        self._read_homes()

    def _read_homes(self) -> None:
        wanted = sorted(self._homes)
        for start in range(0, len(wanted), _HOMES):
            some = wanted[start : start + _HOMES]
            told = {
                f"{name}{n}": value for n, home in enumerate(some) for name, value in zip(_OF_HOME, home, strict=True)
            }
            for row, *home in self.connection.execute(_open_rows(len(some)), told):
                own: Any = tuple(home)
                if self._homes.get(own) is None:  # the oldest comes first
                    self._homes[own] = row

    def head(self, size: int) -> str | None:
        """See `Reader`."""
        return self._heads[size] if size in self._heads else super().head(size)

    def place_of(self, digest: str) -> int | None:
        """See `Reader`."""
        if digest not in self._places:
            return super().place_of(digest)
        found = self._places[digest]
        return None if found is None else whole(found, "entries")

    def has_event(self, digest: str) -> bool:
        """See `Reader`."""
        return self._places[digest] is not None if digest in self._places else super().has_event(digest)

    def row_for(self, subject: tuple[str, str, str, str], sku: str) -> str | None:
        """See `Reader`."""
        home = (*subject, sku)
        return self._homes[home] if home in self._homes else super().row_for(subject, sku)

    def get(self, kind: type[F], name: str) -> F | None:
        """See `Reader`."""
        if (kind, name) not in self._known:
            return super().get(kind, name)
        found = self._known[kind, name]
        return found if isinstance(found, kind) else None


@lru_cache(maxsize=_HOMES)
def _open_rows(count: int) -> Select[Any]:
    """Of so many homes, the oldest first."""
    each = (and_(*(_record[name] == bindparam(f"{name}{n}") for name in _OF_HOME)) for n in range(count))
    own = (_record.row == _record.id, _record.status.in_(("pending", "accepted", "sent-back")))
    return select(_record.id, *(_record[name] for name in _OF_HOME)).where(or_(*each), *own).order_by(_record.idx)


def of_items(reader: Reader, items: Sequence[Item]) -> Reader:
    """With what the rules will ask of the submissions among these."""
    names = {name for item in items for name in _names(item)}
    if not names:
        return reader
    hints = [item.hint for item in items if item.hint is not None]
    sizes, digests = {size for size, _ in hints}, {digest for _, digest in hints}
    return Foreseen(reader, {*names, *_OF_ALL}, sizes, digests, set(_homes(items)))


def of_signed(reader: Reader, signed: Iterable[tuple[Event, Envelope]], digests: Iterable[str]) -> Reader:
    """With what will be asked about events' authors, their signatures and subjects, and whether the log has such payloads."""
    names: set[Name] = set(_OF_ALL)
    for event, sealed in signed:
        names.add((OperatorFact, event.by))
        names.update((KeyFact, one.keyid) for one in sealed.signatures if HEX.fullmatch(one.keyid))
        names.update((kind, event.subject) for kind in (RecordFact, FailureFact))
    return Foreseen(reader, names, digests=digests)


def _homes(items: Sequence[Item]) -> Iterator[Home]:
    for item in items:
        if item.submission is not None:
            one = item.submission.measured.measurement
            subject = one.subject
            yield subject.model, subject.quantisation, subject.engine, subject.workload, one.hardware.sku


def _names(item: Item) -> Iterator[Name]:
    found = item.submission or item.failure
    if found is None:
        return
    claims = found.claims
    yield OperatorFact, claims.handle
    yield KeyFact, sha256(bytes.fromhex(claims.operator_key)).hexdigest()
    yield RecordFact, found.id
    yield FailureFact, found.id
    yield IdempotencyFact, f"{claims.handle}/{found.id}"  # as commands name it
