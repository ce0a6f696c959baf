"""What a reader of a number should know: detectors over one workload's trials or the whole run, with evidence. Pure.

Nothing here removes a value. Each code, its meaning and what to do stand in `CODES`, which the docs print.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from harness.measure.counters import Account, Counter
from harness.measure.metrics import measure_trials
from harness.measure.order import median
from harness.measure.pace import is_stream, pace_of
from harness.measure.plural import count
from harness.measure.trend import bimodal_gap, mann_kendall_p, theil_sen_change, thirds_change
from harness.measure.trial import Purpose, Trial
from harness.measure.warmup import settled

__all__ = ["CODES", "Finding", "Severity", "workload_findings"]

Values = NDArray[np.float64]


class Severity(StrEnum):
    """How much a finding costs: nothing, trust, or the run."""

    NOTE = "note"
    WARNING = "warning"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found; `evidence` holds integers with the unit in the name."""

    code: str
    severity: Severity
    text: str
    workload: str = ""
    metric: str = ""
    evidence: Mapping[str, int] = field(default_factory=dict)


# code → (what it means, what to do)
CODES: Mapping[str, tuple[str, str]] = {
    "imprecise": (
        "the 95 % interval is wider than the target",
        "run again with a larger --budget on a quieter machine",
    ),
    "not_settled": (
        "the warm-up trials never agreed",
        "see whether something else runs; look at the per-trial samples",
    ),
    "drift": ("the trials trend up or down within their processes", "let the machine cool, check clocks and power"),
    "unsteady": ("the last third of the trials differs from the first", "as for drift"),
    "bimodal": ("the trials fall into two groups", "pin the threads to one kind of core; check clock states"),
    "autocorrelated": ("neighbouring trials resemble each other", "something slow is at work: heat, another job"),
    "unstable": ("the spread of the trials is 20 % or more", "run again on a quieter machine"),
    "outliers": ("some trials lie far from the rest; they are kept", "see the cause named with each, if one is known"),
    "throttled": (
        "the control group's quota, or heat, slowed the process",
        "raise the CPU quota, use fewer threads, or cool it",
    ),
    "page_faults": ("pages came from disk during timed trials", "free memory, or -o load_mode=mlock"),
    "background_load": (
        "other work ran beside the measurement",
        "stop the other work (`repro doctor` helps to find it), and measure again",
    ),
    "swap": ("the system swapped during the run", "free memory"),
    "invalid_trials": ("trials fell to a rule declared beforehand", "see the reason; above 20 % the run is invalid"),
    "process_failed": ("a worker died and was replaced", "see its reason; its finished trials are in the samples"),
    "clock_drift": ("a clock runs at a wrong rate", "check the time daemon and the clock source"),
    "clock_step": (
        "the wall clock was set during the run; stamps come from another one",
        "nothing, unless it is a warning",
    ),
    "slept": (
        "the machine slept during the run",
        "run again with sleep turned off: after it, caches and clocks start from cold",
    ),
    "split": (
        "processor and GPU shared the work, or the engine does not say: the hardware class says so, too",
        "for the GPU alone: a smaller model or context, or -o gpu_layers=-1",
    ),
    "clock_disagreement": (
        "the host's clock and the device's events differ by more than 1 % over a trial",
        "the host launches too slowly: close other work, or -o compile=reduce-overhead",
    ),
    "chunked": (
        "tokens of a stream came together; *invalid* where no pace can be read from it",
        "read TTFT and E2E; measure without a proxy, turn off stream intervals and speculation at the server",
    ),
    "templated": (
        "a server's chat template added tokens to the prompt: the TTFT is of all of them, and no prefill rate follows",
        "measure completions where the server has them: -o api=completions",
    ),
    "reasoned": (
        "the model reasoned before it answered: the first token and the first token of the answer are two things",
        "read both; turn reasoning off at the server for a rate of answers",
    ),
    "recompiled": ("the engine compiled again during timed trials", "more warm-up, or -o compile=off"),
    "instrument_overhead": (
        "stamping took more than 0.5 % of the decode time",
        "take a larger model: this one outruns us",
    ),
    "nondeterministic": (
        "greedy output differs between trials",
        "expected of some GPU kernels, and of a server that samples all the same; compare outputs",
    ),
    "software_device": (
        "a driver that shows itself as a GPU computed on the processor (llvmpipe)",
        "never compare it with a GPU; for the processor's own speed take --backend cpu",
    ),
    "other_gpus_busy": (
        "another GPU of the machine was at work when the run began",
        "end what computes there: GPUs of one machine share power, air and bus",
    ),
    "gpu_unused": ("auto took the CPU though a GPU is here", "install what the text names, or say --backend cpu"),
    "left_out": (
        "a depth of the suite was not run: the text says which, and whose limit it is",
        "nothing; or take a model, a runtime or a machine with more room",
    ),
    "no_prefix_cache": (
        "a conversation was measured without a prefix cache: each turn's whole prompt was computed",
        "never compare it with a record that has one on",
    ),
    "split_unchecked": (
        "no reference ids of the model's own tokenizer were at hand: the prompts are as the server split them",
        "repro runtime install llama.cpp (of a folder: pytorch), and measure again: then its ids are held against them",
    ),
    "drafted": (
        "speculative decoding was on: how many tokens were proposed and kept stands beside it",
        "never compare it with a rate without drafts: what is kept depends on the text",
    ),
    "few_processes": ("fewer than three processes: a point, no verdict", "run without --processes"),
    "label_contradicted": (
        "the model's header, its tensors and its file's name do not name the same quantisation",
        "trust the bits a weight, not the label; take the file from who made it",
    ),
    "signed_later": (
        "the record was signed after it was measured (`repro sign`)",
        "it has no number among its machine's runs: runs left out can't show",
    ),
    "check_failed": ("a truth check failed", "do not use the number before you know why"),
}

