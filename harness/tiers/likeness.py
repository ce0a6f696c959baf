"""Does a record hold another's samples, and do its own look like a clock's and a machine's? Flags with their numbers for an
editor, never a verdict.

Copies are sought in what is nobody's: per record the relative gaps less the group's median by token, less the record's own
medians by token and by trial, less a smooth curve along each trial. What honest runs share (KV growth, graph sizes, warm-up,
heat) is gone by then. A copy with noise of k residual deviations correlates by 1/√(1 + k²); honest records by chance alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from harness.errors import RecordInvalid

__all__ = [
    "Fingerprint", "Gaps", "Likeness", "Oddity", "between", "clock_tick", "compare_with", "exact_digest", "fingerprint",
    "group_median", "oddities", "rank_digest", "residuals",
]  # fmt: skip

Gaps = NDArray[np.int64]  # shape (trials, tokens), ns
Values = NDArray[np.float64]

PER_PAIR = 3e-5  # chance that two honest records are flagged; a third of the 1e-4 that is promised
PER_GROUP = 0.05  # and that any pair of a group is
# Of that chance, to each way of looking.
_SHARES = {"aligned": 0.7, "mirrored": 0.1, "reordered": 0.1, "one trial": 0.1}
_LEAST_TRIALS = 3  # below, a record's median by token leaves nothing of it
_LEAST_TOKENS = 16
_LEAST_DISTINCT = 8  # values in a trial, for its digest
_LEAST_VALUES = 100  # distinct ones in a record, for its distribution
_DEGREE = 6  # of the curve: a first trial that still settles is no copy of another's
_BLOCKS = 16
_CLIP = 3.0  # robust deviations: spikes of two machines on one token must not look like a copy
_LAGS = 32
_RANK_LEVELS = 32
# Devices whose tick is no whole number of ns (HPET, ACPI, 19.2 and 24 MHz counters) or comes with rounding (CUDA events).
_TICKS_NS = (1024.0, 1000.0, 500.0, 1e9 / 3_579_545, 1e9 / 14_318_180, 1e9 / 19_200_000, 1e9 / 24_000_000, 32.0)
_DIGITS_LIMIT = 44.0  # χ² with 9 degrees of freedom: p = 1.4e-6
_MEMORY_LIMIT = 20.1  # χ² with 8 degrees of freedom: p = 0.01
_LEVELS_RATIO = 2.0  # of the trials' variance to that of independent draws
_TAIL = 5.0  # robust deviations; one in 1.7 million normal values lies beyond
_STEADY = 5e-5  # of the gap: 250 ns of 5 ms, below what devices' own events resolve
_COARSE_NS = 1000


@dataclass(frozen=True, slots=True)
class Likeness:
    """What a record has in common with `other`, a record's id: "same samples", "same order", "correlated" or "too similar"."""

    kind: str
    other: str
    evidence: dict[str, int]
    text: str


@dataclass(frozen=True, slots=True)
class Oddity:
    """Something in one record's samples that real runs seldom show."""

    code: str
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


def exact_digest(gaps: Gaps) -> str:
    """The sha256 of the gaps, trial after trial, as little-endian 64-bit integers."""
    return sha256(np.ascontiguousarray(gaps, dtype="<i8").tobytes()).hexdigest()


def rank_digest(gaps: Gaps) -> str:
    """The sha256 of the gaps' ranks in 32 levels: equal for a copy that was scaled up or shifted.

    Scaling down makes ties, which may move a rank over an edge: the correlation finds those copies.
    """
    flat = gaps.ravel()
    ranks = np.searchsorted(np.sort(flat), flat) * _RANK_LEVELS // max(flat.size, 1)
    return sha256(ranks.astype(np.uint8).tobytes()).hexdigest()


def group_median(group: Iterable[Gaps]) -> Values:
    """What the honest records of a configuration share, shape (tokens,), about 1: the median over the records of each one's
    median by token, relative to its own level. All must have the same number of tokens.
    """
    shapes = [np.median(gaps, axis=0) / _level(gaps) for gaps in group]
    shared = np.median(shapes, axis=0)
    return np.where(shared > 0, shared, 1.0)  # 0: tokens that came in one chunk


def residuals(gaps: Gaps, group_median: Values) -> Values:
    """The gaps relative to the group's median by token (shape (tokens,), positive, any unit) and to their own level, less 1."""
    relative = gaps / group_median
    return np.asarray(relative / _level(relative) - 1, dtype=np.float64)


