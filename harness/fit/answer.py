"""Does it fit: whole, up to which context, and if not, which layers stay in main memory. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from harness.fit.engine import Engine
from harness.fit.need import Need, Place
from harness.fit.room import Room

MOST = 1 << 25  # tokens; no model was trained for so many


class Verdict(StrEnum):
    """Of one need in one room."""

    FITS = "fits"
    FROM_FILE = "runs from the file"  # what is mapped does not fit whole: pages are read again from disk
    NO = "does not fit"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Answer:
    """`longest`: of the contexts up to the trained one the longest that fits as the layers lie now; 0: none; None: not known.

    `device_layers`: the most that fit on the device at this context, the output among them; None where there is no choice.
    """

    need: Need
    verdict: Verdict
    longest: int | None
    device_layers: int | None = None

    @property
    def spilled(self) -> range:
        """The layers that would stay in main memory, counted from 0."""
        if self.device_layers is None:
            return range(0)
        return range(min(self.need.layers + 1 - self.device_layers, self.need.layers))


def limit(room: Room, place: Place, share: float) -> int | None:
    """What the engine may take there."""
    free = room.free(place)
    if place is Place.DEVICE and free is not None and room.device_total is not None:
        return min(free, int(share * room.device_total))
    return free


def judge(need: Need, room: Room, engine: Engine) -> Verdict:
    """Of this need: NO only where it can't run; UNKNOWN where what is known fits, and something is not known."""
    if _too_large(need, engine):
        return Verdict.NO
    verdict = Verdict.FITS
    for place in Place:
        if not any(need.at(place)):
            continue
        free, total = limit(room, place, engine.share), need.total(place)
        if free is not None and need.must_lie(place) > free:
            return Verdict.NO
        if free is not None and need.resident(place) > free:
            verdict = Verdict.FROM_FILE if verdict is Verdict.FITS else verdict
        elif free is None or total is None:
            verdict = Verdict.UNKNOWN
    return verdict


def _too_large(need: Need, engine: Engine) -> bool:
    """Whether the context needs more of the cache than is set aside for it."""
    wanted = engine.cache(need.context)
    return engine.reserved is not None and wanted is not None and wanted > engine.reserved


def answer(engine: Engine, context: int, room: Room) -> Answer:
    """For this context, with all layers on the device or as many as were asked for."""
    layers = engine.asked_layers if engine.splits else None
    need = engine.need(context, layers)
    verdict = judge(need, room, engine)
    most = _most_layers(engine, context, room) if engine.splits else None
    return Answer(need, verdict, longest(engine, room, layers), most)


def longest(engine: Engine, room: Room, layers: int | None) -> int | None:
    """The longest context that fits, by steps, up to the trained one; None where it is not known whether one fits."""
    most = min(engine.context_trained or MOST, MOST)

    def fits(context: int) -> Verdict:
        return judge(engine.need(context, layers), room, engine)

    least = fits(engine.step)
    if least is Verdict.UNKNOWN:
        return None
    verdicts = (Verdict.FITS,) if least is Verdict.FITS else (Verdict.FITS, Verdict.FROM_FILE)
    if fits(most) in verdicts:
        return most
    low, high = 0, -(-most // engine.step)
    while high - low > 1:
        middle = (low + high) // 2
        if fits(middle * engine.step) in verdicts:
            low = middle
        else:
            high = middle
    return min(low * engine.step, most)


def _most_layers(engine: Engine, context: int, room: Room) -> int | None:
    """The most layers on the device, the output among them, so that what lies there fits."""
    free = limit(room, Place.DEVICE, engine.share)
    if free is None:
        return None
    for layers in range(engine.layers + 1, -1, -1):
        need = engine.need(context, layers)
        if need.total(Place.DEVICE) is None:
            return None
        if need.known(Place.DEVICE) <= free:
            return layers
    return 0
