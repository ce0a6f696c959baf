"""The three lines of a record that matter: what was measured, whether to trust it, what to do next. Pure.

The terminal, a report and a notebook all begin with them.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from harness.measure.findings import CODES
from harness.measure.plural import count, first
from harness.record.schema import Finding, Record
from harness.record.words import rates, subject
from harness.units import half_width
from harness.verify.reading import Checked, Verified
from harness.verify.unusable import reasons

# Notes that a reader can do something about, and that would change the number.
_NOTES_TO_ACT_ON = frozenset({"gpu_unused", "other_gpus_busy"})
# What makes trials scatter or never settle: told before its effects, which go with it.
_CAUSES = frozenset({"background_load", "swap", "page_faults", "throttled", "slept", "recompiled"})
_UNTIL = 3  # codes of warnings in one line


class Trust(StrEnum):
    """Whether a record's numbers are to be used."""

    YES = "usable"
    CARE = "usable with care"
    NO = "not usable"


@dataclass(frozen=True, slots=True)
class Gist:
    """Plain text, foreign words in it: whoever prints it escapes it."""

    subject: str
    rates: str  # with their intervals; of a failed run why there are none
    trust: Trust
    why: str
    next: str

    @property
    def lines(self) -> tuple[str, str, str]:
        """As they are printed."""
        return f"{self.subject}: {self.rates}", f"{self.trust.capitalize()}: {self.why}", f"Next: {self.next}"


def gist(checked: Checked, place: str = "RECORD") -> Gist:
    """Of one record; `place` is what commands call its folder. A path of this machine has no place in what is handed on."""
    record = checked.stored.record
    trust, why = _trust(checked)
    return Gist(subject(record), rates(record), trust, why, _next(checked, trust, shlex.quote(place)))


def to_act_on(record: Record) -> tuple[Finding, ...]:
    """The findings that ask for something; the others are for whoever wants to know all."""
    return tuple(
        one for one in record.findings if one.severity in ("invalid", "warning") or one.code in _NOTES_TO_ACT_ON
    )


def _warnings(record: Record) -> list[Finding]:
    found = [one for one in to_act_on(record) if one.severity == "warning"]
    return sorted(found, key=lambda one: one.code not in _CAUSES)


def _trust(checked: Checked) -> tuple[Trust, str]:
    record = checked.stored.record
    made_up = "SYNTHETIC, made by a simulated runtime, not a measurement"
    signature = {Verified.YES: f"signed by {checked.signer}"}.get(checked.verified, checked.reason)
    if checked.verified is Verified.NO:
        return Trust.NO, f"INVALID, {checked.part}: {checked.reason}"
    if record.failure is not None:
        return (
            Trust.NO,
            f"the run failed, so there is no number; {'' if not record.run.synthetic else made_up + '; '}{signature}",
        )
    spoilt = reasons(record)
    if record.run.synthetic:
        return Trust.NO, made_up + (f"; FAILED CHECKS: {', '.join(spoilt)}" if spoilt else "")
    if spoilt:
        return Trust.NO, f"FAILED CHECKS: {', '.join(spoilt)}; do not use this number"
    passed = sum(check.status == "pass" for check in record.checks)
    precision = _precision(record)
    if warnings := [one.code for one in _warnings(record)]:
        parts = [precision, f"look at {_some(warnings)}", signature]
        return Trust.CARE, "; ".join(part for part in parts if part)
    return Trust.YES, "; ".join(part for part in (precision, f"{count(passed, 'check')} passed", signature) if part)


def _precision(record: Record) -> str:
    headline = record.headline
    if headline is None or headline.estimate is None:
        return ""
    wide = half_width(headline.estimate.half_width_ppm)
    n = len(headline.estimate.process_medians)
    if not wide:
        return f"{n} {'process is' if n == 1 else 'processes are'} too few for an interval"
    sort = "imprecise, " if any(one.code == "imprecise" for one in record.findings) else ""
    return f"{sort}decode is known to {wide} from {n} processes"


def _some(codes: Sequence[str]) -> str:
    return first(list(dict.fromkeys(codes)), _UNTIL)


def _next(checked: Checked, trust: Trust, folder: str) -> str:
    record = checked.stored.record
    if checked.verified is Verified.NO:
        return "take the original; this copy is not what was measured"
    if record.failure is not None:
        return f"try other settings, or share that it does not run here (repro submit {folder})"
    if record.run.synthetic:
        return "measure with a real runtime (repro runtime list)"
    if trust is Trust.NO:
        return f"see why (repro show --all {folder}), then measure again"
    for finding in _warnings(record):
        if finding.code in CODES:
            return f"{CODES[finding.code][1]} ({finding.code})"
    if record.operator is None:
        return f"sign it (repro sign {folder}), or hold it against another (repro compare {folder} OTHER)"
    return f"hold it against another (repro compare {folder} OTHER), or submit it"