def fingerprint(gaps: Gaps, group_median: Values) -> Fingerprint:
    """The fingerprint of a record in its group. Raises `RecordInvalid` for gaps without two axes or below zero."""
    _check(gaps)
    texture = _texture(residuals(gaps, group_median))
    flat = np.sort(gaps.ravel())
    scale = 1.4826 * float(np.median(np.abs(flat - np.median(flat))))
    tellable = scale > 0 and np.count_nonzero(np.diff(flat)) >= _LEAST_VALUES
    return Fingerprint(
        exact=exact_digest(gaps),
        ranks=rank_digest(gaps),
        trials=frozenset(exact_digest(row) for row in gaps if np.unique(row).size >= _LEAST_DISTINCT),
        texture=texture,
        echo=_autocorrelation(texture),
        spread=(texture**2).sum(axis=0) / max(len(texture), 1),
        ordered=(flat - np.median(flat)) / scale if tellable else np.zeros(0),
    )


def compare_with(identity: str, gaps: Gaps, others: Mapping[str, Gaps], pairs: int) -> list[Likeness]:
    """What the record shares with each other of its configuration, the strongest kind of each, by their ids.

    `pairs`: how many pairs are looked at in all, so that a group is falsely flagged once in twenty at most. Records with
    another number of tokens are of another configuration and left out. Raises `RecordInvalid` for gaps as `fingerprint` does.
    """
    _check(gaps)
    group = {
        name: one for name, one in others.items() if name != identity and _sound(one) and len(one.T) == len(gaps.T)
    }
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


def oddities(gaps: Gaps) -> list[Oddity]:
    """What real runs seldom show. Raises `RecordInvalid` for gaps without two axes or below zero."""
    _check(gaps)
    if gaps.size < 50:
        return []
    tick = clock_tick(gaps)
    return [*_lattice(gaps, tick), *_repeated_trials(gaps), *_noise(gaps, tick)]


def clock_tick(gaps: Gaps) -> float:
    """The step of the clock behind the gaps, ns: what divides their differences, else the coarsest known tick whose phase they
    keep, else 1.
    """
    whole = int(np.gcd.reduce(gaps.ravel() - gaps.min()))
    if whole > 1:
        return float(whole)
    flat = gaps.ravel().astype(np.float64)
    for tick in _TICKS_NS:
        # Values that lie closer together than a tick keep its phase by themselves.
        if flat.std() > 2 * tick and abs(np.exp(2j * np.pi * flat / tick).mean()) > 0.8:
            return tick
    return 1.0


def _lattice(gaps: Gaps, tick: float) -> list[Oddity]:
    """Rounded numbers, favoured digits, values that return: in ticks, or every real timer would look made up."""
    found = []
    if not (gaps % _COARSE_NS).any():
        text = f"every gap is a multiple of {_COARSE_NS} ns: a clock as coarse as that, or rounded numbers"
        found.append(Oddity("coarse", {"tick_ns": round(tick)}, text))
    ticks = np.sort(np.rint(gaps.ravel() / tick).astype(np.int64))
    spread = int(np.subtract(*np.quantile(ticks, [0.75, 0.25])))
    if spread < 40:  # terminal digits of so few ticks follow the values themselves
        return found
    counts = np.bincount(ticks % 10, minlength=10)
    chi_square = float(((counts - ticks.size / 10) ** 2).sum() / (ticks.size / 10))
    if chi_square > _DIGITS_LIMIT:
        evidence = {"chi_square_milli": round(chi_square * 1e3), "most": int(counts.max()), "gaps": ticks.size}
        text = f"last digits are not spread evenly: χ² = {chi_square:.0f} with 9 degrees of freedom"
        found.append(Oddity("digits", evidence, text))
    _, times = np.unique(ticks, return_counts=True)
    ties = int((times * (times - 1)).sum()) // 2
    near = int((np.searchsorted(ticks, ticks + 20, "right") - np.arange(1, ticks.size + 1)).sum()) - ties
    expected = near / 40  # pairs 1 to 20 ticks apart tell how many should be none apart
    if ties > 10 + expected + 6 * math.sqrt(expected):
        text = f"{ties} pairs of gaps are equal where {expected:.0f} would be by chance"
        found.append(Oddity("repeats", {"pairs": ties, "expected": round(expected)}, text))
    return found


