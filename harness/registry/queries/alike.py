"""Records of a model whose samples resemble one's own, sought in all of its rows, in bounded time: for remarks, never a verdict.

At most `MOST_COMPARED` others are compared, chosen so that nobody crowds the earlier ones out: half of them have the nearest
medians, a few of each operator; half are taken from every operator in turn, the earliest first (docs/likeness.md).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from harness.errors import ReproError
from harness.registry.db import records
from harness.registry.db.reader import Reader
from harness.registry.queries.intervals import gaps_of
from harness.registry.queries.secondary import record_in
from harness.tiers.gaps import Gaps
from harness.tiers.likeness import Likeness, compare_with, compared

MOST_COMPARED = 200  # others whose samples are read
MOST_OF_ONE = 8  # by one operator, among those with the nearest medians
MOST_BYTES = 32 << 20  # of gaps that are kept for the next record
_NEAREST = MOST_COMPARED // 2


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a record before its samples are read; `levels`: logs of its process medians less their mean, rising."""

    id: str
    operator: str
    index: int
    levels: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Sought:
    """What was found, and of how many records of the subject how many were compared."""

    found: tuple[Likeness, ...]
    compared: int
    of: int


@dataclass(slots=True)
class Seen:
    """Gaps of others that one question after the other needs, in bounded memory: a list looks at many records of one model."""

    known: dict[str, tuple[Gaps, int] | None] = field(default_factory=dict)
    bytes: int = 0

    def of(self, reader: Reader, identity: str) -> tuple[Gaps, int] | None:
        """As `whole`."""
        if identity not in self.known:
            found = whole(reader, identity)
            if self.bytes > MOST_BYTES:
                self.known.clear()
                self.bytes = 0
            self.known[identity] = found
            self.bytes += 0 if found is None else found[0].nbytes
        return self.known[identity]


def sought(reader: Reader, identity: str, gaps: Gaps, cut: Gaps, seen: Seen) -> Sought:
    """What the record shares with others of its subject; `gaps` are its own, `cut` the part of them that is compared."""
    own, others = of_subject(reader, identity)
    chosen = choice(own, others)
    group: dict[str, Gaps] = {}
    for name in chosen:
        theirs = seen.of(reader, name)
        if theirs is not None and theirs[1] == gaps.shape[1]:
            group[name] = theirs[0]
    found = tuple(compare_with(identity, cut, group, len(group))) if group else ()
    return Sought(found, len(chosen), len(others))


def of_subject(reader: Reader, identity: str) -> tuple[Known, list[Known]]:
    """The record, and every other of the same model, by its weights or its name, whatever its device, engine or workload."""
    known = [_known(*one) for one in records.of_model(reader, identity)]
    return next(one for one in known if one.id == identity), [one for one in known if one.id != identity]


def _known(identity: str, operator: str, index: int, medians: str) -> Known:
    """As the table says; of a line without medians, which no record gives, no levels: it stands far from all others."""
    if not re.fullmatch(r"[0-9]{1,18}(,[0-9]{1,18})*", medians):
        return Known(identity, operator, index, ())
    logs = np.sort(np.log([max(int(one), 1) for one in medians.split(",")]))
    return Known(identity, operator, index, tuple((logs - logs.mean()).tolist()))


def choice(own: Known, others: Sequence[Known]) -> list[str]:
    """Ids of those that are compared. Pure."""
    if len(others) <= MOST_COMPARED:
        return [one.id for one in others]
    apart = {one.id: _apart(own.levels, one.levels) for one in others}
    taken: dict[str, None] = {}
    of_operator: Counter[str] = Counter()
    for one in sorted(others, key=lambda one: (apart[one.id], one.index)):
        if len(taken) == _NEAREST:
            break
        if of_operator[one.operator] < MOST_OF_ONE:
            of_operator[one.operator] += 1
            taken[one.id] = None
    for one in _in_turn(others):
        if len(taken) == MOST_COMPARED:
            break
        taken[one.id] = None
    return list(taken)


def _in_turn(others: Sequence[Known]) -> Iterator[Known]:
    """The first of each operator, then the second of each, the earliest first in every round."""
    rounds: Counter[str] = Counter()
    placed = []
    for one in sorted(others, key=lambda one: one.index):
        placed.append((rounds[one.operator], one.index, one))
        rounds[one.operator] += 1
    return (one for _, _, one in sorted(placed, key=lambda place: place[:2]))


def _apart(a: Sequence[float], b: Sequence[float]) -> float:
    """How far two rising profiles of medians are apart, whatever their levels; profiles of other lengths are far."""
    return max(abs(x - y) for x, y in zip(a, b, strict=True)) if len(a) == len(b) else 10.0


def whole(reader: Reader, identity: str) -> tuple[Gaps, int] | None:
    """The gaps of a record that are compared, and how many a trial of it has; None where they can't be read, whatever the cause:
    another record's fault must not stop the one that is examined.
    """
    try:
        record = record_in(reader, identity)
        samples = None if record is None else reader.body(record.samples.sha256)
        if record is None or samples is None:
            return None
        found = gaps_of(record, samples)
        return compared(found).copy(), found.shape[1]  # a view would hold all of it
    except (ReproError, ValueError, KeyError, TypeError, AttributeError, IndexError, MemoryError):
        return None
