"""From measured points to forecasts: pooled efficiencies, and intervals calibrated for what was not seen of a question. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from harness.errors import BadInput
from harness.forecast import odd
from harness.forecast.conformal import Reach, reach
from harness.forecast.effects import EFFECTS, OF_MACHINE, features, features_of
from harness.forecast.ladder import Ladder, ladder
from harness.forecast.limits import Limits, limits
from harness.forecast.physics import most_per_s
from harness.forecast.pooling import AT_ONCE, Features, Floats, Pool, Spread, fit, groups_of, kernel
from harness.forecast.values import SAME, Forecast, Hardware, Interval, Kind, Point, Task, Work, figure
from harness.tiers.anchor import Anchor

BASIS = 5  # measurements that are named
LESS = 0.97  # of its width: what narrows it by less than a thirtieth is not worth saying
SEVERAL = "several records on this device; one alone hardly would"
USUAL = Work("any", "Q4_K", False, 4.9e9, 4.9e9, 8e9, 8e9, 131072.0, 131072.0)  # a 7B Q4
ROUNDS = 2  # of naming odd rows and fitting again


class Unseen(StrEnum):
    """What of a question was never measured with this family of kernels."""

    CONTEXT = "context or quantisation"  # this model on this device was
    PAIR = "pair"  # both were, and never together
    MODEL = "model"
    DEVICE = "device"
    BOTH = "device and model"


ANCHORS = {
    Unseen.CONTEXT: Anchor.NEARBY,
    Unseen.PAIR: Anchor.EXTRAPOLATED,
    Unseen.MODEL: Anchor.EXTRAPOLATED,
    Unseen.DEVICE: Anchor.EXTRAPOLATED,
    Unseen.BOTH: Anchor.ESTIMATED,
}


Question = tuple[Hardware, Work, Task]


@dataclass(frozen=True, slots=True)
class Learned:
    """Of one kind of rate. `odd`: place among `all_points` → measured over foretold, of those that were left out."""

    pool: Pool
    points: tuple[Point, ...]
    reach: Reach
    all_points: tuple[Point, ...]
    odd: Mapping[int, float]
    limits: Limits
    seen: Seen
    when: float  # of the newest, in years


@dataclass(frozen=True, slots=True)
class Forecaster:
    """Everything that forecasts are made of; made once, asked often."""

    learned: Mapping[Kind, Learned]

    def families(self) -> frozenset[str]:
        """Of kernels that something was measured of."""
        return frozenset(point.hardware.family for part in self.learned.values() for point in part.points)


def learn(points: Sequence[Point], spreads: Mapping[Kind, Spread]) -> Forecaster:
    """The forecaster of these points. Raises `BadInput` for a kind of rate of which there are none."""
    return Forecaster({kind: learned(kind, [p for p in points if p.task.kind is kind], spreads[kind]) for kind in Kind})


def learned(kind: Kind, points: Sequence[Point], spread: Spread) -> Learned:
    """Name the odd ones, fit the rest, and calibrate. Raises `BadInput` without points."""
    if not points:
        raise BadInput(f"no {kind} rate was measured", where="the evidence", fix="reinstall repro-harness")
    kept = list(range(len(points)))
    found: dict[int, float] = {}
    for _ in range(ROUNDS):
        pool = pool_of(kind, [points[i] for i in kept], spread)
        slow = odd.slow_points(pool, [points[i] for i in kept])
        if not slow:
            break
        found |= {kept[place]: ratio for place, ratio in slow.items()}
        kept = [place for number, place in enumerate(kept) if number not in slow]
    own = tuple(points[i] for i in kept)
    if slow:
        pool = pool_of(kind, own, spread)
    return Learned(
        pool,
        own,
        reach_of(pool, own),
        tuple(points),
        found,
        limits(own, points),
        seen(own),
        max(point.when for point in own),
    )


def pool_of(kind: Kind, points: Sequence[Point], spread: Spread) -> Pool:
    """The pooled efficiencies of these points."""
    return fit(EFFECTS[kind], spread, features_of(points), np.array([-math.log(p.tokens_per_s) for p in points]))


def keys_of(unseen: Unseen, points: Sequence[Point], pool: Pool) -> list[str]:
    """What is left out at once to learn how far forecasts are off that lack just this."""
    if unseen is Unseen.CONTEXT:
        return [str(key) for key in pool.features.keys["cell"]]
    if unseen is Unseen.PAIR:
        return [f"{p.hardware.name}|{p.work.model}" for p in points]
    return [p.work.model if unseen is Unseen.MODEL else p.hardware.name for p in points]


def reach_of(pool: Pool, points: Sequence[Point]) -> Reach:
    """The farthest that any situation asks for, by leaving out what it lacks; one for all, so that the deviation alone says who
    knows less: whoever lacks more has the wider interval.
    """
    # Nobody measured on the machine of who asks: what the points of one machine share tells nothing of it.
    across = pool.shared(OF_MACHINE)
    found = []
    for unseen in (Unseen.DEVICE, Unseen.MODEL, Unseen.PAIR, Unseen.CONTEXT):
        keys = keys_of(unseen, points, pool)
        residual, deviation = pool.elsewhere(groups_of(keys), across)
        found.append(reach(np.abs(residual / deviation), keys))
    return Reach(max(one.of_80 for one in found), max(one.of_95 for one in found))


@dataclass(frozen=True, slots=True)
class Seen:
    """What was measured: pairs of device and model with a family of kernels, devices with one, models."""

    pairs: frozenset[tuple[str, str, str]]
    devices: frozenset[tuple[str, str]]
    models: frozenset[str]
    sizes: Mapping[
        tuple[str, str, str, int], frozenset[float]
    ]  # of a pair and so many of the device: parameters of the model


def seen(points: Sequence[Point]) -> Seen:
    """Of these points."""
    sizes: dict[tuple[str, str, str, int], set[float]] = {}
    for p in points:
        sizes.setdefault((p.hardware.name, p.hardware.family, p.work.model, p.hardware.count), set()).add(
            p.work.parameters
        )
    return Seen(
        frozenset((p.hardware.name, p.hardware.family, p.work.model) for p in points),
        frozenset((p.hardware.name, p.hardware.family) for p in points),
        frozenset(p.work.model for p in points),
        {pair: frozenset(found) for pair, found in sizes.items()},
    )


def unseen(known: Seen, hardware: Hardware, work: Work) -> Unseen:
    """What was never measured of this: a device counts with the family of kernels that is asked for alone."""
    if (hardware.name, hardware.family, work.model) in known.pairs:
        return Unseen.CONTEXT
    if (hardware.name, hardware.family) in known.devices:
        return Unseen.PAIR if work.model in known.models else Unseen.MODEL
    return Unseen.DEVICE if work.model in known.models else Unseen.BOTH


def anchor(known: Seen, hardware: Hardware, work: Work) -> Anchor:
    """Its class: so many of a device that were never measured with this model are no measurement nearby, nor is another model
    that llama-bench calls the same (Mistral 7B and Llama 2 7B).
    """
    found = ANCHORS[unseen(known, hardware, work)]
    sizes = known.sizes.get((hardware.name, hardware.family, work.model, hardware.count), frozenset())
    near = any(abs(math.log(work.parameters / size)) < SAME for size in sizes)
    return Anchor.EXTRAPOLATED if found is Anchor.NEARBY and not near else found


def forecast(forecaster: Forecaster, hardware: Hardware, work: Work, task: Task) -> Forecast:
    """Tokens/s of the task. Raises `BadInput` for a family of kernels that nothing was measured of."""
    if hardware.family not in forecaster.families():
        known = ", ".join(sorted(forecaster.families()))
        raise BadInput(
            "nothing was measured with this backend", where=f"--backend {hardware.family}", fix=f"use one of {known}"
        )
    part = forecaster.learned[task.kind]
    hardware = part.limits.with_arithmetic(hardware)
    rate, wider = rate_of(part, (hardware, work, task))
    asked = features([(hardware, work, task)], [""], [part.when])
    _, deviation = part.pool.predict(asked)
    nearest = kernel(part.pool.effects, part.pool.spread, asked, part.pool.features)[0]
    order = np.argsort(-nearest, kind="stable")[:BASIS]
    return Forecast(
        task=task,
        rate=rate,
        anchor=anchor(part.seen, hardware, work),
        basis=tuple(part.points[i] for i in order),
        narrows=narrows(part, asked, float(deviation[0]), (hardware, work, task)),
        wider=wider,
    )


def rate_of(part: Learned, question: Question, when: float | None = None) -> tuple[Interval, tuple[str, ...]]:
    """Tokens/s of the task, and why it is wider than usual. `when`: of the build; default: as new as the newest measured.

    Raises `BadInput` for a question far outside of what was measured.
    """
    return rates_of(part, [question], when)[0]


def rates_of(
    part: Learned, questions: Sequence[Question], when: float | None = None
) -> list[tuple[Interval, tuple[str, ...]]]:
    """`rate_of` each, at once.

    More tokens before never make it faster, and a longer prompt never takes less time (`ladder`). Nothing exceeds what the
    device's memory and arithmetic allow. Of a part that is sold with two speeds of memory it may be either.
    """
    questions = [(part.limits.with_arithmetic(hardware), work, task) for hardware, work, task in questions]
    found = _rates(part, questions, when)
    slower = {
        place: one for place, (own, _, _) in enumerate(questions) if (one := own.with_slower_memory()) is not None
    }
    other = _rates(part, [(one, *questions[place][1:]) for place, one in slower.items()], when)
    for (place, one), (rate, _) in zip(slower.items(), other, strict=True):
        speeds = (hardware.bandwidth_bytes_per_s / 1e9 for hardware in (one, questions[place][0]))
        reason = f"parts of this name have memory of {' or of '.join(map(figure, speeds))} GB/s"
        found[place] = found[place][0].from_slower(rate), (reason, *found[place][1])
    return found


def _rates(part: Learned, questions: Sequence[Question], when: float | None) -> list[tuple[Interval, tuple[str, ...]]]:
    """Each at the bandwidth that it has."""
    outside = [part.limits.wider(*question) for question in questions]
    found: dict[int, tuple[Interval, tuple[str, ...]]] = {}
    alike: dict[Task, list[int]] = {}
    for place, (_, _, task) in enumerate(questions):
        alike.setdefault(task, []).append(place)
    for task, places in alike.items():
        steps = ladder(task)
        # As many questions at once as their matrices stay in the cache of a processor.
        some = max(AT_ONCE // len(steps.tasks()), 1)
        for chosen in (places[first : first + some] for first in range(0, len(places), some)):
            own = [questions[place][:2] for place in chosen]
            variance = np.array([outside[place][0] for place in chosen])
            ends = _ends(part, steps, own, variance, when or part.when)
            for place, log_rates in zip(chosen, ends.tolist(), strict=True):
                found[place] = Interval(*map(math.exp, log_rates)), outside[place][1]
    return [found[place] for place in range(len(questions))]


def _ends(
    part: Learned, steps: Ladder, asked: Sequence[tuple[Hardware, Work]], variance: Floats, when: float
) -> Floats:
    """log tokens/s of the task of `steps`: (asked, the middle and four ends). `variance`: what is added to that of each."""
    tasks = steps.tasks()
    added = variance[:, None, None] + np.array([part.limits.of_context(task) for task in tasks])[:, None]
    each = [(hardware, work, step) for hardware, work in asked for step in tasks]
    shape = len(asked), len(tasks), 1
    log_seconds, deviation = part.pool.predict(features(each, [""] * len(each), [when] * len(each)))
    bound = np.log([most_per_s(*one) for one in each]).reshape(shape)
    # The middle first: were ends cut alone, an interval far above what physics allows would shrink to nothing.
    middle = np.minimum(-log_seconds.reshape(shape), bound)
    is_new = [unseen(part.seen, *one) in (Unseen.DEVICE, Unseen.BOTH) for one in asked]
    reaches = (reach_elsewhere(part) if new else part.reach for new in is_new)
    far = np.array([[0.0, -r.of_80, r.of_80, -r.of_95, r.of_95] for r in reaches])[:, None]
    ends = middle + far * np.sqrt(deviation.reshape(shape) ** 2 + added)
    return steps.at_task(np.minimum(ends, bound))


def reach_elsewhere(part: Learned) -> Reach:
    """On a device that nobody measured: no less than the spreads ask for, which knew every device that is left out here."""
    of_80, of_95 = part.pool.spread.elsewhere
    return Reach(max(part.reach.of_80, of_80), max(part.reach.of_95, of_95))


def narrows(part: Learned, asked: Features, deviation: float, question: Question) -> str:
    """The one measurement, of those that anybody could make, after which the 95 % interval would be the narrowest, in words."""
    hardware, work, task = question
    elsewhere = replace(hardware, name="any", generation="any")
    offered = {
        "a record of this model on this device, at any quantisation": (hardware, replace(work, quantisation="any")),
        "a record of any 7B Q4 on this device": (hardware, USUAL),
        f"a record of this model on any device with {hardware.family}": (elsewhere, work),
    }
    new = [(h, w, Task(task.kind, task.tokens)) for h, w in offered.values()]
    others = features(new, [f"new {i}" for i in offered], [part.when] * len(new))
    left = np.sqrt(np.maximum(deviation**2 - _shared(part.pool, asked, others), 1e-6))
    after = dict(zip(offered, left.tolist(), strict=True))
    best = min(after, key=lambda words: after[words])
    return best if after[best] < LESS * deviation else SEVERAL


def _shared(pool: Pool, asked: Features, others: Features) -> Floats:
    """By how much one more measurement would lower the variance of what is asked for: covariance² / variance."""
    across, told = (kernel(pool.effects, pool.spread, one, pool.features) for one in (asked, others))
    held = pool.precision @ told.T
    covariance = kernel(pool.effects, pool.spread, asked, others)[0] - (across @ held)[0]
    own = np.diag(kernel(pool.effects, pool.spread, others, others)) - np.einsum("ij,ji->i", told, held)
    found: Floats = covariance**2 / (own + pool.spread.noise)
    return found
