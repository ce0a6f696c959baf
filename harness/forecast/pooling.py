"""Partial pooling of efficiencies: a sum of random effects, each drawn towards 0 by how much its like differ. Pure, numpy alone.

log(time / physical time) of a point = sum over the effects of its family, generation, device, quantisation, model, … + noise.
Each effect is normal with a variance of its own (`Spread`), so that what was measured often speaks for itself and what was
measured once is drawn towards its like; the posterior is exact linear algebra (a Gaussian process whose kernel is a sum of
indicators). Noise is a scale mixture (Student's t): an odd row loses weight instead of moving the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Keys = NDArray[np.str_]
LAYERS = 32  # that the fixed cost of a family is for: each layer starts its kernels anew
AT_ONCE = 1024  # questions: their matrices stay in the cache of the processor
OF_POINT = "cell"  # the key that differs from point to point of one question
WIDE = 1.0  # variance of the common level: nothing is known of it beforehand


@dataclass(frozen=True, slots=True)
class Effect:
    """Points with one key share it; with a `feature` it changes smoothly along it, or in proportion to it (`length` 0)."""

    name: str
    key: str = ""  # of Features.keys; "" is one key for all
    feature: str = ""
    length: float = 0.0


class Coded(NamedTuple):
    """The number of each text of a key, and the number of each point."""

    numbers: Mapping[str, int]
    of_points: NDArray[np.int32]


def _coded(texts: Sequence[str]) -> Coded:
    numbers = {text: number for number, text in enumerate(dict.fromkeys(texts))}
    return Coded(numbers, np.array([numbers[text] for text in texts], dtype=np.int32))


@dataclass(frozen=True, slots=True)
class Features:
    """Of n points: for each name a key of each, or a number of each.

    `questions`: points of one number, 0 to the last in the order of their first, have all keys in common but `OF_POINT`.
    """

    keys: Mapping[str, Keys]
    numbers: Mapping[str, Floats]
    ideal: Floats  # seconds of a token by physics alone
    questions: NDArray[np.int64] | None = None
    _coded: dict[str, Coded] = field(default_factory=dict, init=False, repr=False, compare=False)

    def coded(self, name: str) -> Coded:
        """Numbers that stand for the texts of a key, made once: no text is sorted, or compared twice."""
        found = self._coded.get(name)
        if found is None:
            found = self._coded[name] = _coded(self.keys[name].tolist())
        return found

    def code(self, name: str, texts: Sequence[str]) -> None:
        """Make the numbers of a key from the text of each question."""
        numbers, of_questions = _coded(texts)
        self._coded[name] = Coded(numbers, of_questions[self.questions])

    def rows(self, chosen: slice | NDArray[np.int64]) -> Features:
        """Of these points alone."""
        return Features(
            {name: keys[chosen] for name, keys in self.keys.items()},
            {name: numbers[chosen] for name, numbers in self.numbers.items()},
            self.ideal[chosen],
        )


@dataclass(frozen=True, slots=True)
class Spread:
    """The variances of the effects and of the noise, and the fixed seconds of a token through 32 layers by family.

    `elsewhere`: deviations that an interval of 80 and of 95 % reaches at least on a device that nobody measured.
    """

    effects: Mapping[str, float]
    noise: float
    fixed: Mapping[str, float]
    elsewhere: tuple[float, float] = (0.0, 0.0)


def effect_kernel(effect: Effect, a: Features, b: Features) -> Floats:
    """Shape (points of a, points of b), at a variance of 1."""
    weights = np.zeros((len(a.ideal), len(b.ideal)))
    _share(weights, 1.0, effect, a, b)
    return weights * _along(effect, a, b) if effect.feature else weights


def kernel(effects: Sequence[Effect], spread: Spread, a: Features, b: Features) -> Floats:
    """The covariance of the points of `a` and `b` without noise."""
    known = [effect for effect in effects if spread.effects[effect.name] > 0 and _meets(effect, a, b)]
    total = _weights([effect for effect in known if not effect.feature], spread, a, b, WIDE)
    smooth: dict[tuple[str, float], list[Effect]] = {}
    for effect in known:
        if effect.feature:
            smooth.setdefault((effect.feature, effect.length), []).append(effect)
    for some in smooth.values():  # what goes along one number with one length is computed once for all of them
        weights = _weights(some, spread, a, b, 0.0)
        weights *= _along(some[0], a, b)
        total += weights
    return total


def _along(effect: Effect, a: Features, b: Features) -> Floats:
    """How much of it points share by their numbers."""
    x, y = a.numbers[effect.feature], b.numbers[effect.feature][None, :]
    if not effect.length:
        return np.asarray(x[:, None] * y)
    few, place = np.unique(x, return_inverse=True)  # of many steps of one model, say, the bits are the same
    found: Floats = np.exp(-0.5 * ((few[:, None] - y) / effect.length) ** 2)[place]
    return found


def _weights(effects: Sequence[Effect], spread: Spread, a: Features, b: Features, level: float) -> Floats:
    """The variances of what points share by their keys, on top of `level`: computed once of points whose keys are equal, as those
    of the steps of one question are, which differ in their numbers alone.
    """
    first, place = _distinct(a, [effect.key for effect in effects if effect.key])
    found = np.full((len(first), len(b.ideal)), level)
    distinct = a.rows(first)
    for effect in effects:
        _share(found, spread.effects[effect.name], effect, distinct, b)
    shared: Floats = found[place]
    return shared


def _share(total: Floats, variance: float, effect: Effect, a: Features, b: Features) -> None:
    """The variance, on top of `total`, where a point of `a` has the effect's key of one of `b`."""
    where = _equal(effect.key, a, b) if effect.key else True
    np.add(total, variance, out=total, where=where)


