"""Who speaks, and how often: records are clustered into persons, each with one voice, laid over as many hardware classes as
they can cover.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.tiers.values import HardwareClass, Mark, Measurement, Ring, Status

Verdicts = Mapping[str, Mark]  # by the record's id


def persons(records: Iterable[Measurement]) -> dict[str, str]:
    """Operator → person. Operators who share a rig, directly or through others, are one: five handles on one machine are one
    voice. A person is named by the first of its handles.
    """
    parent: dict[str, str] = {}

    def root(node: str) -> str:
        while parent.setdefault(node, node) != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    operators = set()
    for record in records:
        operators.add(record.operator)
        a, b = root(f"operator {record.operator}"), root(f"rig {record.rig}")
        parent[max(a, b)] = min(a, b)  # operators sort before rigs: a person's root is a handle
    return {operator: root(f"operator {operator}").removeprefix("operator ") for operator in operators}


@dataclass(frozen=True, slots=True)
class Voice:
    """A person's record that counts, with its ring."""

    person: str
    record: Measurement
    ring: Ring


@dataclass(frozen=True, slots=True)
class Chorus:
    """Everybody who reproduced the row: the newest record of each (person, rig, class) that was accepted, by its mark.

    A person with a record inside and one outside is among both: a good record never hides a bad one, nor the other way round.
    """

    inside: tuple[Voice, ...]
    outside: tuple[Voice, ...]
    inconclusive: tuple[Voice, ...]
    pending: tuple[Measurement, ...]

    def people(self, mark: Mark, ring: Ring | None = None) -> frozenset[str]:
        """Who has a voice of this mark (in this ring)."""
        return frozenset(v.person for v in self._of(mark) if ring in (None, v.ring))

    def rigs(self, mark: Mark) -> frozenset[str]:
        """On which machines."""
        return frozenset(v.record.rig for v in self._of(mark))

    def _of(self, mark: Mark) -> tuple[Voice, ...]:
        found = {Mark.INSIDE: self.inside, Mark.OUTSIDE: self.outside, Mark.INCONCLUSIVE: self.inconclusive}
        return found[mark]


def chorus(hub: Measurement, others: Sequence[Measurement], marks: Verdicts) -> Chorus:
    """The voices of a row. The hub's own person never reproduces its own row; another subject is another row."""
    unique = {record.id: record for record in others if record.id != hub.id and record.subject == hub.subject}
    people = persons([hub, *unique.values()])
    strangers = [r for r in unique.values() if people[r.operator] != people[hub.operator]]
    newest: dict[tuple[str, str, HardwareClass], Measurement] = {}
    for record in strangers:
        if record.status is Status.ACCEPTED:
            place = (people[record.operator], record.rig, record.hardware)
            kept = newest.get(place)
            if kept is None or (kept.measured, kept.id) < (record.measured, record.id):
                newest[place] = record
    voices = [
        Voice(person, record, Ring.INDEPENDENT if record.hardware != hub.hardware else Ring.COMMUNITY)
        for (person, _, _), record in sorted(newest.items(), key=lambda item: (item[0][0], item[1].id))
    ]

    def marked(mark: Mark) -> tuple[Voice, ...]:
        return tuple(voice for voice in voices if marks[voice.record.id] is mark)

    pending = tuple(sorted((r for r in strangers if r.status is Status.PENDING), key=lambda record: record.id))
    return Chorus(marked(Mark.INSIDE), marked(Mark.OUTSIDE), marked(Mark.INCONCLUSIVE), pending)


def covering(voices: Sequence[Voice]) -> dict[HardwareClass, Voice]:
    """One voice a person, laid so that they cover the most distinct classes: a maximum matching (Kuhn's augmenting paths)."""
    offers: dict[str, dict[HardwareClass, Voice]] = {}
    for voice in sorted(voices, key=lambda v: (v.person, v.record.id)):
        offers.setdefault(voice.person, {}).setdefault(voice.record.hardware, voice)
    taken: dict[HardwareClass, str] = {}

    def place(person: str, tried: set[HardwareClass]) -> bool:
        for hardware in sorted(offers[person]):
            if hardware in tried:
                continue
            tried.add(hardware)
            if hardware not in taken or place(taken[hardware], tried):
                taken[hardware] = person
                return True
        return False

    for person in offers:
        place(person, set())
    return {hardware: offers[person][hardware] for hardware, person in sorted(taken.items())}
