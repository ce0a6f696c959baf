"""Truth checks of a run (`docs/metrics.md` names them): pure functions from trials and facts to verdicts with evidence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from harness.measure.counters import Account
from harness.measure.estimate import LEAST_PROCESSES
from harness.measure.pace import is_stream, pace_of
from harness.measure.plural import count
from harness.measure.student import t_quantile
from harness.measure.trial import Mode, Purpose, Trial

REPEAT_LIMIT = 0.90  # a repeated prompt's TTFT below this share of a distinct one's means that something was cached
COUNTER_LIMIT = 0.01  # our stamps against the engine's own account
COARSE_LIMIT = 0.10  # an account that may lack more than this share of itself shows nothing
STREAM_LIMIT = 0.05  # the same at the client of a server: between the two lie a network and two ways to count
STEP_SLACK = 0.98  # TTFT against the fastest step: two clocks' reads and a lucky step


class Code(StrEnum):
    """Every truth check, by its name in records; `harness.verify.checks.CHECKS` says what each asks."""

    COUNTING = "counting"
    PREFILL_COMPLETE = "prefill_complete"
    CACHE_HONESTY = "cache_honesty"
    DETERMINISM = "determinism"
    PHYSICS_DECODE = "physics_decode"
    PHYSICS_PREFILL = "physics_prefill"
    PHYSICS_TTFT = "physics_ttft"
    ENGINE_COUNTERS = "engine_counters"
    ARITHMETIC = "arithmetic"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """`status` is pass, fail or unknown; `evidence` holds integers with the unit in the name."""

    code: str
    status: str
    text: str
    evidence: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ceiling:
    """An upper bound with where it comes from; `value` None when unknown, and `source` then says why."""

    value: int | None
    source: str


def counting(trials: Sequence[Trial]) -> CheckResult:
    """Exactly the asked tokens, each from the vocabulary, in every trial."""
    wrong = [t for t in trials if t.invalid_reason.startswith(("token-count", "stamp-count", "not-in-vocabulary"))]
    made = sum(len(t.output_ids) for t in trials)
    if wrong:
        return CheckResult(
            Code.COUNTING, "fail", f"{count(len(wrong), 'trial')}: {wrong[0].invalid_reason}", {"trials": len(wrong)}
        )
    return CheckResult(
        Code.COUNTING, "pass", f"{count(len(trials), 'trial')} made exactly the tokens asked for", {"tokens": made}
    )


def prefill_complete(trials: Sequence[Trial]) -> CheckResult:
    """The engine computed every prompt token in every trial: no cache served any."""
    known = [t for t in trials if t.prompt_tokens > 0 and Account.PREFILL_TOKENS in t.engine]
    if not known:
        return CheckResult(
            Code.PREFILL_COMPLETE, "unknown", "the engine does not count the prompt tokens that it computed"
        )
    short = [t for t in known if t.engine[Account.PREFILL_TOKENS] != t.prompt_tokens and t.prompt_tokens > 1]
    if short:
        first = short[0]
        text = f"{first.workload}: the engine computed {first.engine['prefill_tokens']} of {first.prompt_tokens} tokens"
        return CheckResult(Code.PREFILL_COMPLETE, "fail", text, {"trials": len(short)})
    text = f"the engine computed every prompt token in {count(len(known), 'trial')}"
    return CheckResult(Code.PREFILL_COMPLETE, "pass", text, {"trials": len(known)})


def cache_honesty(trials: Sequence[Trial]) -> CheckResult:
    """A repeated prompt is not more than 10 % faster than a new one: ratio of TTFT per process, 95 % bound of the mean log."""
    ratios = []
    for process in sorted({t.process for t in trials}):
        own = [t for t in trials if t.process == process and t.valid]
        for fresh in (t for t in own if t.purpose is Purpose.DISTINCT):
            repeats = [t for t in own if t.workload == fresh.workload and t.purpose is Purpose.TIMED]
            if repeats:
                ratios.append(float(np.median([t.token_ns[0] for t in repeats]) / fresh.token_ns[0]))
    if not ratios:
        return CheckResult(Code.CACHE_HONESTY, "unknown", "no distinct prompt was run beside repeated ones")
    logs = np.log(ratios)
    ratio, upper = float(np.exp(logs.mean())), None
    if len(ratios) >= LEAST_PROCESSES:
        error = float(logs.std(ddof=1)) / math.sqrt(len(ratios))
        upper = float(np.exp(logs.mean() + t_quantile(0.95, len(ratios) - 1) * error))
    text = f"a repeated prompt took {ratio:.3f} of a distinct one's TTFT (limit {REPEAT_LIMIT}, {count(len(ratios), 'pair')})"
    evidence = {"ratio_ppm": round(ratio * 1e6), "pairs": len(ratios)}
    if upper is not None:
        evidence["upper_ppm"] = round(upper * 1e6)
    if ratio >= REPEAT_LIMIT:
        return CheckResult(Code.CACHE_HONESTY, "pass", text, evidence)
    # A busy moment can slow the one distinct trial of a process: only what noise can't explain is a failure.
    if upper is not None and upper < REPEAT_LIMIT:
        return CheckResult(Code.CACHE_HONESTY, "fail", text, evidence)
    return CheckResult(Code.CACHE_HONESTY, "unknown", f"{text}; too noisy or too few to tell", evidence)


def decode_physics(
    rate: float | None, bytes_per_token: int | None, bandwidth: Ceiling, tokens_a_pass: float = 1.0
) -> CheckResult:
    """Decode rate ≤ memory bandwidth / bytes read for a token. `rate` in tokens/s.

    With declared drafts a pass over the weights gives `tokens_a_pass` on average, which share one reading.
    """
    if rate is None or not bytes_per_token or bandwidth.value is None:
        why = bandwidth.source if bandwidth.value is None else "no decode rate or no bytes per token"
        return CheckResult(Code.PHYSICS_DECODE, "unknown", why)
    share = rate * bytes_per_token / bandwidth.value / tokens_a_pass
    # Reading at the measured rate exactly is legal; the measurement itself may be a few per cent low.
    status = "pass" if share <= 1.05 else "fail"
    text = f"reads {share:.0%} of {bandwidth.value / 1e9:.1f} GB/s ({bandwidth.source})"
    if tokens_a_pass != 1.0:
        text += f", with {tokens_a_pass:.2f} tokens a pass by the drafts that are declared"
    return CheckResult(Code.PHYSICS_DECODE, status, text, {"bandwidth_use_ppm": round(share * 1e6)})


def prefill_physics(rate: float | None, operations_per_token: int | None, peak: Ceiling) -> CheckResult:
    """Prefill rate ≤ peak arithmetic / operations for a token. `rate` in tokens/s."""
    if rate is None or not operations_per_token or peak.value is None:
        why = peak.source if peak.value is None else "no prefill rate or no operation count"
        return CheckResult(Code.PHYSICS_PREFILL, "unknown", why)
    share = rate * operations_per_token / peak.value
    text = f"computes {share:.1%} of {peak.value / 1e12:.2f} Top/s ({peak.source})"
    status = "pass" if share <= 1 else "fail"
    return CheckResult(Code.PHYSICS_PREFILL, status, text, {"arithmetic_use_ppm": round(share * 1e6)})


def ttft_physics(trials: Sequence[Trial]) -> CheckResult:
    """TTFT ≥ one step: a prefill reads the weights at least once, as a decode step does.

    Where the engine hides its steps, the shortest interval between two tokens stands for one. A pass with a draft is no step:
    it holds the draft's own work and several tokens of the model's.
    """
    greedy = [t for t in trials if t.mode is Mode.GREEDY and t.valid and t.prompt_tokens > 0 and t.output_tokens > 1]
    if not greedy:
        return CheckResult(Code.PHYSICS_TTFT, "unknown", "no greedy trial made more than one token")
    greedy = [t for t in greedy if Account.ACCEPTED_TOKENS not in t.engine]
    if not greedy:
        return CheckResult(Code.PHYSICS_TTFT, "unknown", "its passes hold drafts: no single step is seen")
    steps = [step for trial in greedy if (step := _fastest_step(trial)) is not None]
    if not steps:
        return CheckResult(Code.PHYSICS_TTFT, "unknown", "the tokens came together: no step is seen")
    step = min(steps)
    ttft = min(int(t.token_ns[0]) for t in greedy)
    status = "pass" if ttft >= STEP_SLACK * step else "fail"
    text = f"the fastest TTFT is {ttft / 1e6:.2f} ms, the fastest step {step / 1e6:.2f} ms"
    return CheckResult(Code.PHYSICS_TTFT, status, text, {"ttft_ns": ttft, "step_ns": step})


def _fastest_step(trial: Trial) -> int | None:
    """The shortest step that was seen, ns; None of a stream whose tokens came together."""
    if trial.step_ns.size > 1:
        return int(trial.step_ns[1:].min())
    if not is_stream(trial.engine):
        return int(np.diff(trial.token_ns).min())
    itl = pace_of(trial.token_ns, trial.engine).itl
    return None if itl is None or not itl.size else int(itl.min())


def engine_counters(trials: Sequence[Trial]) -> CheckResult:
    """Our times against the engine's own, over all valid timed trials: within 1 %, at the client of a server 5 %.

    Step times where the runtime exposes them; else the span from the first output token to the last. An account that cuts each
    step to whole ticks is an interval: from what it tells to what it may lack besides.
    """
    known = [t for t in trials if t.valid and t.purpose is Purpose.TIMED and Account.DECODE_NS in t.engine]
    if any(is_stream(trial.engine) for trial in known):
        return _server_account(known)
    ours = engine = cut = 0
    for trial in known:
        if trial.step_ns.size:
            ours += int(trial.step_ns.sum())
            engine += trial.engine[Account.PREFILL_NS] + trial.engine[Account.DECODE_NS]
        elif trial.output_tokens > 1:
            ours += int(trial.token_ns[-1] - trial.token_ns[0])
            engine += trial.engine[Account.DECODE_NS]
            cut += trial.engine.get(Account.DECODE_CUT_NS, 0)
    if not ours:
        return CheckResult(Code.ENGINE_COUNTERS, "unknown", "the engine keeps no times of its own")
    if cut:
        return _cut_account(ours, engine, cut, len(known))
    return _agree(ours, engine, (ours - engine) / engine if engine else 1.0, COUNTER_LIMIT, len(known))


def _cut_account(ours: int, engine: int, cut: int, trials: int) -> CheckResult:
    """Against an account that lacks an unknown part of each step, `cut` ns at most in all."""
    told = {"ours_ns": ours, "engine_ns": engine, "cut_ns": cut}
    if cut > COARSE_LIMIT * engine:
        text = (
            f"the engine cuts its steps to whole ticks: {cut / 1e6:.0f} ms may be missing of its {engine / 1e6:.0f} ms"
        )
        return CheckResult(Code.ENGINE_COUNTERS, "unknown", text, told)
    gap = min(ours / engine - 1, 0.0) or max(ours / (engine + cut) - 1, 0.0)
    status = "pass" if abs(gap) <= COUNTER_LIMIT else "fail"
    text = f"our times add up to {ours / engine:.4f} of the engine's own account over {count(trials, 'trial')}"
    text += f", which lacks up to {cut / engine * 100:.1f} %: its steps are cut to whole ticks"
    return CheckResult(Code.ENGINE_COUNTERS, status, text, {"gap_ppm": round(gap * 1e6), **told})


def _server_account(known: Sequence[Trial]) -> CheckResult:
    """The time of all decode tokens at the stream's pace, against the server's, whose time may be of n tokens or of n - 1."""
    ours = engine = least = 0
    for trial in known:
        pace = pace_of(trial.token_ns, trial.engine)
        if pace.steps:
            ours += round(pace.span_ns / pace.steps * (trial.output_tokens - 1))
            engine += trial.engine[Account.DECODE_NS]
            least += trial.engine[Account.DECODE_NS] * (trial.output_tokens - 1) // trial.output_tokens
    if not ours or not least:
        return CheckResult(Code.ENGINE_COUNTERS, "unknown", "no stream with a pace, or no time of the server's own")
    gap = ours / engine - 1 if ours > engine else min(ours / least - 1, 0.0)
    return _agree(ours, engine, gap, STREAM_LIMIT, len(known))


def _agree(ours: int, engine: int, gap: float, limit: float, trials: int) -> CheckResult:
    status = "pass" if abs(gap) <= limit else "fail"
    text = f"our times add up to {1 + gap:.4f} of the engine's own account over {count(trials, 'trial')}"
    return CheckResult(
        Code.ENGINE_COUNTERS, status, text, {"gap_ppm": round(gap * 1e6), "ours_ns": ours, "engine_ns": engine}
    )


def determinism(trials: Sequence[Trial]) -> CheckResult:
    """Greedy ids, or a server's texts, agree between all trials of a workload; the distinct prompts are their own."""
    outputs: dict[tuple[str, bool], set[tuple[int, ...]]] = {}  # by workload, and whether they are ids
    for trial in trials:
        if trial.mode is not Mode.GREEDY or not trial.valid or trial.purpose is Purpose.DISTINCT:
            continue
        made, text = tuple(trial.output_ids), trial.engine.get(Account.TEXT_DIGEST)
        if made or text is not None:
            outputs.setdefault((trial.workload, bool(made)), set()).add(made or (text or 0,))
    if not outputs:
        return CheckResult(Code.DETERMINISM, "unknown", "no greedy output to compare")
    what = "output" if any(ids for _, ids in outputs) else "text"
    several = sorted({name for (name, _), different in outputs.items() if len(different) > 1})
    if several:
        said = f"greedy {what} differs between trials of {', '.join(several)}"
        return CheckResult(Code.DETERMINISM, "fail", said, {"workloads": len(several)})
    workloads = len({name for name, _ in outputs})
    said = f"greedy {what} is the same in all trials of {count(workloads, 'workload')}"
    return CheckResult(Code.DETERMINISM, "pass", said, {"workloads": workloads})
