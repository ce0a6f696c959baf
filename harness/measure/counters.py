"""What is counted beside the stamps of a trial: the kernel's, the worker's and the meters' counters, and the engine's account.

One row adds one: `docs/metrics.md` prints the tables, and who folds samples of the meters reads them. Names hold their unit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

_OF_DEVICE = re.compile(r"gpu(\d{1,3})_(\w+)")


class Fold(StrEnum):
    """How the readings of one trial become numbers of it."""

    ADDED = "added"  # a total, read at both ends: what the trial added
    TOLD = "told"  # as it is, once
    MEAN = "mean, least"  # of samples at 5 Hz: NAME_mean and NAME_min
    MOST = "most"  # of samples: NAME_max
    UNION = "union"  # of samples: all bits that any of them showed


class Counter(StrEnum):
    """Of a trial's `counters`; those of samples without the ending of their fold."""

    MINOR_FAULTS = "minor_faults"
    MAJOR_FAULTS = "major_faults"
    VOLUNTARY_SWITCHES = "voluntary_switches"
    INVOLUNTARY_SWITCHES = "involuntary_switches"
    CPU_NS = "cpu_ns"
    CPU_THROTTLED_NS = "cpu_throttled_ns"
    CONCURRENCY = "concurrency"
    BATCH_NS = "batch_ns"
    HOST_E2E_NS = "host_e2e_ns"
    DEVICE_ENERGY_UJ = "device_energy_uj"
    CPU_ENERGY_UJ = "cpu_energy_uj"
    THERMAL_VIOLATION_NS = "thermal_violation_ns"
    POWER_VIOLATION_NS = "power_violation_ns"
    DEVICE_SAMPLES = "device_samples"
    SAMPLED_BESIDE = "sampled_beside"
    SM_CLOCK_HZ = "sm_clock_hz"
    MEMORY_CLOCK_HZ = "memory_clock_hz"
    POWER_MW = "power_mw"
    TEMPERATURE_MC = "temperature_mc"
    MEMORY_USED_BYTES = "memory_used_bytes"
    STRANGERS = "strangers"
    THROTTLE_REASONS = "throttle_reasons"


class Account(StrEnum):
    """Of a trial's `engine`: what the engine says of its own work; any of them may be missing."""

    PREFILL_TOKENS = "prefill_tokens"
    PREFILL_NS = "prefill_ns"
    DECODE_NS = "decode_ns"
    DECODE_CUT_NS = "decode_cut_ns"
    DECODE_STEPS = "decode_steps"
    COMPILED_GRAPHS = "compiled_graphs"
    COMPLETION_TOKENS = "completion_tokens"
    CHUNKS = "chunks"
    PLACED_TOKENS = "placed_tokens"
    DRAFT_TOKENS = "draft_tokens"
    ACCEPTED_TOKENS = "accepted_tokens"
    CACHED_TOKENS = "cached_tokens"
    TEMPLATE_TOKENS = "template_tokens"
    REASONING_TOKENS = "reasoning_tokens"
    ANSWER_NS = "answer_ns"
    LOAD_NS = "load_ns"
    TEXT_DIGEST = "text_digest"


@dataclass(frozen=True, slots=True)
class Kind:
    """What a counter means, in what unit, and how a trial's readings are folded."""

    means: str
    unit: str
    fold: Fold = Fold.ADDED