def _equal(name: str, a: Features, b: Features) -> NDArray[np.bool_]:
    """The key of each of `a` with that of each of `b`."""
    asked, known = a.coded(name), b.coded(name)
    of_asked = np.array([known.numbers.get(text, -1) for text in asked.numbers], dtype=np.int32)
    return np.asarray(of_asked[asked.of_points][:, None] == known.of_points[None, :])


def _meets(effect: Effect, a: Features, b: Features) -> bool:
    """Whether any point of `a` shares a key with one of `b`: else the effect adds nothing."""
    return not effect.key or not a.coded(effect.key).numbers.keys().isdisjoint(b.coded(effect.key).numbers)


def _distinct(features: Features, names: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The first row of each combination of these keys, and for each row which of the combinations it has."""
    rows, of_rows = np.arange(len(features.ideal)), np.arange(len(features.ideal))
    if features.questions is not None and OF_POINT not in names:
        rows, of_rows = np.unique(features.questions, return_index=True)[1], features.questions
    found: dict[tuple[int, ...], int] = {}
    first: list[int] = []
    place = np.zeros(len(rows), dtype=np.int64)
    columns = [features.coded(name).of_points[rows].tolist() for name in names] or [[0] * len(rows)]
    for number, keys in enumerate(zip(*columns, strict=True)):
        place[number] = found.setdefault(keys, len(found))
        if len(found) > len(first):
            first.append(rows[number])
    return np.array(first, dtype=np.int64), place[of_rows]


def physical_seconds(spread: Spread, features: Features) -> Floats:
    """Of a token at an efficiency of 1, the fixed cost of its family for so many layers added."""
    families, place = features.coded("family")
    fixed = np.array([spread.fixed.get(family, 0.0) for family in families], dtype=np.float64)
    seconds: Floats = features.ideal + fixed[place] * features.numbers["layers"] / LAYERS
    return seconds


@dataclass(frozen=True, slots=True)
class Pool:
    """The fitted effects. `precision` is the inverse of the covariance, `weights` are those of the points' noise."""

    effects: tuple[Effect, ...]
    spread: Spread
    features: Features
    residual: Floats
    precision: Floats
    scale: Floats  # of each point's noise variance; 1: usual

    def predict(self, features: Features) -> tuple[Floats, Floats]:
        """log seconds of a token, and the standard deviation of a measurement of it."""
        if len(features.ideal) > AT_ONCE:
            starts = range(0, len(features.ideal), AT_ONCE)
            parts = [self.predict(features.rows(slice(start, start + AT_ONCE))) for start in starts]
            return np.concatenate([mean for mean, _ in parts]), np.concatenate([deviation for _, deviation in parts])
        across = kernel(self.effects, self.spread, features, self.features)
        mean = across @ (self.precision @ self.residual)
        known = np.einsum("ij,ij->i", across @ self.precision, across)
        variance = self._level(features) - known + self.spread.noise
        return mean + np.log(physical_seconds(self.spread, features)), np.sqrt(np.maximum(variance, 1e-6))

    def _level(self, features: Features) -> Floats:
        """The variance of each without noise, before anything was measured."""
        found = np.full(len(features.ideal), WIDE)
        for effect in self.effects:
            found += self.spread.effects[effect.name] * _own(effect, features)
        return found

    def shared(self, own: frozenset[str]) -> Floats:
        """The covariance of each point with each other, had each been measured on a machine with `own` effects."""
        effects = tuple(effect for effect in self.effects if effect.name not in own)
        return kernel(effects, self.spread, self.features, self.features)

    def elsewhere(self, groups: Sequence[NDArray[np.int64]], across: Floats) -> tuple[Floats, Floats]:
        """`without`, and told of a machine that nobody measured on. `across`: `shared`, of the effects of a machine.

        Exact: of the others R the precision is P_RR - P_RB P_BB⁻¹ P_BR, for a block B of the precision P.
        """
        level = self._level(self.features) + self.spread.noise
        told = self.precision @ self.residual
        residual, deviation = (np.full(len(told), np.nan) for _ in range(2))
        for group in groups:
            block = np.linalg.inv(self.precision[np.ix_(group, group)])
            others = across[group].copy()
            others[:, group] = 0.0
            through = others @ self.precision[:, group]
            weighed = others @ self.precision
            weighed[:, group] = 0.0
            residual[group] = self.residual[group] - (others @ told - through @ (block @ told[group]))
            known = np.einsum("ij,ij->i", weighed, others) - np.einsum("ij,jk,ik->i", through, block, through)
            deviation[group] = np.sqrt(np.maximum(level[group] - known, 1e-6))
        return residual, deviation

    def without(self, groups: Sequence[NDArray[np.int64]]) -> tuple[Floats, Floats]:
        """Residual (measured less foretold, of log seconds) and deviation of each point, had its whole group not been seen.

        Exact: for a block B of the precision P, residual = P_BB⁻¹ (P y)_B and its covariance is P_BB⁻¹. A point in no group: nan.
        """
        told = self.precision @ self.residual
        residual, deviation = (np.full(len(told), np.nan) for _ in range(2))
        for group in groups:
            block = np.linalg.inv(self.precision[np.ix_(group, group)])
            residual[group] = block @ told[group]
            extra = self.spread.noise * (1 - self.scale[group])  # as an ordinary point would be measured
            deviation[group] = np.sqrt(np.maximum(np.diag(block) + extra, 1e-6))
        return residual, deviation


def _own(effect: Effect, features: Features) -> Floats:
    if effect.feature and not effect.length:
        return features.numbers[effect.feature] ** 2
    return np.ones(len(features.ideal))


def fit(
    effects: Sequence[Effect],
    spread: Spread,
    features: Features,
    log_seconds: Floats,
    *,
    freedom: float = 4.0,
    rounds: int = 2,
) -> Pool:
    """The pool of these points. Noise is Student's t with `freedom`: after each round a far point's noise is scaled up."""
    residual = log_seconds - np.log(physical_seconds(spread, features))
    covariance = kernel(effects, spread, features, features)
    scale = np.ones(len(residual))
    precision = _inverse(covariance, spread.noise * scale)
    for _ in range(rounds):
        told = precision @ residual
        # What is left of the point itself once the others are known, in standard deviations of the noise.
        noise = spread.noise * scale * told
        scale = (freedom + noise**2 / spread.noise) / (freedom + 1)
        scale = np.maximum(scale, freedom / (freedom + 1))
        precision = _inverse(covariance, spread.noise * scale)
    return Pool(tuple(effects), spread, features, residual, precision, scale)


def _inverse(covariance: Floats, noise: Floats) -> Floats:
    inverse = np.asarray(np.linalg.inv(covariance + np.diag(noise)), dtype=np.float64)
    found: Floats = (inverse + inverse.T) / 2
    return found


def groups_of(keys: Sequence[str]) -> list[NDArray[np.int64]]:
    """The places of each key, in the order of their first."""
    found: dict[str, list[int]] = {}
    for place, key in enumerate(keys):
        found.setdefault(key, []).append(place)
    return [np.array(places, dtype=np.int64) for places in found.values()]
