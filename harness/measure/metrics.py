"""The metrics of a trial, from its stamps alone. Never looks at a clock, never mixes two trials.

With t1 … tn the stamps of `Trial.token_ns` (nanoseconds from the trial's start t0 = 0), and n output tokens:

- with prompt tokens, the first output token is the prefill's: TTFT = t1, and the n − 1 intervals t(k+1) − t(k) are decode;
- without (llama-bench's tg), all n tokens are decode steps from the trial's start: the intervals are t(k) − t(k−1) from
  k = 1, and there is no TTFT;
- without output tokens (llama-bench's pp), the single stamp is the end of the prefill: TTFT, prefill rate and E2E only.

So the mean of the ITL is the TPOT, and the decode rate its inverse, in either shape. Tokens that came with the first are no
decode steps, and of a stream only what `harness.measure.pace` reads is one. What a trial cannot tell is None.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from harness.errors import RecordInvalid
from harness.measure.counters import Account, Counter
from harness.measure.order import median
from harness.measure.pace import Pace, is_stream, pace_of
from harness.measure.trial import Trial

__all__ = [
    "METRICS",
    "Block",
    "Metric",
    "MetricFacts",
    "TrialMetrics",
    "measure_block",
    "measure_trial",
    "measure_trials",
    "stack",
]

Values = NDArray[np.float64]


class Metric(StrEnum):
    """What can be measured of one trial."""

    DECODE_RATE = "decode_rate"
    PREFILL_RATE = "prefill_rate"
    TTFT = "ttft"
    ITL = "itl"
    TPOT = "tpot"
    STEP_TIME = "step_time"
    E2E = "e2e"
    THROUGHPUT = "throughput"


@dataclass(frozen=True, slots=True)
class MetricFacts:
    """What a reader has to know of a metric. `per_token`: many values a trial, otherwise one."""

    metric: Metric
    unit: str
    higher_is_better: bool
    per_token: bool
    meaning: str
    headline: bool = False


METRICS: Mapping[Metric, MetricFacts] = MappingProxyType(
    {
        facts.metric: facts
        for facts in (
            MetricFacts(
                Metric.DECODE_RATE,
                "tokens/s",
                True,
                False,
                "tokens that came after t1 / time from t1 to tn",
                headline=True,
            ),
            MetricFacts(Metric.PREFILL_RATE, "tokens/s", True, False, "prompt tokens / TTFT"),
            MetricFacts(Metric.TTFT, "ns", False, False, "time from the start to the first output token"),
            MetricFacts(Metric.ITL, "ns", False, True, "time between successive output tokens"),
            MetricFacts(Metric.TPOT, "ns", False, False, "mean time per output token after the first"),
            MetricFacts(Metric.STEP_TIME, "ns", False, True, "time inside the runtime's decode step, without sampling"),
            MetricFacts(Metric.E2E, "ns", False, False, "time from the start to the last output token"),
            MetricFacts(
                Metric.THROUGHPUT, "tokens/s", True, False, "output tokens of all requests of a batch / its length"
            ),
        )
    }
)


@dataclass(frozen=True, slots=True)
class TrialMetrics:
    """The metrics of one trial; times in ns, rates in tokens/s, `itl` and `step_time` of shape (k,). None: undefined."""

    ttft: float | None
    prefill_rate: float | None
    itl: Values | None
    tpot: float | None
    decode_rate: float | None
    step_time: Values | None
    e2e: float | None
    throughput: float | None = None  # of the batch that the request was part of
    joined: int = 0  # tokens that came with the first

    def scalar(self, metric: Metric) -> float | None:
        """One number for the trial: the metric itself, or the median of a per-token metric.

        None, too, where most tokens came together: a median says nothing of their pace.
        """
        if metric is Metric.ITL and self.itl is not None and self.joined > self.itl.size:
            return None
        value: float | Values | None = getattr(self, metric.value)
        return (median(value) or None) if isinstance(value, np.ndarray) else value


@dataclass(frozen=True, slots=True)
class Block:
    """Trials of one shape, stacked: `token_ns` (r, n) and `step_ns` (r, m) int64, `prompt_tokens` (r,) int64.

    `rows` are the positions of the trials in the sequence that was stacked.
    """

    rows: tuple[int, ...]
    token_ns: NDArray[np.int64]
    step_ns: NDArray[np.int64]
    prompt_tokens: NDArray[np.int64]
    has_output: bool
    batches: tuple[
        tuple[int, int], ...
    ] = ()  # concurrency and length (ns) of each row's batch; (0, 0) where there is none
    engines: tuple[Mapping[str, int], ...] = ()  # each row's engine's own account

    @property
    def has_prompt(self) -> bool:
        """Whether a prefill came first; the same for all trials of a block."""
        return bool(self.prompt_tokens[0] > 0)


def stack(trials: Sequence[Trial]) -> tuple[Block, ...]:
    """`trials` grouped by shape and checked. Raises `RecordInvalid` for stamps of a wrong size, type or order."""
    shapes: dict[tuple[int, int, bool], list[int]] = {}
    for row, trial in enumerate(trials):
        _check_sizes(trial)
        key = (trial.output_tokens, trial.step_ns.size, trial.prompt_tokens > 0)
        shapes.setdefault(key, []).append(row)
    return tuple(_block([trials[row] for row in rows], tuple(rows)) for rows in shapes.values())


def measure_trial(trial: Trial) -> TrialMetrics:
    """All metrics of one trial. Raises `RecordInvalid` for stamps of a wrong size, type or order."""
    return measure_block(stack([trial])[0])[0]


def measure_trials(trials: Sequence[Trial]) -> list[TrialMetrics]:
    """All metrics of each trial, in their order. Raises as `measure_trial`."""
    measured = {i: one for block in stack(trials) for i, one in zip(block.rows, measure_block(block), strict=True)}
    return [measured[i] for i in range(len(trials))]


def measure_block(block: Block) -> tuple[TrialMetrics, ...]:
    """All metrics of each trial of a block, in the order of `block.rows`."""
    shared = block.has_output and block.has_prompt and _together(block)
    paces = [pace_of(row, block.engines[i]) for i, row in enumerate(block.token_ns)] if shared else _paces(block)
    steps = block.step_ns.astype(np.float64) if block.step_ns.size else None
    return tuple(
        TrialMetrics(
            ttft=float(block.token_ns[i, 0]) if block.has_prompt else None,
            prefill_rate=_prefill_rate(block, i) if block.has_prompt and pace.first == 1 else None,
            itl=pace.itl,
            tpot=pace.span_ns / pace.steps or None if pace.steps else None,
            decode_rate=_rate(pace.steps, pace.span_ns) if pace.steps else None,
            step_time=None if steps is None or not pace.steps else steps[i, steps.shape[1] - pace.steps :],
            e2e=float(block.token_ns[i, -1]),
            throughput=_throughput(block, i, block.token_ns.shape[1]),
            joined=max(pace.first - 1, 0),
        )
        for i, pace in enumerate(paces)
    )


def _prefill_rate(block: Block, row: int) -> float | None:
    """None where a chat template put tokens of its own before and after ours: the first token had to wait for them, too.

    Nor is there one where several tokens came at the first moment, or may have: that is then not the end of the prefill.
    """
    if block.engines and Account.TEMPLATE_TOKENS in block.engines[row]:
        return None
    return _rate(int(block.prompt_tokens[row]), block.token_ns[row, 0])


def _together(block: Block) -> bool:
    """Whether a trial of the block came as a stream, or brought a token along with its first."""
    tied = block.token_ns.shape[1] > 1 and bool((block.token_ns[:, 1] == block.token_ns[:, 0]).any())
    return tied or any(map(is_stream, block.engines))


def _paces(block: Block) -> list[Pace]:
    """Of trials in which each token came alone, all at once."""
    tokens = block.token_ns.astype(np.float64)
    if block.has_output and not block.has_prompt:
        itl, span = np.diff(tokens, axis=1, prepend=0.0), tokens[:, -1]
    elif block.has_output and tokens.shape[1] > 1:
        itl, span = np.diff(tokens, axis=1), tokens[:, -1] - tokens[:, 0]
    else:
        return [Pace(1, 0, 0.0, None)] * len(block.rows)
    return [Pace(1, itl.shape[1], float(span[i]), itl[i]) for i in range(len(block.rows))]


def _throughput(block: Block, row: int, tokens: int) -> float | None:
    concurrency, length = block.batches[row] if block.batches else (0, 0)
    return concurrency * tokens * 1e9 / length if length > 0 else None


def _rate(count: int, elapsed_ns: float) -> float | None:
    """Events a second; None where the clock saw no time pass."""
    return count * 1e9 / float(elapsed_ns) if elapsed_ns > 0 else None


def _check_sizes(trial: Trial) -> None:
    if trial.prompt_tokens < 0 or trial.output_tokens < 0 or trial.prompt_tokens + trial.output_tokens == 0:
        raise _invalid(
            trial, f"{trial.prompt_tokens} prompt and {trial.output_tokens} output tokens: at least one must be above 0"
        )
    expected = max(trial.output_tokens, 1)
    if trial.token_ns.shape != (expected,):
        raise _invalid(trial, f"token_ns has shape {trial.token_ns.shape}, expected ({expected},)")
    # A prefill may take several steps; the decode steps are the last ones.
    if trial.step_ns.ndim != 1 or 0 < trial.step_ns.size < expected:
        raise _invalid(trial, f"step_ns has shape {trial.step_ns.shape}, expected at least {expected} steps or none")
    if trial.token_ns.dtype.kind not in "iu" or (trial.step_ns.size and trial.step_ns.dtype.kind not in "iu"):
        raise _invalid(trial, f"stamps are {trial.token_ns.dtype}, expected integer nanoseconds")


def _block(trials: Sequence[Trial], rows: tuple[int, ...]) -> Block:
    token_ns = np.stack([trial.token_ns for trial in trials]).astype(np.int64, copy=False)
    step_ns = np.stack([trial.step_ns for trial in trials]).astype(np.int64, copy=False)
    wrong = (token_ns[:, 0] <= 0) | (np.diff(token_ns, axis=1) < 0).any(axis=1)
    if wrong.any():
        raise _invalid(trials[int(np.argmax(wrong))], "stamps start at or before the trial's start, or go backwards")
    if (step_ns < 0).any():
        raise _invalid(trials[int(np.argmax((step_ns < 0).any(axis=1)))], "a step of negative length")
    prompts = np.array([trial.prompt_tokens for trial in trials], dtype=np.int64)
    batches = tuple((t.counters.get(Counter.CONCURRENCY, 0), t.counters.get(Counter.BATCH_NS, 0)) for t in trials)
    engines = tuple(t.engine for t in trials)
    return Block(rows, token_ns, step_ns, prompts, trials[0].output_tokens > 0, batches, engines)


def _invalid(trial: Trial, what: str) -> RecordInvalid:
    where = f"process {trial.process}, trial {trial.order} of {trial.workload}"
    return RecordInvalid(what, where=where, fix="the samples are damaged; measure again")
