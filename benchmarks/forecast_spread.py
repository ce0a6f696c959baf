"""Estimates the spreads of the effects by maximum marginal likelihood, as `configs/evidence/spreads.toml` ships them.

A search begins where nothing is known and ends when a step gains next to nothing, so that it tells of its points alone.
It steps as restricted likelihoods of mixed models are searched (average information; Gilmour, Thompson, Cullis 1995), damped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dpotrf, dpotri

from harness.forecast import odd
from harness.forecast.effects import EFFECTS, features_of
from harness.forecast.pooling import LAYERS, WIDE, Effect, Features, Floats, Pool, Spread, effect_kernel
from harness.forecast.values import Kind, Point

Places = NDArray[np.int64]
FREEDOM = 4.0  # of Student's t: far points have less weight
STEPS, ENOUGH = 60, 0.02  # of a round at most; a gain in log likelihood that ends it
NAMINGS = 2  # of odd points: each time others may be
NEGLIGIBLE = 1e-5  # a variance
BEGIN, BEGIN_NOISE = float(np.log(0.01)), float(np.log(0.002))  # of log variances
FARTHEST = 2.0  # that a step goes


class About(NamedTuple):
    """What is known beforehand of a logarithm: normal, within bounds."""

    centre: float
    deviation: float
    least: float
    most: float


VARIANCE = About(-5.0, 2.5, -14.0, 1.0)  # keeps effects that the data can't tell from running away
FIXED_SECONDS = About(float(np.log(1e-4)), 1.0, float(np.log(1e-7)), float(np.log(0.05)))


@dataclass(frozen=True, slots=True)
class Round:
    """What stays the same in a round: the kernels of some points, the weights of their noise."""

    log_seconds: Floats
    features: Features
    pairs: tuple[Places, Places]  # row and column of the lower triangle, as `kernels` has it
    kernels: Floats  # (effects, pairs)
    # Of each effect the number of each point's key, or a whole matrix of what changes along a number.
    codes: tuple[NDArray[np.generic], ...]
    layers: Floats  # (points, families): of what a family's fixed seconds are paid for
    scale: Floats


@dataclass(frozen=True, slots=True)
class State:
    """The search at one place."""

    loss: float
    seconds: Floats
    residual: Floats
    precision: Floats
    told: Floats  # precision × residual


class Search:
    """Of all points of a kind of rate; asked for some of them often."""

    def __init__(self, kind: Kind, points: Sequence[Point], effects: Sequence[Effect] = ()) -> None:
        self.kind, self.points, self.effects = kind, list(points), tuple(effects) or EFFECTS[kind]
        self.features = features_of(points)
        self.log_seconds = -np.log([point.tokens_per_s for point in points])
        self.families = sorted(set(self.features.keys["family"].tolist())) if kind is Kind.DECODE else []
        of_family = self.features.keys["family"][:, None] == np.array(self.families, dtype=np.str_)[None, :]
        self.layers = of_family * self.features.numbers["layers"][:, None] / LAYERS
        self.kernels = np.stack([effect_kernel(effect, self.features, self.features) for effect in self.effects])
        self.codes = [
            kernel
            if effect.feature or not effect.key
            else np.unique(self.features.keys[effect.key], return_inverse=True)[1]
            for effect, kernel in zip(self.effects, self.kernels, strict=True)
        ]
        about = [VARIANCE] * (len(self.effects) + 1) + [FIXED_SECONDS] * len(self.families)
        self.centre, self.deviation, self.least, self.most = np.array(about).T
        self.begin = self.centre.copy()
        self.begin[: len(self.effects)], self.begin[len(self.effects)] = BEGIN, BEGIN_NOISE

    def estimate(self, places: Places) -> Spread:
        """The most likely spread of these points, then of those that are left once odd ones are named, and again."""
        x, kept = self.climb(self.round_of(places, np.ones(len(places))), self.begin), places
        for _ in range(NAMINGS):
            before = kept
            kept, scale = self._kept(places, x)
            x = self.climb(self.round_of(kept, scale), x)
            if np.array_equal(kept, before):
                break
        return self.spread(x)

    def _kept(self, places: Places, x: Floats) -> tuple[Places, Floats]:
        """Those that are not odd by these numbers, and by how much more each one's noise varies."""
        pool = self._pool(places, x)
        for _ in range(NAMINGS):
            slow = odd.slow_points(pool, [self.points[i] for i in places])
            if not slow:
                break
            places = np.delete(places, sorted(slow))
            pool = self._pool(places, x)
        return places, pool.scale

    def weights(self, places: Places, x: Floats) -> Floats:
        """By how much more the noise of each of these points varies."""
        return self._pool(places, x).scale

    def spread(self, x: Floats) -> Spread:
        """The numbers of the search by their names."""
        variances, noise, fixed = self._split(x)
        effects = {e.name: float(v) if v > NEGLIGIBLE else 0.0 for e, v in zip(self.effects, variances, strict=True)}
        return Spread(effects, noise, dict(zip(self.families, fixed.tolist(), strict=True)))

    def _split(self, x: Floats) -> tuple[Floats, float, Floats]:
        effects = len(self.effects)
        return np.exp(x[:effects]), float(np.exp(x[effects])), np.exp(x[effects + 1 :])

    def round_of(self, places: Places, scale: Floats) -> Round:
        """Of these points, with so much more noise each."""
        pairs = np.tril_indices(len(places))
        flat = places[pairs[0]] * len(self.points) + places[pairs[1]]
        return Round(
            log_seconds=self.log_seconds[places],
            features=self.features.rows(places),
            pairs=pairs,
            kernels=self.kernels.reshape(len(self.effects), -1)[:, flat],
            codes=tuple(one[np.ix_(places, places)] if one.ndim > 1 else one[places] for one in self.codes),
            layers=self.layers[places],
            scale=scale,
        )

    def state(self, this: Round, x: Floats) -> State | None:
        """None where the covariance is no longer positive."""
        variances, noise, fixed = self._split(x)
        count = len(this.log_seconds)
        covariance = np.zeros((count, count))  # the lower triangle alone counts
        covariance[this.pairs] = WIDE + variances @ this.kernels
        covariance[np.diag_indices(count)] += noise * this.scale
        factor, failed = dpotrf(covariance, lower=1)
        if failed:
            return None
        determinant = 2 * np.log(np.diag(factor)).sum()
        precision = np.tril(dpotri(factor, lower=1)[0])
        precision += np.tril(precision, -1).T
        seconds = this.features.ideal + this.layers @ fixed
        residual = this.log_seconds - np.log(seconds)
        told = precision @ residual
        away = (x - self.centre) / self.deviation
        loss = float(0.5 * (residual @ told + determinant + away @ away))
        return State(loss, seconds, residual, precision, told)

    def slope(self, this: Round, x: Floats, at: State) -> tuple[Floats, Floats]:
        """Of the loss, and what stands for its curvature."""
        variances, noise, fixed = self._split(x)
        effects, own_noise = len(variances), noise * this.scale
        lower = at.precision[this.pairs] * (2.0 - (this.pairs[0] == this.pairs[1]))
        trace = np.zeros(len(x))
        trace[:effects], trace[effects] = variances * (this.kernels @ lower), own_noise @ np.diag(at.precision)
        moved = np.zeros((len(x), len(at.told)))  # derivative of the covariance × told
        for i, codes in enumerate(this.codes):
            moved[i] = variances[i] * (codes @ at.told if codes.ndim > 1 else np.bincount(codes, at.told)[codes])
        moved[effects] = own_noise * at.told
        priced = (this.layers * fixed / at.seconds[:, None]).T
        slope = 0.5 * (trace - moved @ at.told) + (x - self.centre) / self.deviation**2
        curve = 0.5 * moved @ at.precision @ moved.T + np.diag(1 / self.deviation**2)
        slope[effects + 1 :] -= priced @ at.told
        curve[effects + 1 :, effects + 1 :] += priced @ at.precision @ priced.T
        return slope, curve

    def climb(self, this: Round, x: Floats) -> Floats:
        """To where a step gains next to nothing."""
        at = self.state(this, x)
        if at is None:
            raise ArithmeticError("the covariance where the search begins is not positive")
        slope, curve = self.slope(this, x, at)
        damped = 0.1
        for _ in range(STEPS):
            step = -np.linalg.solve(curve + damped * np.diag(np.diag(curve)), slope)
            there = np.clip(x + np.clip(step, -FARTHEST, FARTHEST), self.least, self.most)
            new = self.state(this, there)
            if new is None or new.loss >= at.loss:
                if damped > 1e3:
                    break
                damped *= 6
                continue
            gain, x, at, damped = at.loss - new.loss, there, new, damped / 4
            if gain < ENOUGH:
                break
            slope, curve = self.slope(this, x, at)
        return x

    def _pool(self, places: Places, x: Floats) -> Pool:
        """Of these points, far ones with less weight."""
        noise, scale = self._split(x)[1], np.ones(len(places))
        this = self.round_of(places, scale)
        for _ in range(2):
            at = self.state(replace(this, scale=scale), x)
            if at is None:
                raise ArithmeticError("the covariance where the search ended is not positive")
            last, left = scale, noise * scale * at.told
            scale = np.maximum((FREEDOM + left**2 / noise) / (FREEDOM + 1), FREEDOM / (FREEDOM + 1))
        return Pool(self.effects, self.spread(x), this.features, at.residual, at.precision, last)
