"""Who speaks, and how often: records are clustered into persons, each with one voice, laid over as many hardware classes as
they can cover.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.tiers.values import HardwareClass, Mark, Measurement, Ring, Source, Status, ring_of

Verdicts = Mapping[str, Mark]  # by the record's id


def persons(records: Iterable[Measurement]) -> dict[str, str]:
    """Operator → person, from the records' own operators and rigs: see `persons_of`."""
    return persons_of((record.operator, record.rig) for record in records)


def persons_of(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Operator → person, from (operator, rig) pairs. Operators who share a rig, directly or through others, are one: five
    handles on one machine are one voice. A person is named by the first of its handles.
    """
    parent: dict[str, str] = {}

    def root(node: str) -> str:
        while parent.setdefault(node, node) != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    operators = set()
    for operator, rig in pairs:
        operators.add(operator)
        a, b = root(f"operator {operator}"), root(f"rig {rig}")
        parent[max(a, b)] = min(a, b)  # operators sort before rigs: a person's root is a handle
    return {operator: root(f"operator {operator}").removeprefix("operator ") for operator in operators}


@dataclass(frozen=True, slots=True)
class Voice:
    """A person's record that counts, with its ring, and its hardware class as this row counts it."""

    person: str
    record: Measurement
    ring: Ring
    hardware: HardwareClass


@dataclass(frozen=True, slots=True)
class Chorus:
    """Everybody who reproduced the row: the newest record of each (person, rig, class) that was accepted, by its mark.

    A newer record that decides nothing takes the place of one that does only where it is the more precise: noise hides no
    verdict. A person with a record inside and one outside is among both: a good record never hides a bad one, nor the other way
    round.
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


def chorus(
    hub: Measurement, others: Sequence[Measurement], marks: Verdicts, people: Mapping[str, str] | None = None
) -> Chorus:
    """The voices of a row. The hub's own person never reproduces its own row; another subject is another row.

    `people` names every operator's person where more is known than the row tells. Evidence from elsewhere is shown, never heard:
    no rig has signed it, so that it ties nobody either.
    """
    unique = {
        r.id: r for r in others if r.source is not Source.IMPORTED and r.id != hub.id and r.subject == hub.subject
    }
    if people is None:
        people = persons([hub, *unique.values()])
    own = people[hub.operator]
    strangers = [record for record in unique.values() if people[record.operator] != own]
    classes = _counted(hub, strangers)
    newest: dict[tuple[str, str, HardwareClass], Measurement] = {}
    for record in sorted(strangers, key=lambda record: (record.measured, record.id)):
        if record.status is Status.ACCEPTED and not record.failed:  # what does not agree with itself agrees with nobody
            place = (people[record.operator], record.rig, record.hardware)
            kept = newest.get(place)
            if kept is None or not _only_noisier(record, kept, marks):
                newest[place] = record
    voices = [
        Voice(person, record, ring_of(hub, record), classes[record.hardware])
        for (person, _, _), record in sorted(newest.items(), key=lambda item: (item[0][0], item[1].id))
    ]

    def marked(mark: Mark) -> tuple[Voice, ...]:
        return tuple(voice for voice in voices if marks[voice.record.id] is mark)

    pending = tuple(sorted((r for r in strangers if r.status is Status.PENDING), key=lambda record: record.id))
    return Chorus(marked(Mark.INSIDE), marked(Mark.OUTSIDE), marked(Mark.INCONCLUSIVE), pending)


def _counted(hub: Measurement, records: Iterable[Measurement]) -> dict[HardwareClass, HardwareClass]:
    """Hardware class → the class that the row counts it as: the hub's own where no known part differs from it."""
    told = {record.hardware for record in records}
    own = hub.hardware.beside(hub.hardware)
    return {hardware: hardware.beside(hub.hardware) if hardware.differs_in(hub.hardware) else own for hardware in told}


def _only_noisier(record: Measurement, kept: Measurement, marks: Verdicts) -> bool:
    """Whether `kept` has a verdict, and the newer `record` has none and is no more precise."""
    return (
        marks[record.id] is Mark.INCONCLUSIVE
        and marks[kept.id] is not Mark.INCONCLUSIVE
        and record.standard_error >= kept.standard_error
    )


def covering(voices: Sequence[Voice]) -> dict[HardwareClass, Voice]:
    """One voice a person, laid so that they cover the most distinct classes.

    Of the classes with an unknown part one counts at most, beside those known ones that it differs from: two such may be one
    class, and a record that tells it must not make them fewer.
    """
    known = [voice for voice in voices if voice.hardware.is_known]
    best = _matched(known)
    people = len({voice.person for voice in voices})
    for partly in sorted({voice.hardware for voice in voices if not voice.hardware.is_known}):
        if len(best) == people:
            break
        beside = [voice for voice in voices if voice.hardware == partly]
        best = max(best, _matched(beside + [v for v in known if v.hardware.differs_in(partly)]), key=len)
    return best


def _matched(voices: Sequence[Voice]) -> dict[HardwareClass, Voice]:
    """Of voices whose classes are equal or distinct: a maximum matching of persons to classes (Kuhn's augmenting paths)."""
    classes = sorted({voice.hardware for voice in voices})
    numbers = {hardware: number for number, hardware in enumerate(classes)}
    offers: dict[str, dict[int, Voice]] = {}
    for voice in sorted(voices, key=lambda v: (v.person, v.record.id)):
        offers.setdefault(voice.person, {}).setdefault(numbers[voice.hardware], voice)
    taken: dict[int, str] = {}

    def place(person: str, tried: set[int]) -> bool:
        for number in sorted(offers[person]):
            if number in tried:
                continue
            tried.add(number)
            if number not in taken or place(taken[number], tried):
                taken[number] = person
                return True
        return False

    for person in offers:
        if len(taken) == len(classes):  # nothing is left to cover: every further search would fail
            break
        place(person, set())
    return {classes[number]: offers[person][number] for number, person in sorted(taken.items())}
