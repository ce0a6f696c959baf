"""What a record's outcome must agree with: a failed run has no number of any kind, a completed one has them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from harness.record.schema import Outcome, Record


class Reason(StrEnum):
    """Why an engine failed, as far as that is shown."""

    OUT_OF_MEMORY = "out_of_memory"
    UNSUPPORTED_ARCHITECTURE = "unsupported_architecture"
    UNSUPPORTED_QUANTISATION = "unsupported_quantisation"
    DRIVER_OR_LIBRARY = "driver_or_library"
    TOKENIZER = "tokenizer"
    TIMED_OUT = "timed_out"
    ENGINE_CRASHED = "engine_crashed"
    KILLED = "killed"
    ENGINE_FAILED = "engine_failed"


class Stage(StrEnum):
    """How far the run came."""

    LOAD = "load"
    WARM_UP = "warm-up"
    MEASURED = "measured"


# What a reader is told.
WORDS: Final[Mapping[str, str]] = {
    Reason.OUT_OF_MEMORY: "out of memory",
    Reason.UNSUPPORTED_ARCHITECTURE: "the engine does not know the model's architecture",
    Reason.UNSUPPORTED_QUANTISATION: "the engine does not know a type of the weights",
    Reason.DRIVER_OR_LIBRARY: "a driver or library of the device failed",
    Reason.TOKENIZER: "the engine splits text into other tokens than the model's own tokenizer",
    Reason.TIMED_OUT: "timed out",
    Reason.ENGINE_CRASHED: "the engine crashed",
    Reason.KILLED: "its process was killed, by whom is unknown",
    Reason.ENGINE_FAILED: "the engine failed, why is unknown",
}
STAGES: Final[Mapping[str, str]] = {
    Stage.LOAD: "while loading",
    Stage.WARM_UP: "during warm-up",
    Stage.MEASURED: "while measuring",
}


def fault(record: Record) -> str:
    """What of the record contradicts its outcome; "" where nothing does, or where it has none: then it completed."""
    outcome = record.outcome
    if outcome is None:
        return ""
    return _of_failed(record, outcome) if outcome.status == "failed" else _of_completed(record, outcome)


def _of_failed(record: Record, outcome: Outcome) -> str:
    if outcome.reason is None or outcome.stage is None:
        return "it failed, and outcome gives no reason or no stage"
    if outcome.stage != "load" and not outcome.loaded:
        return f"it failed, {STAGES[outcome.stage]}, and outcome says that no model was loaded"
    numbers = {
        "processes": record.processes,
        "results": record.results,
        "process_results": record.process_results,
        "derived": record.derived,
        "probe": record.probe is not None,
        "checks": record.checks,
        "samples.rows": record.samples.rows,
        "findings": [one for one in record.findings if one.workload or one.metric],
    }
    there = [name for name, value in numbers.items() if value]
    return f"it failed, and holds what only a completed run has: {', '.join(there)}" if there else ""


def _of_completed(record: Record, outcome: Outcome) -> str:
    if outcome.reason is not None or outcome.stage is not None or outcome.error or not outcome.loaded:
        return "it completed, and outcome gives a reason, a stage or an error, or says that nothing was loaded"
    wanted = {"processes": record.processes, "results": record.results, "samples.rows": record.samples.rows}
    missing = [name for name, value in wanted.items() if not value]
    return f"it completed, and lacks {', '.join(missing)}" if missing else ""


def line(outcome: Outcome) -> str:
    """`does not run here: out of memory (while loading)`, of a failed run."""
    return f"does not run here: {WORDS[str(outcome.reason)]} ({STAGES[str(outcome.stage)]})"
