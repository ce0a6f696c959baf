"""What a reader should know of a row's independence beside its tier: what ties its operators, what its rings rest on. Pure.

Nothing here moves a tier: people do share images, cloud machines and weeks. An editor who finds one person behind two handles
links them, in the log.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import combinations

from harness.tiers.values import Mark, Measurement, Ring, Source
from harness.tiers.voices import Chorus

LEAST_FACTS = 6  # equal and known on both sides: kernel, microcode and the like; fewer are shared by strangers
BURST = timedelta(days=7)
LEAST_IN_BURST = 3
_SEEN = (Source.EDITORIAL, Source.VERIFIED)


@dataclass(frozen=True, slots=True)
class HostFacts:
    """What a record tells of its machine, beside its hardware class; "" for what is not known."""

    record: str
    operator: str
    wheel_sha256: str  # of an engine that was built there: two machines hardly ever build the same bytes
    facts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Caution:
    """`kind` is a code; `operators` and `records` are those that it is about."""

    kind: str
    text: str
    operators: tuple[str, ...] = ()
    records: tuple[str, ...] = ()


def same_machine(hosts: Sequence[HostFacts]) -> list[Caution]:
    """Pairs of records by different operators whose machines look like one."""
    found = []
    for a, b in combinations(sorted(hosts, key=lambda host: host.record), 2):
        if a.operator == b.operator:
            continue
        both = tuple(sorted((a.operator, b.operator)))
        if a.wheel_sha256 and a.wheel_sha256 == b.wheel_sha256:
            text = f"{both[0]} and {both[1]} ran the very same build of the engine, made on a machine of their own"
            found.append(Caution("same-build", text, both, (a.record, b.record)))
            continue
        known = [name for name in a.facts if a.facts[name] and b.facts.get(name)]
        if len(known) >= LEAST_FACTS and all(a.facts[name] == b.facts[name] for name in known):
            text = f"{both[0]} and {both[1]} are equal in all {len(known)} facts of their machines ({', '.join(known)})"
            found.append(Caution("same-host-facts", text, both, (a.record, b.record)))
    return found


def of_row(hub: Measurement, voices: Chorus, joined: Mapping[str, datetime]) -> list[Caution]:
    """`joined`: when each operator entered the registry. What is inside is looked at: only that raises a tier."""
    return [*_no_other_device(hub, voices), *_burst(voices, joined), *_none_verified(voices)]


_TOLD = {"os_family": "its system", "runtime_series": "the runtime's version", "generation": "the device's generation"}


def _no_other_device(hub: Measurement, voices: Chorus) -> Iterator[Caution]:
    """Systems and versions are what an operator writes, and one machine can run several."""
    independent = [voice for voice in voices.inside if voice.ring is Ring.INDEPENDENT]
    axes = {axis for voice in independent for axis in voice.hardware.differs_in(hub.hardware)}
    if axes and "device" not in axes:
        told = " and ".join(_TOLD[axis] for axis in sorted(axes))
        text = f"no independent reproduction ran on another device: they differ from the hub in {told} alone"
        yield Caution("no-other-device", text, records=tuple(voice.record.id for voice in independent))


def _none_verified(voices: Chorus) -> Iterator[Caution]:
    """Without an editor who has seen a machine, all that a row rests on is what its operators say."""
    inside = [voice.record for voice in voices.inside]
    if inside and not any(record.source in _SEEN for record in inside):
        count = len({record.operator for record in inside})
        whom = "the operator who reproduces it" if count == 1 else f"any of the {count} operators who reproduce it"
        yield Caution("none-verified", f"no editor has seen the machine of {whom}")


def _burst(voices: Chorus, joined: Mapping[str, datetime]) -> Iterator[Caution]:
    times = {}
    for voice in voices.inside:
        if voice.record.operator in joined:
            times[voice.record.operator] = joined[voice.record.operator]
    operators = tuple(sorted(times))
    if len(operators) < LEAST_IN_BURST or len(operators) < len(voices.people(Mark.INSIDE)):
        return
    span = max(times.values()) - min(times.values())
    if span <= BURST:
        days = max(1, -(-span // timedelta(days=1)))
        text = f"all {len(operators)} operators who reproduce it joined within {days} day{'s' if days > 1 else ''}"
        yield Caution("joined-together", text, operators)
