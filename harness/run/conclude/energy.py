"""What the meters say of a run: energy a token, and the device's memory. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import reduce
from operator import or_
from typing import Any

from harness.device_kinds import OFFLOADED
from harness.measure.counters import Account, Counter, Fold, folded, most, split_device
from harness.measure.trial import Purpose, Trial

# NVML's total is refreshed every 20 to 100 ms: a shorter window would be a guess.
LEAST_WINDOW_NS = 2_000_000_000
LEAST_TRIAL_NS = 500_000_000  # a trial's reading is up to 100 ms late at either end, in both directions alike
_OF_ALL = (Counter.DEVICE_SAMPLES, Counter.SAMPLED_BESIDE)
SOURCES = {
    Counter.DEVICE_ENERGY_UJ: "the devices' energy counter",
    Counter.CPU_ENERGY_UJ: "RAPL, all processor packages",
}


def energy_per_token(workload: str, trials: Sequence[Trial]) -> dict[str, Any]:
    """Nanojoules an output token over the workload's valid timed trials, prefill included, by the first counter there is.

    The counters are read at the boundaries of trials, so the span is the trial's, not that of its decode steps alone.
    """
    own = [t for t in trials if t.workload == workload and t.purpose is Purpose.TIMED and t.valid and t.output_tokens]
    if any(Account.LOAD_NS in trial.engine for trial in own):
        return {
            "value_nj": None,
            "reason": "the server may load its model again before a trial: the counter holds that, too",
        }
    for name, source in SOURCES.items():
        if not own or not all(name in trial.counters for trial in own):
            continue
        window = sum(int(trial.token_ns[-1]) for trial in own)
        if window < LEAST_WINDOW_NS:
            return {"value_nj": None, "reason": f"{window / 1e9:.1f} s of trials are too short for the counter"}
        if window < LEAST_TRIAL_NS * len(own):
            mean = window / len(own) / 1e9
            return {
                "value_nj": None,
                "reason": f"trials of {mean:.2f} s are too short: the counter is read around each",
            }
        energy, tokens = sum(t.counters[name] for t in own), sum(t.output_tokens for t in own)
        return {"value_nj": energy * 1000 // tokens, "source": source, "window_ns": window, "tokens": tokens}
    return {"value_nj": None, "reason": "no energy counter can be read here"}


def peak_device_memory(on_cpu: bool, trials: Sequence[Trial]) -> dict[str, Any]:
    """The most that was in use on the devices, by anyone, in any trial."""
    if on_cpu:
        return {"value": None, "reason": "the engine ran on the CPU: see peak_rss"}
    used = most(Counter.MEMORY_USED_BYTES)
    seen = [t.counters[used] for t in trials if used in t.counters]
    if not seen:
        return {"value": None, "reason": "the device's driver does not tell"}
    return {"value": max(seen), "source": "memory in use on the devices, all processes"}


def telemetry(trials: Sequence[Trial]) -> dict[str, int]:
    """Means, extremes and the union of reasons over the timed trials; empty where nothing was metered."""
    timed = [t.counters for t in trials if t.purpose is Purpose.TIMED and Counter.DEVICE_SAMPLES in t.counters]
    if not timed:
        return {}
    samples, beside = Counter.DEVICE_SAMPLES, Counter.SAMPLED_BESIDE
    found = {"samples": sum(c[samples] for c in timed), "beside": min(c[beside] for c in timed)}
    for name in folded(Fold.MEAN):
        weighted = [(c[f"{name}_mean"], c[samples]) for c in timed if f"{name}_mean" in c]
        if weighted:
            found[f"{name}_mean"] = sum(v * n for v, n in weighted) // sum(n for _, n in weighted)
            found[f"{name}_min"] = min(c[f"{name}_min"] for c in timed if f"{name}_min" in c)
    for highest in map(most, folded(Fold.MOST)):
        values = [c[highest] for c in timed if highest in c]
        if values:
            found[highest] = max(values)
    for name in folded(Fold.UNION):
        bits = [c[name] for c in timed if name in c]
        if bits:
            found[name.value] = reduce(or_, bits)
    return found


def telemetry_of_each(trials: Sequence[Trial], devices: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """`device_telemetry`: the same of each of several GPUs, named as the record lists them; empty where one alone was metered."""
    names = [device["name"] for device in devices if device["kind"] in OFFLOADED]
    own: dict[int, list[Trial]] = {}
    for trial in trials:
        by_device: dict[int, dict[str, int]] = {}
        for name, value in trial.counters.items():
            position, counter = split_device(name)
            if position is not None and position < len(names):
                by_device.setdefault(position, {})[counter] = value
        shared = {name: trial.counters[name] for name in _OF_ALL if name in trial.counters}
        for position, counters in by_device.items():
            own.setdefault(position, []).append(replace(trial, counters=shared | counters))
    found = [{"device": names[position], **telemetry(own[position])} for position in sorted(own)]
    return {"device_telemetry": found} if found else {}
