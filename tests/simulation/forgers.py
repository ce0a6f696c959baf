"""Token gaps whose origin is known: honest records, copies of them, and inventions. Seeded; shape (trials, tokens), int64 ns.

The honest shape is what our own records show: noise of 0.3 to 5 % with correlated neighbours, one gap in a hundred far off,
trials on levels of their own, a first trial that settles, gaps that grow with the cache, steps at the graphs' sizes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

TRIALS, TOKENS = 10, 128


@dataclass(frozen=True)
class Configuration:
    """What the honest records of one configuration share; `shape` by token, about 1."""

    base_ns: float
    shape: np.ndarray
    settling: float  # of the first trial's first gap, relative


def configuration(rng, tokens=TOKENS):
    growth = rng.uniform(0, 0.10) * np.arange(tokens) / tokens
    steps = np.zeros(tokens)
    for place in rng.integers(0, tokens, 3):
        steps[place:] += rng.uniform(0, 0.03)
    bumps = (rng.random(tokens) < 0.03) * rng.uniform(0.05, 0.5)  # a block of the cache, a graph: in every run
    return Configuration(10 ** rng.uniform(6.3, 7.7), 1 + growth + steps + bumps, rng.uniform(0, 0.2))


def honest(rng, shared, trials=TRIALS):
    """One machine's record: level, noise, memory, disturbance and clock are its own."""
    tokens = shared.shape.size
    noise, memory = 10 ** rng.uniform(-2.5, -1.3), rng.uniform(0, 0.6)
    drawn = rng.normal(size=(trials, tokens + 50))
    for t in range(1, tokens + 50):
        drawn[:, t] = memory * drawn[:, t - 1] + np.sqrt(1 - memory**2) * drawn[:, t]
    spikes = (rng.random((trials, tokens)) < rng.uniform(0.005, 0.03)) * rng.exponential(20 * noise, (trials, tokens))
    levels = (
        rng.normal(0, noise * rng.uniform(0.3, 1.2), (trials, 1))
        + np.linspace(0, rng.uniform(-0.03, 0.03), trials)[:, None]
    )
    settling = np.zeros((trials, tokens))
    settling[0] = shared.settling * rng.uniform(0.5, 1.5) * np.exp(-np.arange(tokens) / 20)
    slope = rng.uniform(-0.02, 0.02) * np.arange(tokens) / tokens
    relative = shared.shape + slope + noise * drawn[:, 50:] + spikes + levels + settling
    gaps = shared.base_ns * rng.lognormal(0, 0.2) * np.maximum(relative, 0.2)
    return on_a_clock(gaps, rng.choice([1.0, 1.0, 10.0, 100.0, 125 / 3]))


def on_a_clock(gaps, tick_ns):
    """What a clock with that tick says of the gaps: stamps are whole ticks, in whole ns."""
    stamps = np.floor(np.floor(np.cumsum(gaps, axis=1) / tick_ns) * tick_ns)
    return np.diff(stamps, axis=1, prepend=0).astype(np.int64)


def group(rng, records, trials=TRIALS, tokens=TOKENS):
    shared = configuration(rng, tokens)
    return [honest(rng, shared, trials) for _ in range(records)]


def deviation(gaps):
    """The record's own noise, ns: 1.4826 · MAD of what its medians by trial and by token leave."""
    own = gaps - np.median(gaps, axis=1, keepdims=True)
    own = own - np.median(own, axis=0)
    return 1.4826 * np.median(np.abs(own))


# Copies: each takes (rng, gaps).


def jittered(rng, gaps, k):
    """Noise of k of the record's own deviations upon every gap."""
    return np.maximum(np.rint(gaps + rng.normal(0, k * deviation(gaps), gaps.shape)), 1).astype(np.int64)


def drowned(rng, gaps, k):
    """Noise of k plain deviations, which count the spikes that the robust one is deaf to."""
    own = gaps - np.median(gaps, axis=0)
    return np.maximum(np.rint(gaps + rng.normal(0, k * own.std(), gaps.shape)), 1).astype(np.int64)


def scaled(rng, gaps):
    return np.rint(gaps * rng.uniform(1.01, 1.5)).astype(np.int64)


def scaled_down(rng, gaps):
    return np.rint(gaps * rng.uniform(0.5, 0.99)).astype(np.int64)


def shifted(rng, gaps):
    return gaps + int(gaps.mean() * rng.uniform(0.02, 0.3))


