"""Which limits hold for an operator now."""

from __future__ import annotations

from dataclasses import dataclass

from harness.registry.db.elsewhere import Elsewhere
from harness.registry.db.reader import Reader
from harness.registry.facts import EditorsFact, KeyFact, LimitsFact, OperatorFact
from harness.registry.rules.base import id_of, known
from harness.registry.rules.limits import EVENTS_PER_DAY, EVENTS_PER_HOUR, PENDING_RECORDS


@dataclass(frozen=True, slots=True)
class InForce:
    """Of one operator."""

    handle: str
    events_per_hour: int  # from its key
    events_per_day: int
    pending_records: int  # that may wait as long as none was accepted
    until: str | None  # the last day of raised ones, YYYY-MM-DD
    by: str  # editor who raised them, and why; "" where nobody has
    why: str

    @property
    def raised(self) -> bool:
        """Whether an editor raised them."""
        return self.until is not None


def in_force(reader: Reader, handle: str, today: str) -> InForce:
    """By the whole handle; `today`: YYYY-MM-DD. Raises `NotFound`."""
    if isinstance(reader, Elsewhere):
        return reader.limits(handle)
    known(reader, OperatorFact, handle)
    return of(reader, handle, today)


def of(reader: Reader, handle: str, today: str) -> InForce:
    """As `in_force`, of whatever handle."""
    fact = reader.get(LimitsFact, handle)
    usual = (EVENTS_PER_HOUR, EVENTS_PER_DAY, PENDING_RECORDS)
    if fact is None or today > fact.until or (fact.events_per_hour, fact.events_per_day, fact.pending_records) == usual:
        return InForce(handle, *usual, until=None, by="", why="")
    return InForce(
        handle, fact.events_per_hour, fact.events_per_day, fact.pending_records, fact.until, fact.by, fact.why
    )


def of_key(reader: Reader, key: str, today: str) -> InForce | None:
    """Of the operator whose key of that id it is; None of an editor's."""
    fact = reader.get(KeyFact, key)
    return None if fact is None else of(reader, fact.owner, today)


def is_editors(reader: Reader, key: str) -> bool:
    """Whether the key of that id is on the list of editors, a passkey's or a file's."""
    found = reader.get(EditorsFact, "")
    return found is not None and key in {id_of(one.key) for one in found.editors.values()}
