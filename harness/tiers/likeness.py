"""Does a record hold another's samples, and do its own look like a clock's and a machine's? Flags with their numbers for an
editor, never a verdict.

Copies are sought in what is nobody's: per record the relative gaps less the group's median by token, less the record's own
medians by token and by trial, less a smooth curve along each trial. What honest runs share (KV growth, graph sizes, warm-up,
heat) is gone by then. A copy with noise of k residual deviations correlates by 1/√(1 + k²); honest records by chance alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from harness.tiers.gaps import (
    CLIP,
    LEAST_DISTINCT,
    LEAST_TOKENS,
    LEAST_TRIALS,
    Gaps,
    Values,
    autocorrelation,
    check,
    group_median,
    own_part,
    rank_digest,
    residuals,
    sound,
)

PER_PAIR = 3e-5  # chance that two honest records are flagged; a third of the 1e-4 that is promised
PER_GROUP = 0.05  # and that any pair of a group is
# Of that chance, to each way of looking.
_SHARES = {"aligned": 0.7, "mirrored": 0.1, "reordered": 0.1, "one trial": 0.1}
_LEAST_VALUES = 100  # distinct ones in a record, for its distribution
MOST_TRIALS = 256  # of a record that are compared: their number squared is looked at
MOST_VALUES = 1 << 16
_DEGREE = 6  # of the curve: first trials that settle alike are no copies
_BLOCKS = 16


@dataclass(frozen=True, slots=True)
class Likeness:
    """What a record has in common with `other`, a record's id: "same samples", "same order", "correlated" or "too similar"."""

    kind: str
    other: str
    evidence: dict[str, int]
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class Fingerprint:
    """What is compared of a record.

    `texture` has shape (trials, tokens), each row of length 1, no rows where there are too few trials; `echo` the
    autocorrelation of the rows at lags 1, 2, …; `spread` the share of each token in their squares; `ordered` all gaps,
    standardised by median and MAD, rising, or none where they take few values. `trials` are the digests of the trials that
    could not be equal for want of a finer clock.
    """

    exact: str
    ranks: str
    trials: frozenset[str]
    texture: Values
    echo: Values
    spread: Values
    ordered: Values