def reordered(rng, gaps):
    return rng.permutation(gaps)


def shuffled(rng, gaps):
    """The same values, each in another place."""
    return rng.permutation(gaps.ravel()).reshape(gaps.shape)


def mirrored(rng, gaps):
    """Slow where the other was fast."""
    return np.maximum(2 * np.median(gaps, axis=0) - gaps, 1).astype(np.int64)


def disguised(rng, gaps):
    """Reordered, scaled, and with the noise of three deviations on top."""
    return jittered(rng, scaled(rng, reordered(rng, gaps)), 3)


def one_trial(rng, gaps):
    """An honest-looking record with one trial of another's in it, at half a deviation of noise."""
    made = group(rng, 1, *gaps.shape)[0]
    made = np.rint(made * (np.median(gaps) / np.median(made))).astype(np.int64)
    made[-1] = jittered(rng, gaps, 0.5)[0]
    return made


COPIES = {
    **{f"noise of {k} deviations": partial(jittered, k=k) for k in range(6)},
    "reordered, noise of 2": lambda rng, gaps: jittered(rng, reordered(rng, gaps), 2),
    "reordered, noise of 5": lambda rng, gaps: jittered(rng, reordered(rng, gaps), 5),
    **{f"noise of {k} plain deviations": partial(drowned, k=k) for k in (1, 2, 5)},
    "scaled up": scaled,
    "scaled down": scaled_down,
    "shifted": shifted,
    "trials reordered": reordered,
    "every gap in another place": shuffled,
    "mirrored": mirrored,
    "reordered, scaled, noise of 3": disguised,
    "one trial of ten, noise of 0.5": one_trial,
}  # fmt: skip

# Inventions: each takes (rng, level in ns), as somebody would make them up who knows the rate that he wants.


def _whole(values):
    return np.maximum(np.rint(values), 1).astype(np.int64)


def normal(rng, level, trials=TRIALS, tokens=TOKENS):
    return _whole(level * rng.normal(1, 0.01, (trials, tokens)))


def uniform(rng, level, trials=TRIALS, tokens=TOKENS):
    return _whole(level * rng.uniform(0.98, 1.02, (trials, tokens)))


def lognormal(rng, level, trials=TRIALS, tokens=TOKENS):
    return _whole(level * rng.lognormal(0, 0.05, (trials, tokens)))


def steady(rng, level, trials=TRIALS, tokens=TOKENS):
    return _whole(level + rng.normal(0, 20, (trials, tokens)))


def typed(rng, level, trials=TRIALS, tokens=TOKENS):
    """In hundredths of a millisecond."""
    return np.maximum(_whole(honest_like(rng, level, trials, tokens) / 10_000), 1) * 10_000


def favoured(rng, level, trials=TRIALS, tokens=TOKENS):
    """Two gaps in five end in 0 or 5."""
    made = honest_like(rng, level, trials, tokens)
    return np.where(rng.random(made.shape) < 0.25, made // 5 * 5, made)


def resampled(rng, level, trials=TRIALS, tokens=TOKENS):
    """Drawn again and again from the same two hundred values."""
    return rng.choice(honest_like(rng, level, trials, tokens).ravel()[:200], (trials, tokens))


def repeated(rng, level, trials=TRIALS, tokens=TOKENS):
    """One trial, on a slightly other level each time."""
    made = honest_like(rng, level, trials, tokens)[:1]
    return _whole(made * rng.normal(1, 0.01, (trials, 1)))


def wandering(rng, level, trials=TRIALS, tokens=TOKENS):
    """A smooth walk about each trial's level."""
    drawn = rng.normal(size=(trials, tokens))
    for t in range(1, tokens):
        drawn[:, t] = 0.8 * drawn[:, t - 1] + 0.6 * drawn[:, t]
    return _whole(level * (1 + 0.01 * drawn + rng.normal(0, 0.01, (trials, 1))))


def honest_like(rng, level, trials, tokens):
    made = group(rng, 1, trials, tokens)[0]
    return _whole(made * (level / np.median(made)) + rng.uniform(-50, 50, made.shape))  # no clock's lattice


INVENTIONS = {
    "normal": normal,
    "uniform": uniform,
    "lognormal": lognormal,
    "steady": steady,
    "typed": typed,
    "favoured digits": favoured,
    "resampled": resampled,
    "one trial repeated": repeated,
    "wandering": wandering,
}