COUNTERS: Mapping[Counter, Kind] = MappingProxyType(
    {
        Counter.MINOR_FAULTS: Kind("pages mapped without a disk", "faults"),
        Counter.MAJOR_FAULTS: Kind("pages read from disk", "faults"),
        Counter.VOLUNTARY_SWITCHES: Kind("the process waited", "switches"),
        Counter.INVOLUNTARY_SWITCHES: Kind("the process was pre-empted", "switches"),
        Counter.CPU_NS: Kind("processor time of the worker", "ns"),
        Counter.CPU_THROTTLED_NS: Kind("the control group's quota stopped the process", "ns"),
        Counter.CONCURRENCY: Kind("requests at once", "requests", Fold.TOLD),
        Counter.BATCH_NS: Kind("from the first request's start to the last one's end", "ns", Fold.TOLD),
        Counter.HOST_E2E_NS: Kind("the trial by the host's clock, where the device stamps", "ns", Fold.TOLD),
        Counter.DEVICE_ENERGY_UJ: Kind("energy of the devices", "µJ"),
        Counter.CPU_ENERGY_UJ: Kind("energy of all processor packages (RAPL)", "µJ"),
        Counter.THERMAL_VIOLATION_NS: Kind("the driver held the clocks down for heat", "ns"),
        Counter.POWER_VIOLATION_NS: Kind("the driver held the clocks down for power", "ns"),
        Counter.DEVICE_SAMPLES: Kind("samples of the meters", "samples", Fold.TOLD),
        Counter.SAMPLED_BESIDE: Kind("1: samples were taken during the trial, too", "0 or 1", Fold.TOLD),
        Counter.SM_CLOCK_HZ: Kind("clock of the cores", "Hz", Fold.MEAN),
        Counter.MEMORY_CLOCK_HZ: Kind("clock of the memory", "Hz", Fold.MEAN),
        Counter.POWER_MW: Kind("power drawn", "mW", Fold.MEAN),
        Counter.TEMPERATURE_MC: Kind("temperature", "m°C", Fold.MOST),
        Counter.MEMORY_USED_BYTES: Kind("memory in use on the devices, by anyone", "bytes", Fold.MOST),
        Counter.STRANGERS: Kind("other processes on the devices", "processes", Fold.MOST),
        Counter.THROTTLE_REASONS: Kind("why the clocks were lower (NVML's bits)", "bits", Fold.UNION),
    }
)

ACCOUNT: Mapping[Account, Kind] = MappingProxyType(
    {
        Account.PREFILL_TOKENS: Kind("prompt tokens that were computed, not taken from a cache", "tokens"),
        Account.PREFILL_NS: Kind("time of the prefill", "ns"),
        Account.DECODE_NS: Kind("time of the decode steps", "ns"),
        Account.DECODE_CUT_NS: Kind("what `decode_ns` may lack: each step's time is cut to whole milliseconds", "ns"),
        Account.DECODE_STEPS: Kind("decode steps", "steps"),
        Account.COMPILED_GRAPHS: Kind("graphs that the engine compiled", "graphs"),
        Account.COMPLETION_TOKENS: Kind("tokens that a server says it made", "tokens"),
        Account.CHUNKS: Kind("chunks of a stream", "chunks"),
        Account.PLACED_TOKENS: Kind("tokens of which it is known in which chunk they came", "tokens"),
        Account.DRAFT_TOKENS: Kind("tokens that a draft proposed: a smaller model's, or looked up", "tokens"),
        Account.ACCEPTED_TOKENS: Kind(
            "proposed tokens that the model itself would have chosen, and that were kept", "tokens"
        ),
        Account.CACHED_TOKENS: Kind("tokens before the prompt that were in the cache, and were not computed", "tokens"),
        Account.TEMPLATE_TOKENS: Kind(
            "tokens that a chat template added to the prompt; 0: how many is not known", "tokens"
        ),
        Account.REASONING_TOKENS: Kind("tokens of reasoning that came before the answer", "tokens"),
        Account.ANSWER_NS: Kind("to the first token of the answer, after the reasoning", "ns"),
        Account.LOAD_NS: Kind("time that a server took to have the model ready for the request", "ns"),
        Account.TEXT_DIGEST: Kind("the first 52 bits of the sha256 of the answer's text, at a server", "bits"),
    }
)


def folded(fold: Fold) -> tuple[Counter, ...]:
    """The counters that are folded so, in the table's order."""
    return tuple(counter for counter, kind in COUNTERS.items() if kind.fold is fold)


def names(counter: Counter) -> tuple[str, ...]:
    """As which a counter is in a trial: its name, or one for each number of its fold."""
    endings = {Fold.MEAN: ("_mean", "_min"), Fold.MOST: ("_max",)}.get(COUNTERS[counter].fold, ("",))
    return tuple(f"{counter}{ending}" for ending in endings)


def of_device(position: int, name: str) -> str:
    """The same counter of one of several devices; `position` is its place among the GPUs that the record lists."""
    return f"gpu{position}_{name}"


def split_device(name: str) -> tuple[int | None, str]:
    """The reverse: the device's position, None where it is not of one, and the counter's own name."""
    found = _OF_DEVICE.fullmatch(name)
    return (int(found[1]), found[2]) if found else (None, name)


def most(counter: Counter) -> str:
    """The name of the most of its samples."""
    return f"{counter}_max"
