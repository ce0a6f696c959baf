"""The interval that we do not use, to show why: resamples processes, then the trials within each."""

from __future__ import annotations

import numpy as np


def hierarchical_bootstrap(values_by_process, *, seed, resamples=300, level=0.95):
    """The percentile interval (low, high) of the median over (process, trial)."""
    rng = np.random.default_rng(seed)
    medians = []
    for _ in range(resamples):
        chosen = rng.integers(0, len(values_by_process), len(values_by_process))
        drawn = [rng.choice(values_by_process[i], len(values_by_process[i])) for i in chosen]
        medians.append(np.median(np.concatenate(drawn)))
    return tuple(np.quantile(medians, [(1 - level) / 2, (1 + level) / 2]))