def compared(gaps: Gaps) -> Gaps:
    """The trials and tokens of a record that likeness looks at: all of a run's as suites make them, the first of more."""
    tokens = min(gaps.shape[1], MOST_VALUES >> 2)
    return gaps[: max(min(MOST_TRIALS, MOST_VALUES // max(tokens, 1)), LEAST_TRIALS), :tokens]


def exact_digest(gaps: Gaps) -> str:
    """The sha256 of the gaps, trial after trial, as little-endian 64-bit integers."""
    return sha256(np.ascontiguousarray(gaps, dtype="<i8").tobytes()).hexdigest()


def fingerprint(gaps: Gaps, group_median: Values) -> Fingerprint:
    """The fingerprint of a record in its group. Raises `RecordInvalid` for gaps without two axes or below zero."""
    check(gaps)
    texture = _texture(residuals(gaps, group_median))
    flat = np.sort(gaps.ravel())
    scale = 1.4826 * float(np.median(np.abs(flat - np.median(flat))))
    tellable = scale > 0 and np.count_nonzero(np.diff(flat)) >= _LEAST_VALUES
    return Fingerprint(
        exact=exact_digest(gaps),
        ranks=rank_digest(gaps),
        trials=frozenset(exact_digest(row) for row in gaps if np.unique(row).size >= LEAST_DISTINCT),
        texture=texture,
        echo=autocorrelation(texture),
        spread=(texture**2).sum(axis=0) / max(len(texture), 1),
        ordered=(flat - np.median(flat)) / scale if tellable else np.zeros(0),
    )


def compare_with(identity: str, gaps: Gaps, others: Mapping[str, Gaps], pairs: int) -> list[Likeness]:
    """What the record shares with each other of its configuration, the strongest kind of each, by their ids.

    `pairs`: how many pairs are looked at in all, so that a group is falsely flagged once in twenty at most. Records with
    another number of tokens are of another configuration and left out. Raises `RecordInvalid` for gaps as `fingerprint` does.
    """
    check(gaps)
    group = {name: one for name, one in others.items() if name != identity and sound(one) and len(one.T) == len(gaps.T)}
    shared = group_median([gaps, *group.values()])
    own = fingerprint(gaps, shared)
    found = (between(name, own, fingerprint(group[name], shared), pairs) for name in sorted(group))
    return [likeness for likeness in found if likeness]


def between(name: str, own: Fingerprint, other: Fingerprint, pairs: int) -> Likeness | None:
    """The strongest likeness of `own` to `other`, the record called `name`; None where chance explains what they share."""
    level = min(PER_PAIR, PER_GROUP / max(pairs, 1))
    shared = len(own.trials & other.trials)
    if shared or (own.trials and own.exact == other.exact):
        text = f"{shared} of its trials hold the very gaps of {name[:12]}"
        return Likeness("same samples", name, {"trials": shared, "of": len(own.trials)}, text)
    if own.trials and own.ranks == other.ranks:
        text = f"its gaps rise and fall in the order of {name[:12]}'s, scaled or shifted"
        return Likeness("same order", name, {"trials": len(own.trials)}, text)
    return _correlated(name, own, other, level) or _too_similar(name, own, other, level)


def _correlated(name: str, own: Fingerprint, other: Fingerprint, level: float) -> Likeness | None:
    """Trials in the same places, mirrored, in another order, or a single one: by z, against a limit for each way of looking."""
    rows, columns = len(own.texture), len(other.texture)
    fewest = min(rows, columns)
    if fewest == 0 or own.texture.shape[1] != other.texture.shape[1]:
        return None
    tokens = own.texture.shape[1] - _DEGREE - 1  # degrees of freedom of a trial
    cosines = own.texture @ other.texture.T
    # What widens the chance correlation of two series: autocorrelation of both (Bartlett 1935), and noise of both on the same
    # tokens, as where tokens come in chunks.
    echo, spread = 1 + 2 * float(own.echo @ other.echo), own.texture.shape[1] * float(own.spread @ other.spread)
    single = math.sqrt(tokens / (max(echo, 1.0) * max(spread, 1.0)))
    # Rows less their median by token repel each other by 1/(trials − 1), which makes the sum of the cosines vary more.
    sum_ = single / math.sqrt(fewest * (1 + (fewest - 1) / ((rows - 1) * (columns - 1))))
    placed = float(np.trace(cosines[:fewest, :fewest]))
    arrangements = math.lgamma(max(rows, columns) + 1) - math.lgamma(max(rows, columns) - fewest + 1)
    tries = {"reordered": arrangements, "one trial": math.log(rows * columns)}  # logarithms
    limits = {way: _limit(math.log(level * share) - tries.get(way, 0.0)) for way, share in _SHARES.items()}
    best, top = _greedy_sum(cosines), float(cosines.max())
    looks = (
        ("aligned", placed / fewest, placed * sum_, fewest),
        ("mirrored", placed / fewest, -placed * sum_, fewest),
        ("reordered", best / fewest, best * sum_, fewest),
        ("one trial", top, top * single, 1),
    )
    for way, r, z, trials in looks:
        if z > limits[way]:
            evidence = {"r_ppm": round(r * 1e6), "z_milli": round(z * 1e3), "limit_milli": round(limits[way] * 1e3)}
            text = f"its residuals follow {name[:12]}'s: r = {r:.3f}, z = {z:.1f} against {limits[way]:.1f} ({way})"
            return Likeness("correlated", name, evidence | {"trials": trials}, text)
    return None


def _too_similar(name: str, own: Fingerprint, other: Fingerprint, level: float) -> Likeness | None:
    """A Kolmogorov-Smirnov distance that two independent samples would not keep: the same values in another order."""
    a, b = own.ordered, other.ordered
    if not a.size or not b.size:
        return None
    limit = _small_distance(level) / math.sqrt(a.size * b.size / (a.size + b.size))
    if _distance(a, b, a[:: max(a.size // 32, 1)]) > limit:  # seldom more is needed to see that two are apart
        return None
    distance = _distance(a, b, np.concatenate((a, b)))
    if distance > limit:
        return None
    text = f"its gaps are spread as {name[:12]}'s to within {distance:.4f}; independent ones keep above {limit:.4f}"
    return Likeness("too similar", name, {"distance_ppm": round(distance * 1e6), "limit_ppm": round(limit * 1e6)}, text)


def _scale(own: Values) -> Values:
    """The robust deviation of each trial, shape (trials, 1), never 0: where a coarse clock makes most residuals 0, their mean."""
    scale = 1.4826 * np.median(np.abs(own), axis=1, keepdims=True)
    mean = np.abs(own).mean(axis=1, keepdims=True)
    return np.where(scale > 0, scale, np.where(mean > 0, mean, 1.0))


def _texture(residual: Values) -> Values:
    """The rows of a fingerprint."""
    trials, tokens = residual.shape
    if trials < LEAST_TRIALS or tokens < LEAST_TOKENS:
        return np.zeros((0, tokens))
    own = own_part(residual)
    smooth, places, fit = _curve(tokens)
    own = own - (np.median(own[:, places], axis=2) @ fit) @ smooth.T  # medians of blocks are deaf to spikes
    clipped = np.clip(own / _scale(own), -CLIP, CLIP)
    rest = clipped - (clipped @ smooth) @ smooth.T
    length = np.linalg.norm(rest, axis=1, keepdims=True)
    return np.asarray(rest / np.where(length > 0, length, 1.0), dtype=np.float64)


@lru_cache(maxsize=64)
def _curve(tokens: int) -> tuple[Values, NDArray[np.intp], Values]:
    """Orthonormal polynomials, shape (tokens, degree + 1); the tokens of each block; and what takes blocks to coefficients."""
    smooth = np.linalg.qr(np.vander(np.linspace(-1, 1, tokens), _DEGREE + 1))[0]
    width = -(-tokens // _BLOCKS)
    starts = np.linspace(0, tokens - width, _BLOCKS).round().astype(np.intp)
    places = starts[:, np.newaxis] + np.arange(width)
    return smooth, places, np.linalg.pinv(smooth[places].mean(axis=1)).T


@lru_cache(maxsize=4096)
def _limit(log_p: float) -> float:
    """The z that a normal value exceeds with this probability; far out by the bound P(Z > z) ≤ exp(−z²/2)."""
    return -NormalDist().inv_cdf(math.exp(log_p)) if log_p > -600 else math.sqrt(-2 * log_p)


def _distance(a: Values, b: Values, places: Values) -> float:
    shares = [np.searchsorted(one, places, "right") / one.size for one in (a, b)]
    return float(np.abs(shares[0] - shares[1]).max())


@lru_cache(maxsize=256)
def _small_distance(level: float) -> float:
    """The x with K(x) = level²: Kolmogorov's distribution, √(2π)/x · exp(−π²/(8x²)) for small x. The square makes up for
    standardised samples, which lie closer together than K says: for them x keeps its exponent and gains powers of 1/x.
    """
    x = 0.25
    for _ in range(50):
        x = math.pi / math.sqrt(8 * (0.5 * math.log(2 * math.pi) - math.log(x) - 2 * math.log(level)))
    return x


def _greedy_sum(values: Values) -> float:
    """The sum of values that share neither row nor column, the largest first: never above the best arrangement's."""
    left, total = values.copy(), 0.0
    for _ in range(min(values.shape)):
        row, column = divmod(int(left.argmax()), left.shape[1])
        total += float(left[row, column])
        left[row, :] = left[:, column] = -np.inf
    return total