TREND_MOST = 1000  # trials in which a drift is sought; of more, every second, third, …
DRIFT_P, DRIFT_SIZE = 0.01, 0.01
THIRDS_SIZE, THIRDS_ERRORS = 0.02, 3.0
THIRDS_LEAST = 15  # from thirds of three, 8 of 100 clean runs at 2 % noise would be accused: their MAD is often near 0
BIMODAL_GAP = 0.05
UNSTABLE_SPREAD = 0.20
OUTLIER_DEVIATIONS, OUTLIER_SIZE = 5.0, 0.02  # five robust deviations, and far enough to matter
INVALID_SHARE = 0.20
CLOCKS_LIMIT = 0.01
THROTTLED_SHARE = 0.01


def workload_findings(workload: str, trials: Sequence[Trial]) -> list[Finding]:
    """Everything to say about one workload's trials; the other workloads' are ignored."""
    own = [trial for trial in trials if trial.workload == workload]
    timed = [trial for trial in own if trial.purpose is Purpose.TIMED]
    valid = [trial for trial in timed if trial.valid]
    found = [*_invalid(workload, timed), *_not_settled(workload, own)]
    if valid:
        speed = _speeds(valid)
        # A trend is looked for within processes: their own levels differ and are what the interval is made of.
        process = np.array([trial.process for trial in valid])
        level = {int(p): median(speed[process == p]) for p in np.unique(process)}
        relative = speed / np.array([level[trial.process] for trial in valid])
        found += _trend(workload, relative, valid)
        found += _shape(workload, speed)
        found += _outliers(workload, relative, valid)
        found += _kernel(workload, valid)
        found += _clocks(workload, valid)
        found += _recompiled(workload, valid)
        found += _chunked(workload, valid)
        found += _templated(workload, valid)
        found += _reasoned(workload, valid)
    return found


def _speeds(valid: Sequence[Trial]) -> Values:
    """What the trials are judged by: the rate of what takes most of their time, one choice for all of them."""
    measured = measure_trials(valid)
    prefill = sum(one.ttft or 0.0 for one in measured) > 0.5 * sum(one.e2e or 0.0 for one in measured)
    rates = [(one.prefill_rate if prefill else one.decode_rate) for one in measured]
    if all(rates):
        return np.array(rates, dtype=np.float64)
    return np.array([1e9 / float(trial.token_ns[-1]) for trial in valid])


def _ppm(value: float) -> int:
    return round(value * 1e6)


def _invalid(workload: str, timed: Sequence[Trial]) -> list[Finding]:
    lost = [trial for trial in timed if not trial.valid]
    if not lost:
        return []
    share = len(lost) / len(timed)
    severity = Severity.INVALID if share > INVALID_SHARE else Severity.WARNING
    text = f"{len(lost)} of {len(timed)} timed trials are invalid: {lost[0].invalid_reason}"
    return [Finding("invalid_trials", severity, text, workload, "", {"invalid": len(lost), "timed": len(timed)})]


def _not_settled(workload: str, own: Sequence[Trial]) -> list[Finding]:
    lengths: dict[int, list[int]] = {}
    for trial in own:
        if trial.purpose is Purpose.WARMUP:
            lengths.setdefault(trial.process, []).append(int(trial.token_ns[-1]))
    restless = [process for process, some in sorted(lengths.items()) if len(some) >= 2 and not settled(some)]
    if not restless:
        return []
    text = f"the warm-up of {count(len(restless), 'process', 'processes')} did not settle"
    return [Finding("not_settled", Severity.WARNING, text, workload, "", {"processes": len(restless)})]


