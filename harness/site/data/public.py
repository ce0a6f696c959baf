"""What is public of a registry, and of whom: asked once a build, told to every page. Nothing of a record that no editor accepted,
not even its operator's handle.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from harness.registry.facts import OperatorFact
from harness.registry.queries import Reader, public, rows


class Tally(NamedTuple):
    """Of an operator's public records. `reproductions` are of other operators' rows; `rigs` are machines."""

    records: int
    rows: int
    reproductions: int
    rigs: int


@dataclass(frozen=True, slots=True)
class Ground:
    """What the making of rows asks of a registry's state."""

    rows: frozenset[str]  # whose own record is accepted
    facts: Mapping[str, OperatorFact]  # of every operator, by handle, in order
    persons: Mapping[str, str]  # operator → person

    @property
    def verified(self) -> frozenset[str]:
        """Operators of whom an editor found that the hardware is theirs."""
        return frozenset(handle for handle, fact in self.facts.items() if fact.verified)


@dataclass(frozen=True, slots=True)
class Public:
    """What the other pages ask."""

    rows: frozenset[str]
    operators: Mapping[str, OperatorFact]  # the facts of everybody who has a page, by handle, in order
    tallies: Mapping[str, Tally]  # of who has a public record: the others with a page are verified
    persons: Mapping[str, str]

    @property
    def records(self) -> int:
        """How many there are."""
        return sum(one.records for one in self.tallies.values())


def ground(reader: Reader) -> Ground:
    """Of the whole registry."""
    facts = dict(sorted(reader.all(OperatorFact).items()))  # as here, not as the database sorts
    return Ground(public.rows(reader), facts, rows.people(reader))


def standing(known: Ground, tallies: Mapping[str, Tally]) -> Public:
    """Of everybody with a public record, and of whom an editor verified."""
    shown = tallies.keys() | known.verified
    operators = {handle: fact for handle, fact in known.facts.items() if handle in shown}
    return Public(known.rows, operators, tallies, known.persons)


def tallied(reader: Reader, known: Mapping[str, Tally], handles: Iterable[str] | None) -> dict[str, Tally]:
    """Of each operator with a public record; only those of `handles` are counted again. None: all of them."""
    chosen = None if handles is None else set(handles)
    found = {} if chosen is None else {handle: one for handle, one in known.items() if handle not in chosen}
    found |= {handle: Tally(*numbers) for handle, *numbers in public.tallies(reader, chosen)}
    return dict(sorted(found.items()))
