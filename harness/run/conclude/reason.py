"""Why an engine failed, from what shows it: signals, the kernel's count, the error, words in the log. Never guessed. Pure."""

from __future__ import annotations

import re
import signal
from collections.abc import Sequence
from dataclasses import dataclass

from harness.errors import NotEnoughSpace, RunFailed, RuntimeUnavailable
from harness.measure.trial import Purpose
from harness.run.execute.collect import ProcessLog
from harness.run.execute.launcher import Ended
from harness.worker import tokenizer_gate
from runtimes.interface import FailureSign

LIBRARY = "library"  # code of a `RuntimeUnavailable`: the engine is installed, and a library of the machine's is not as it needs
NO_MEMORY = ("no memory", "no device memory")  # codes of a `NotEnoughSpace` that a worker raised
# Somebody asked the worker to end: an interruption, whoever it was.
_ASKED = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT})
_TELLING = re.compile(r"assert|abort|what\(\)|terminate called|error|fatal|panic", re.IGNORECASE)
_BEFORE = ("", "hello")  # nothing of the engine was touched yet


@dataclass(frozen=True, slots=True)
class Reason:
    """A code of the record's outcome, and the engine's words that show it; "" where it said none."""

    code: str
    said: str


def reason_of(ended: Ended, signs: Sequence[FailureSign]) -> Reason | None:
    """Why the worker's engine failed; None where it was not the engine's failure, or nobody can tell whose it was."""
    error = ended.error
    if error is None or ended.last in _BEFORE or ended.last == "end":
        return None
    if ended.waited_s is not None:
        return Reason("timed_out", "")
    if ended.told:
        return _of_error(ended, signs)
    if ended.status is None or ended.status == 0:
        return None  # the pipe carried garbage, or the worker left without a word
    if -ended.status in _ASKED:
        return None
    killed = ended.status == -signal.SIGKILL
    if killed and ended.oom_kills:
        return Reason("out_of_memory", "")
    shown = _shown(ended.output_tail.splitlines(), signs)
    if shown is not None:
        return shown
    if killed:
        return Reason("killed", "")
    return Reason("engine_crashed" if ended.status < 0 else "engine_failed", _last_words(ended.output_tail))


def _of_error(ended: Ended, signs: Sequence[FailureSign]) -> Reason | None:
    error = ended.error
    said = "" if error is None else error.what
    if isinstance(error, NotEnoughSpace):
        return Reason("out_of_memory", said) if error.code in NO_MEMORY else None
    if isinstance(error, RuntimeUnavailable):
        return Reason("driver_or_library", said) if error.code == LIBRARY else None
    if not isinstance(error, RunFailed) or (error.code.startswith("exception ") and not ended.by_engine):
        return None  # what the user gave, or a fault of ours or the adapter's
    if error.code == tokenizer_gate.CODE:
        return Reason("tokenizer", said)
    return _shown([said, *ended.output_tail.splitlines()], signs) or Reason("engine_failed", said)


def _shown(lines: Sequence[str], signs: Sequence[FailureSign]) -> Reason | None:
    """The first sign that a line bears; the signs stand in the order of what they show."""
    for sign in signs:
        for line in lines:
            if re.search(sign.pattern, line, re.IGNORECASE):
                return Reason(sign.reason, line.strip())
    return None


def _last_words(text: str) -> str:
    """The last line that tells of an error, else the last line."""
    lines = [line.strip() for line in reversed(text.splitlines()) if line.strip()]
    return next((line for line in lines if _TELLING.search(line)), next(iter(lines), ""))


def stage_of(log: ProcessLog, last: str) -> str:
    """How far the worker came: load, warm-up or measured; `last`: kind of its last frame."""
    timed = any(trial.purpose is not Purpose.WARMUP for trial in log.trials)
    if timed or last in ("warm", "clocks", "probe"):
        return "measured"
    return "warm-up" if log.trials or last == "clock" else "load"
