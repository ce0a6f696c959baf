"""Did a new version change the speed? Pairs of one operator's records on one machine that differ on exactly one axis: a version,
or a setting that tunes the runtime. What changes the computation is in the subject, and equal.

What comes out is a candidate with its intervals, never "X regressed by Y %": only a second person who saw the same sign makes
it a confirmed change.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from itertools import pairwise

from harness.measure.comparison import Comparison, Verdict, compare
from harness.tiers.policy import Policy
from harness.tiers.values import Measurement, Status, Subject
from harness.tiers.voices import persons

__all__ = ["BAND", "Change", "Label", "Versioned", "changes"]

# Newer / older. Narrower than the network's 0.90 to 1.10, which lets machines differ: here both records are of one machine. Wider
# than "the interval excludes 1": it knows the scatter of processes within a run, not that between runs of different days
# (docs/measurements/aa.md), and without a width no pair could ever be called the same. A difference counts when the whole
# interval lies beyond an edge, so it excludes 1 as well.
BAND = (0.97, 1.03)
CONFIRMING = 2  # persons who saw the same sign
UNKNOWN = "unknown"  # so begins what nobody told: equal to the same text, and never one side of a change

_VERSION = re.compile(r"v?(\D*?)(\d+(?:\.\d+)*)")
_DIGEST = re.compile(r"(?=.*[a-f])[0-9a-f]{7,}")


class Label(StrEnum):
    """What may be said of a change of version."""

    POSSIBLE_REGRESSION = "possible regression"
    POSSIBLE_IMPROVEMENT = "possible improvement"
    INSUFFICIENT = "insufficient evidence"
    CONFIRMED = "confirmed change"


@dataclass(frozen=True, slots=True)
class Versioned:
    """A record with its versions: (axis, version), sorted; an axis that is not known is left out."""

    measurement: Measurement
    versions: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Change:
    """One step of one axis on one subject, over everybody who made it.

    `before` or `after` is empty where the axis is missing on that side. `pairs` are (older id, newer id, newer / older). `sign`
    is FASTER, SLOWER or, where the evidence is not enough or at odds, CANNOT_TELL. `faster` and `slower` are the persons who saw
    that; one whose records show both is in both.
    """

    subject: Subject
    axis: str
    before: str
    after: str
    label: Label
    sign: Verdict
    pairs: tuple[tuple[str, str, Comparison], ...]
    operators: tuple[str, ...]
    faster: tuple[str, ...]
    slower: tuple[str, ...]


def changes(records: Iterable[Versioned], policy: Policy, people: Mapping[str, str] | None = None) -> list[Change]:
    """Every candidate, sorted by subject, axis and versions; steps whose pairs are all the same in speed are left out.

    Of an operator's records with equal machine and versions the newest accepted one counts. Compared are versions that follow
    each other on some machine, on every machine that has both. `people`: operator → person; without it by the rigs that operators
    share in `records`. Raises `RecordInvalid` for medians that are not positive.
    """
    unique = {one.measurement.id: one for one in records}
    known = people if people is not None else persons(one.measurement for one in unique.values())
    found: list[Change] = []
    for (subject, axis), lines in sorted(_lines(_counted(unique.values())).items(), key=lambda item: _order(*item[0])):
        found += _on_axis(subject, axis, lines, policy, known)
    return found


Line = dict[str, Measurement]  # version → record, of one operator and machine, all other axes equal
Place = tuple[object, ...]


def _order(subject: Subject, axis: str) -> tuple[str, ...]:
    return subject.model, subject.quantisation, subject.engine, subject.workload, axis


def _counted(records: Iterable[Versioned]) -> list[tuple[Measurement, dict[str, str]]]:
    """The newest accepted record of each operator, rig, device, subject and versions."""
    newest: dict[tuple[object, ...], tuple[Measurement, dict[str, str]]] = {}
    for record in records:
        one = record.measurement
        if one.status is not Status.ACCEPTED:
            continue
        # Where a record names no version of its own, its class still tells the system and the runtime's series apart.
        versions = {"os": one.hardware.os_family, "runtime": one.hardware.runtime_series} | dict(record.versions)
        place = (*_machine(one), one.subject, *sorted(versions.items()))
        kept = newest.get(place)
        if kept is None or (kept[0].measured, kept[0].id) < (one.measured, one.id):
            newest[place] = one, versions
    return list(newest.values())


def _machine(one: Measurement) -> tuple[str, ...]:
    return one.operator, one.rig, one.hardware.sku, one.hardware.generation


def _lines(counted: list[tuple[Measurement, dict[str, str]]]) -> dict[tuple[Subject, str], list[Line]]:
    """By subject and axis the lines with more than one version. Near-linear: records × axes that are not the same everywhere."""
    held: dict[Subject, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    holders: dict[tuple[Subject, str], int] = defaultdict(int)
    records: dict[Subject, int] = defaultdict(int)
    for one, versions in counted:
        records[one.subject] += 1
        for axis, version in versions.items():
            held[one.subject][axis].add(version)
            holders[one.subject, axis] += 1
    axes = {
        subject: {axis for axis, seen in own.items() if len(seen) > 1 or holders[subject, axis] < records[subject]}
        for subject, own in held.items()
    }
    lines: dict[tuple[Subject, str], dict[Place, Line]] = defaultdict(lambda: defaultdict(dict))
    for one, versions in counted:
        varying = [item for item in sorted(versions.items()) if item[0] in axes[one.subject]]
        for axis in axes[one.subject]:
            others = [item for item in varying if item[0] != axis]
            lines[one.subject, axis][*_machine(one), *others][versions.get(axis, "")] = one
    found = {key: [line for line in places.values() if len(line) > 1] for key, places in lines.items()}
    return {key: several for key, several in found.items() if several}


def _on_axis(
    subject: Subject, axis: str, lines: list[Line], policy: Policy, people: Mapping[str, str]
) -> Iterable[Change]:
    seen: dict[str, date] = {}  # when anybody first measured a version: the same order for all
    for line in lines:
        for version, one in line.items():
            seen[version] = min(seen.get(version, one.measured), one.measured)
    following: dict[str, set[str]] = defaultdict(set)
    for line in lines:
        told = {version: one for version, one in line.items() if _tells(axis, version)}
        for before, after in _steps(told, seen):
            following[before].add(after)
    pairs: dict[tuple[str, str], list[tuple[Measurement, Measurement]]] = defaultdict(list)
    for line in lines:
        for before, older in line.items():
            for after in following[before] & line.keys():
                pairs[before, after].append((older, line[after]))
    for (before, after), both in sorted(pairs.items()):
        change = _change(subject, axis, before, after, both, policy, people)
        if change:
            yield change


def _tells(axis: str, version: str) -> bool:
    """Whether the value is known. A setting that only one of two records holds did not change."""
    return not version.startswith(UNKNOWN) and (version != "" or not axis.startswith("setting "))


def _steps(line: Line, seen: Mapping[str, date]) -> Iterable[tuple[str, str]]:
    """Neighbours in the order of their numbers; where one of them has none, or of another kind, in the order of first sight."""
    numbered: dict[str, list[tuple[tuple[int, ...], date, str]]] = defaultdict(list)
    kinds = {}
    for version in line:
        number = _number(version)
        if number:
            kinds[version] = number[0]
            numbered[number[0]].append((number[1], seen[version], version))
    for versions in numbered.values():
        for older, newer in pairwise(sorted(versions)):
            yield older[2], newer[2]
    for before, after in pairwise(sorted(line, key=lambda version: (seen[version], version))):
        if before not in kinds or after not in kinds or kinds[before] != kinds[after]:
            yield before, after


def _number(version: str) -> tuple[str, tuple[int, ...]] | None:
    """What stands before a version's number, and the number without trailing zeros; None for a digest or no number."""
    found = _VERSION.match(version)
    if not found or _DIGEST.fullmatch(version):
        return None
    parts = [int(part) for part in found[2].split(".")]
    while len(parts) > 1 and parts[-1] == 0:
        parts.pop()
    return found[1], tuple(parts)