def _repeated_trials(gaps: Gaps) -> list[Oddity]:
    orders = [rank_digest(row) for row in gaps if np.unique(row).size >= _LEAST_DISTINCT]
    different = len(set(orders))
    if len(orders) == different:
        return []
    text = f"{len(orders)} trials rise and fall in only {different} orders"
    return [Oddity("repeated trials", {"trials": len(orders), "orders": different}, text)]


def _noise(gaps: Gaps, tick: float) -> list[Oddity]:
    """The floor, the memory and the tail of the noise; for records with enough trials to tell noise from shape."""
    trials, tokens = gaps.shape
    if trials < _LEAST_TRIALS or tokens < _LEAST_TOKENS:
        return []
    own = _own(residuals(gaps, group_median([gaps])))
    noise = 1.4826 * float(np.median(np.abs(own)))
    if tick > 1 and noise * _level(gaps) < 5 * tick:  # the clock's steps hide it
        return []
    if noise < _STEADY:
        text = f"its gaps scatter by {noise * 1e6:.1f} millionths: no machine is that steady"
        return [Oddity("steady", {"noise_ppb": round(noise * 1e9)}, text)]
    found = []
    medians = np.median(gaps, axis=1)
    levels = float(medians.var(ddof=1)) / float(np.median(medians)) ** 2
    ratio = levels / (math.pi / 2 * noise**2 / tokens)  # the variance of a median of independent normal values
    clipped = np.clip(own / noise, -_CLIP, _CLIP)
    memory = gaps.size * float((_autocorrelation(clipped)[:8] ** 2).sum())
    if trials >= 5 and ratio < _LEVELS_RATIO and memory < _MEMORY_LIMIT:
        evidence = {"levels_ratio_milli": round(ratio * 1e3), "memory_milli": round(memory * 1e3)}
        text = "its gaps are independent draws: trials keep one level, and neighbours know nothing of each other"
        found.append(Oddity("no memory", evidence, text))
    farthest = float(np.abs(own).max()) / noise
    if gaps.size >= 1000 and farthest < _TAIL:
        text = f"none of {gaps.size} gaps lies {_TAIL:.0f} deviations off: no machine goes undisturbed for so long"
        found.append(Oddity("no tail", {"farthest_milli": round(farthest * 1e3), "gaps": gaps.size}, text))
    return found


def _sound(gaps: Gaps) -> bool:
    return gaps.ndim == 2 and gaps.size > 0 and int(gaps.min()) >= 0


def _check(gaps: Gaps) -> None:
    if not _sound(gaps):
        raise RecordInvalid(f"gaps of shape {gaps.shape} are no trials", where="likeness", fix="give (trials, tokens)")


def _level(values: Values | Gaps) -> float:
    return float(np.median(values)) or float(values.mean()) or 1.0


def _own(residual: Values) -> Values:
    """The residuals less the record's medians by token and by trial."""
    own = residual - np.median(residual, axis=1, keepdims=True)
    own -= np.median(own, axis=0)
    return np.asarray(own - np.median(own, axis=1, keepdims=True), dtype=np.float64)


def _scale(own: Values) -> Values:
    """The robust deviation of each trial, shape (trials, 1), never 0: where a coarse clock makes most residuals 0, their mean."""
    scale = 1.4826 * np.median(np.abs(own), axis=1, keepdims=True)
    mean = np.abs(own).mean(axis=1, keepdims=True)
    return np.where(scale > 0, scale, np.where(mean > 0, mean, 1.0))


def _texture(residual: Values) -> Values:
    """The rows of a fingerprint."""
    trials, tokens = residual.shape
    if trials < _LEAST_TRIALS or tokens < _LEAST_TOKENS:
        return np.zeros((0, tokens))
    own = _own(residual)
    smooth, places, fit = _curve(tokens)
    own = own - (np.median(own[:, places], axis=2) @ fit) @ smooth.T  # medians of blocks are deaf to spikes
    clipped = np.clip(own / _scale(own), -_CLIP, _CLIP)
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


def _autocorrelation(texture: Values) -> Values:
    """At lags 1, 2, …, over all rows; zeros where there are none."""
    trials, tokens = texture.shape
    lags = min(_LAGS, tokens // 4)
    if trials == 0 or not texture.any():
        return np.zeros(lags)
    power = (np.abs(np.fft.rfft(texture, 2 * tokens, axis=1)) ** 2).sum(axis=0)
    products = np.fft.irfft(power)
    return np.asarray(products[1 : lags + 1] / products[0], dtype=np.float64)


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
