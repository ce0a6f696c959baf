"""Rows of a registry as the rules look at them: from the table, with what the whole registry knows of operators and series."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from harness.catalog.versions import order_of
from harness.errors import BadInput, RecordInvalid, one_line
from harness.registry.db import rigs as rigs_table
from harness.registry.db import rows as rows_table
from harness.registry.db import series
from harness.registry.db.columns import COLUMNS, measurement
from harness.registry.db.reader import Reader
from harness.registry.facts import OperatorFact, RecordFact, TieFact
from harness.tiers.policy import Policy
from harness.tiers.score import Score, score
from harness.tiers.values import Measurement, Row, Source, Status
from harness.tiers.voices import persons_of

_ENOUGH = 16  # operators of a series that are looked at: two persons among them are enough


@dataclass(frozen=True, slots=True)
class Known:
    """What is known beyond a row: who is verified, which series accepted records have run."""

    verified: frozenset[str]
    newer: Mapping[tuple[str, str], int] = field(default_factory=dict)  # (engine, series) → newer ones that were seen

    def source(self, operator: str, editorial: bool) -> Source:
        """Who measured; `editorial`: an editor when it was submitted."""
        if editorial:
            return Source.EDITORIAL
        return Source.VERIFIED if operator in self.verified else Source.COMMUNITY

    def behind(self, engine: str, series: str) -> int:
        """How many newer series of the engine the registry has seen; 0 for one that it has not."""
        return self.newer.get((engine, series), 0)


def known(reader: Reader, operators: Iterable[str] | None = None) -> Known:
    """For these operators, or for all."""
    if operators is None:
        facts = reader.all(OperatorFact)
    else:
        found = ((handle, reader.get(OperatorFact, handle)) for handle in set(operators))
        facts = {handle: fact for handle, fact in found if fact is not None}
    return Known(frozenset(handle for handle, fact in facts.items() if fact.verified), newer_series(reader))


def newer_series(reader: Reader, until: int | None = None) -> dict[tuple[str, str], int]:
    """(engine, series) → how many newer ones the registry has seen; `until`: had seen at that entry."""
    counted = counted_series(reader, until)
    newer = {}
    for engine, name in series.listed(reader):
        own = _order(engine, name)
        if own is not None:
            newer[engine, name] = sum((_order(engine, other) or own) > own for other in counted.get(engine, ()))
    return newer


def counted_series(reader: Reader, until: int | None = None) -> dict[str, list[str]]:
    """Engine → series that make others old: those that an editor's record or two persons' have run. One person's word is none.

    `until`: of records that were accepted at that entry.
    """
    found: dict[str, list[str]] = {}
    for one in series.listed(reader):
        engine, name = one
        if _order(engine, name) is None:
            continue
        who = series.ran(reader, one, _ENOUGH) if until is None else _ran_then(reader, one, until)
        persons = people(reader, {operator for operator, _ in who}) if len(who) > 1 else {}
        if any(editorial for _, editorial in who) or len({persons.get(handle, handle) for handle, _ in who}) > 1:
            found.setdefault(engine, []).append(name)
    return found


def _ran_then(reader: Reader, one: series.Series, until: int) -> list[series.Ran]:
    """So many of those whose records had run it, accepted at that entry. What was dropped or revoked since counts no more."""
    found: dict[series.Ran, None] = {}
    for identity, who in series.submitted(reader, one, until):
        fact = reader.get(RecordFact, identity)
        if fact is None or fact.dropped or fact.revoked or fact.public_from is None or fact.public_from > until:
            continue
        if fact.status is Status.ACCEPTED or (fact.changed or 0) > until:
            found[who] = None
        if len(found) == _ENOUGH:
            break
    return list(found)


def _order(engine: str, series: str) -> tuple[int, ...] | None:
    """What a series is sorted by; None for one that is unknown."""
    return order_of(series.removeprefix(f"{engine} "))


def people(
    reader: Reader, operators: Iterable[str] | None = None, also: Iterable[tuple[str, str]] = ()
) -> dict[str, str]:
    """Operator → person, by the rigs that operators share anywhere in the registry; of these and whoever they are tied to.

    `also`: (operator, rig) of records that the registry does not have yet.
    """
    tied = {name: fact.operators for name, fact in reader.all(TieFact).items() if not fact.untied}
    ties = [(handle, f"tie {name}") for name, pair in tied.items() for handle in pair]
    if operators is None:
        return persons_of([*ties, *rigs_table.signed(reader)])
    found = {*also, *ties}
    new, seen_rigs = {*operators, *(operator for operator, _ in found)}, set[str]()
    done: set[str] = set()
    while new:
        done |= new
        own = rigs_table.of_operators(reader, new)
        rigs = {rig for _, rig in (*own, *found)} - seen_rigs
        seen_rigs |= rigs
        shared = rigs_table.of_rigs(reader, rigs)
        found |= {*own, *shared}
        new = {operator for operator, _ in shared} - done
    return persons_of(found)


def read(reader: Reader, row: str, about: Known | None = None) -> Row:
    """One row, by its whole id; `about`: what is known, where it was asked already. Raises `BadInput` where there is none."""
    found = members_of(reader, row, about)
    hub = next((one for one in found if one.id == row), None)
    if hub is None:
        raise BadInput("there is no such row", where=row[:12], fix="see: repro score")
    return Row(hub, tuple(one for one in found if one.id != row))


def members_of(reader: Reader, row: str, about: Known | None = None) -> list[Measurement]:
    """All records of a row, by id, its own among them where the table has it; `about` as for `read`."""
    values = rows_table.of_row(reader, row)
    about = about or known(reader, {one[3] for one in values})
    return [_measured(one, about) for one in values]


UNREADABLE = (ValueError, TypeError, KeyError, AttributeError)  # what reading a line raises that no record gives


def _measured(values: tuple[Any, ...], about: Known) -> Measurement:
    with naming(values):
        return measurement(values, about.source, about.behind)[1]


@contextmanager
def naming(values: tuple[Any, ...]) -> Iterator[None]:
    """Raises `RecordInvalid`, naming the record, where the table's line holds what no record gives."""
    try:
        yield
    except UNREADABLE as error:
        said = one_line(f"the table holds no measurement of record {str(values[1])[:12]} ({error})", 200)
        raise RecordInvalid(said, where=f"row {str(values[0])[:12]}", fix="run: repro audit") from error


def readable(line: Mapping[str, Any]) -> bool:
    """Whether a line of the table, by its columns' names, holds a measurement; unless it does, its row can't be read with it."""
    try:
        nothing = Known(frozenset())
        measurement(tuple(line[name] for name in COLUMNS), nothing.source, nothing.behind)
    except UNREADABLE:
        return False
    return True


def score_row(reader: Reader, row: str, policy: Policy, as_of: date) -> tuple[Row, Score]:
    """A row and its score, from the row's own records and the ties of their operators; of a frozen one as it was."""
    from harness.registry.queries import reports

    found, as_of = reports.held(reader, read(reader, row), reports.frozen_row(reader, row), as_of)
    return found, score(found, policy, as_of, people=people(reader, [one.operator for one in members(found)]))


def members(row: Row) -> Iterator[Measurement]:
    """The hub's record, then the others."""
    yield row.hub
    yield from row.others


def row_of(reader: Reader, prefix: str) -> str:
    """The row of a record that begins so: the row's own id, whichever of its records was named. Raises `BadInput`."""
    fact = reader.get(RecordFact, reader.id_of(prefix))
    return "" if fact is None else fact.row
