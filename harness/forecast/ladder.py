"""The steps up to a task between which its rate is told, so that more tokens never take less time. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from harness.forecast.physics import BATCH
from harness.forecast.pooling import Floats
from harness.forecast.values import Kind, Task

# A prompt below a batch costs little more than reading the weights: wide steps tell its time well.
SHORT_PROMPTS = (1, 8, 64, BATCH)


@dataclass(frozen=True, slots=True)
class Ladder:
    """Steps of the depth and of the prompt; the last of each is the first that is no less than the task's."""

    task: Task
    depths: tuple[int, ...]
    prompts: tuple[int, ...]  # one where tokens are decoded: each costs its own time

    def tasks(self) -> list[Task]:
        """At each pair of steps, the depth running fastest."""
        return [replace(self.task, tokens=tokens, depth=depth) for tokens in self.prompts for depth in self.depths]

    def at_task(self, log_rates: Floats) -> Floats:
        """The ends of intervals at the task, (questions, ends); `log_rates`: (questions, tasks, ends), log tokens/s.

        A rate never rises with the depth, the time of a whole prompt never falls with its length.
        """
        questions, _, ends = log_rates.shape
        rates = log_rates.reshape(questions, len(self.prompts), len(self.depths), ends)
        falling = np.minimum.accumulate(rates, axis=2)
        of_depth = _between(math.log1p(self.task.depth), np.log1p(self.depths), falling)
        lengths = np.log(self.prompts)
        seconds = np.maximum.accumulate(lengths[:, None] - of_depth, axis=1)
        asked = math.log(self.task.tokens)
        found: Floats = asked - _between(asked, lengths, seconds)
        return found


def ladder(task: Task) -> Ladder:
    """Depths 0, then doubling from 512; prompts of `SHORT_PROMPTS`, then doubling."""
    depths = [0]
    while depths[-1] < task.depth:
        depths.append(2 * depths[-1] or 512)
    if task.kind is Kind.DECODE:
        return Ladder(task, tuple(depths), (task.tokens,))
    prompts = [1]
    while prompts[-1] < task.tokens:
        prompts.append(next((short for short in SHORT_PROMPTS if short > prompts[-1]), 2 * prompts[-1]))
    return Ladder(task, tuple(depths), tuple(prompts))


def _between(x: float, steps: Floats, values: Floats) -> Floats:
    """The values at x, on a line between the last two steps; `values` run along the steps by their last axis but one."""
    if len(steps) == 1:
        return np.asarray(values[..., 0, :])
    left, right = steps[-2], steps[-1]
    share = min(max((x - left) / (right - left), 0.0), 1.0)
    return np.asarray(values[..., -2, :] * (1 - share) + values[..., -1, :] * share)
