"""Facts that will be asked for, read by one question: one for each would cost a service more than what it does with them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from harness.registry.db.reader import Reader
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
    from harness.registry.db.transaction import Item

Name = tuple[type[Any], str]
_OF_ALL: tuple[Name, ...] = tuple(
    (kind, "") for kind in (RegistryFact, EditorsFact, PasskeysFact, ClockFact, TripleFact)
)


class Foreseen(Reader):
    """The same state, some facts of which were read already. Others are asked for one by one, as is one that can't be read."""

    def __init__(self, reader: Reader, names: Iterable[Name]) -> None:
        super().__init__(reader.connection)
        self._known = reader.some(names)

    def get(self, kind: type[F], name: str) -> F | None:
        """See `Reader`."""
        if (kind, name) not in self._known:
            return super().get(kind, name)
        found = self._known[kind, name]
        return found if isinstance(found, kind) else None


def of_items(reader: Reader, items: Sequence[Item]) -> Reader:
    """With what the rules will ask of the submissions among these."""
    names = {name for item in items for name in _names(item)}
    return Foreseen(reader, {*names, *_OF_ALL}) if names else reader


def of_signed(reader: Reader, event: Event, sealed: Envelope) -> Reader:
    """With what will be asked about an event's author, its signatures and its subject."""
    of_keys = ((KeyFact, one.keyid) for one in sealed.signatures if HEX.fullmatch(one.keyid))
    of_subject = ((kind, event.subject) for kind in (RecordFact, FailureFact))
    return Foreseen(reader, {*_OF_ALL, (OperatorFact, event.by), *of_keys, *of_subject})


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