def _change(
    subject: Subject,
    axis: str,
    before: str,
    after: str,
    both: list[tuple[Measurement, Measurement]],
    policy: Policy,
    people: Mapping[str, str],
) -> Change | None:
    pairs = []
    signs: dict[Verdict, set[str]] = defaultdict(set)
    for older, newer in sorted(both, key=lambda pair: (pair[0].id, pair[1].id)):
        alpha = policy.alpha_fixed if older.fixed_number and newer.fixed_number else policy.alpha_looks
        found = compare(newer.medians, older.medians, BAND, alpha)
        pairs.append((older.id, newer.id, found))
        signs[found.verdict].add(people.get(older.operator, older.operator))
    if set(signs) == {Verdict.SAME}:
        return None
    faster, slower = signs[Verdict.FASTER], signs[Verdict.SLOWER]
    sign, label = _label(len(faster), len(slower))
    operators = tuple(sorted({older.operator for older, _ in both}))
    return Change(
        subject, axis, before, after, label, sign, tuple(pairs), operators, tuple(sorted(faster)), tuple(sorted(slower))
    )


def _label(faster: int, slower: int) -> tuple[Verdict, Label]:
    """By the number of persons: as many on either side are at odds, and say nothing."""
    if faster == slower:
        return Verdict.CANNOT_TELL, Label.INSUFFICIENT
    sign = Verdict.FASTER if faster > slower else Verdict.SLOWER
    if max(faster, slower) >= CONFIRMING:
        return sign, Label.CONFIRMED
    return sign, Label.POSSIBLE_IMPROVEMENT if sign is Verdict.FASTER else Label.POSSIBLE_REGRESSION