def _trend(workload: str, relative: Values, valid: Sequence[Trial]) -> list[Finding]:
    """Drift over the trials of all processes, laid one upon the other by their place within the process."""
    found = []
    places = np.array([trial.order for trial in valid])
    in_time = relative[np.argsort(places, kind="stable")]
    some = in_time[:: -(-in_time.size // TREND_MOST)]  # both look at every pair
    p, change = mann_kendall_p(some), theil_sen_change(some)
    if p < DRIFT_P and abs(change) > DRIFT_SIZE:
        text = f"speed drifts by {change:+.1%} from first to last trial (Mann-Kendall p = {p:.4f})"
        found.append(
            Finding("drift", Severity.WARNING, text, workload, "", {"change_ppm": _ppm(change), "p_ppm": _ppm(p)})
        )
    change, error = thirds_change(in_time)
    if relative.size >= THIRDS_LEAST and abs(change) > max(THIRDS_SIZE, THIRDS_ERRORS * error):
        text = f"the last third of the trials is {change:+.1%} against the first"
        found.append(Finding("unsteady", Severity.WARNING, text, workload, "", {"change_ppm": _ppm(change)}))
    n = relative.size
    if n >= 10:
        centred = relative - relative.mean()
        energy = float(centred @ centred)
        rho = float(centred[1:] @ centred[:-1]) / energy if energy > 0 else 0.0
        # Centring on each process's median makes neighbours repel each other a little: only likeness is a finding.
        if rho > 2.58 / math.sqrt(n):
            text = f"lag-1 correlation of neighbouring trials is {rho:.2f}"
            found.append(Finding("autocorrelated", Severity.NOTE, text, workload, "", {"rho_ppm": _ppm(rho)}))
    return found


def _shape(workload: str, speed: Values) -> list[Finding]:
    found = []
    gap = bimodal_gap(speed)
    if gap > BIMODAL_GAP:
        text = f"two groups of trials, {gap:.1%} apart"
        found.append(Finding("bimodal", Severity.WARNING, text, workload, "", {"gap_ppm": _ppm(gap)}))
    spread = float((speed.max() - speed.min()) / median(speed))
    if spread >= UNSTABLE_SPREAD:
        text = f"fastest and slowest trial are {spread:.0%} apart"
        found.append(Finding("unstable", Severity.WARNING, text, workload, "", {"spread_ppm": _ppm(spread)}))
    return found


def _outliers(workload: str, relative: Values, valid: Sequence[Trial]) -> list[Finding]:
    distance = np.abs(relative - 1)
    process = np.array([trial.process for trial in valid])
    # One trial of each process is its median, or nearest to it: as zeros they would halve the MAD at three trials.
    others = np.concatenate([np.sort(distance[process == p])[1:] for p in np.unique(process)])
    if relative.size < 5 or not others.size:
        return []
    far = distance > max(OUTLIER_DEVIATIONS * 1.4826 * median(others), OUTLIER_SIZE)
    if not far.any():
        return []
    tagged = [trial for trial, is_far in zip(valid, far, strict=True) if is_far]
    usual = float(np.median([trial.counters.get(Counter.INVOLUNTARY_SWITCHES, 0) for trial in valid]))
    causes = sorted({_cause(trial, usual) for trial in tagged})
    text = f"{len(tagged)} of {count(len(valid), 'trial lies', 'trials lie')} far from the rest ({', '.join(causes)})"
    return [Finding("outliers", Severity.NOTE, text, workload, "", {"trials": len(tagged)})]


def _cause(trial: Trial, usual: float) -> str:
    """Of a trial that lies far off; `usual`: involuntary switches of a trial, their median."""
    if trial.counters.get(Counter.MAJOR_FAULTS, 0) > 0:
        return "page faults"
    if trial.counters.get(Counter.CPU_THROTTLED_NS, 0) > 0:
        return "CPU quota"
    if trial.counters.get(Counter.INVOLUNTARY_SWITCHES, 0) > 3 * usual + 10:
        return "pre-empted by other work"
    return "cause unknown"


def _clocks(workload: str, valid: Sequence[Trial]) -> list[Finding]:
    """Host against device, over the trials that a device timed."""
    both = [trial for trial in valid if Counter.HOST_E2E_NS in trial.counters]
    device, host = sum(int(t.token_ns[-1]) for t in both), sum(t.counters[Counter.HOST_E2E_NS] for t in both)
    if not both or abs(host - device) <= CLOCKS_LIMIT * host:
        return []
    text = f"host clock and device events differ by {(host - device) / host:+.2%} of the trial"
    evidence = {"host_ns": host, "device_ns": device}
    return [Finding("clock_disagreement", Severity.WARNING, text, workload, "", evidence)]


def _recompiled(workload: str, valid: Sequence[Trial]) -> list[Finding]:
    graphs = sum(trial.engine.get(Account.COMPILED_GRAPHS, 0) for trial in valid)
    if not graphs:
        return []
    text = f"the engine compiled {graphs} graphs during timed trials"
    return [Finding("recompiled", Severity.WARNING, text, workload, "", {"graphs": graphs})]


def _chunked(workload: str, valid: Sequence[Trial]) -> list[Finding]:
    """Of streams: tokens that came together, and streams from which no pace can be read."""
    told = [trial for trial in valid if is_stream(trial.engine)]
    paces = [pace_of(trial.token_ns, trial.engine) for trial in told]
    chunks, tokens = sum(t.engine[Account.CHUNKS] for t in told), sum(max(t.output_tokens, 1) for t in told)
    evidence = {"chunks": chunks, "tokens": tokens}
    lost = [pace.reason for pace in paces if pace.reason]
    if lost:
        severity = Severity.INVALID if 2 * len(lost) > len(told) else Severity.WARNING
        text = f"no pace can be read from {len(lost)} of {len(told)} streams: {lost[0]}"
        evidence |= {"unreadable": len(lost), "streams": len(told)}
        return [Finding("chunked", severity, text, workload, "decode_rate", evidence)]
    first = max((pace.first for pace in paces), default=1)
    if first > 1:
        text = f"{first} tokens came with the first: the rate counts those after it, and no prefill rate follows"
        return [Finding("chunked", Severity.NOTE, text, workload, "prefill_rate", {**evidence, "first": first})]
    if chunks >= tokens:
        return []
    text = f"{count(tokens, 'token')} came in {count(chunks, 'chunk')}: the ITL is of those that came alone"
    return [Finding("chunked", Severity.NOTE, text, workload, "itl", evidence)]


def _templated(workload: str, valid: Sequence[Trial]) -> list[Finding]:
    added = [t.engine[Account.TEMPLATE_TOKENS] for t in valid if Account.TEMPLATE_TOKENS in t.engine]
    if not added:
        return []
    many = count(max(added), "token") if max(added) else "tokens, how many is not known,"
    text = f"a chat template added {many} to the prompt: no prefill rate follows"
    return [Finding("templated", Severity.NOTE, text, workload, "prefill_rate", {"template_tokens": max(added)})]


def _reasoned(workload: str, valid: Sequence[Trial]) -> list[Finding]:
    """The first token and the first one of the answer, apart."""
    told = [trial for trial in valid if Account.REASONING_TOKENS in trial.engine]
    if not told:
        return []
    tokens = int(np.median([trial.engine[Account.REASONING_TOKENS] for trial in told]))
    first = int(np.median([int(trial.token_ns[0]) for trial in told]))
    evidence = {"reasoning_tokens": tokens, "ttft_ns": first}
    answers = [trial.engine[Account.ANSWER_NS] for trial in told if Account.ANSWER_NS in trial.engine]
    said = f"{count(tokens, 'token')} of reasoning, the first after {first / 1e6:.1f} ms"
    text = f"{said}, and no answer within the tokens asked for"
    if answers:
        evidence["answer_ns"] = int(np.median(answers))
        text = f"{said}; the first token of the answer after {evidence['answer_ns'] / 1e6:.1f} ms"
    return [Finding("reasoned", Severity.NOTE, text, workload, "ttft", evidence)]


def _kernel(workload: str, valid: Sequence[Trial]) -> list[Finding]:
    found = []
    faults = sum(trial.counters.get(Counter.MAJOR_FAULTS, 0) for trial in valid)
    if faults:
        text = f"{count(faults, 'page')} came from disk during timed trials"
        found.append(Finding("page_faults", Severity.WARNING, text, workload, "", {"major_faults": faults}))
    stopped = sum(trial.counters.get(Counter.CPU_THROTTLED_NS, 0) for trial in valid)
    if stopped:
        total = sum(int(trial.token_ns[-1]) for trial in valid)
        text = f"the control group's quota stopped the process for {stopped / total:.2%} of the timed trials"
        evidence = {"throttled_ns": stopped, "timed_ns": total}
        severity = Severity.WARNING if stopped > THROTTLED_SHARE * total else Severity.NOTE
        found.append(Finding("throttled", severity, text, workload, "", evidence))
    return found
