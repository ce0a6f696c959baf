"""The three lines of a record that matter: what was measured, whether to trust it, what to do next. Pure.

The terminal, a report and a notebook all begin with them.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from harness.measure.findings import CODES
from harness.record.outcome import line
from harness.record.schema import Check, Finding, MetricResult, Record
from harness.units import half_width, quantity
from harness.verify.reading import Checked, Verified
from harness.verify.unusable import reasons

# Notes that a reader can do something about, and that would change the number.
_NOTES_TO_ACT_ON = frozenset({"gpu_unused", "other_gpus_busy"})
_UNTIL = 3  # codes of warnings in one line


class Trust(StrEnum):
    """Whether a record's numbers are to be used."""

    YES = "usable"
    CARE = "usable with care"
    NO = "not usable"


@dataclass(frozen=True, slots=True)
class Gist:
    """Plain text, foreign words in it: whoever prints it escapes it."""

    measured: str
    trust: Trust
    why: str
    next: str

    @property
    def lines(self) -> tuple[str, str, str]:
        """As they are printed."""
        return self.measured, f"{self.trust.capitalize()}: {self.why}", f"Next: {self.next}"


def gist(checked: Checked) -> Gist:
    """Of one record, as it was found on disk."""
    record = checked.stored.record
    trust, why = _trust(checked)
    return Gist(f"{subject(record)}: {_rates(record)}", trust, why, _next(checked, trust))


def subject(record: Record) -> str:
    """Model, engine and device in one line."""
    model, runtime = record.model, record.runtime
    quantisation = str(model.get("quantisation") or "")
    name = f"{model.get('name')} ({quantisation})" if quantisation else str(model.get("name"))
    devices = runtime.devices or (record.failure.devices if record.failure is not None else None) or ()
    device = ", ".join(dict.fromkeys(one.description or one.name for one in devices))
    return f"{name} with {runtime.name} {runtime.version}".rstrip() + (f" on {device}" if device else "")


def prefill_of(record: Record) -> tuple[str, MetricResult] | None:
    """The prefill rate with the longest prompt that has one, and its workload."""
    for workload in sorted(record.workloads, key=lambda one: -one.prompt_tokens):
        found = record.result(workload.id, "prefill_rate")
        if found is not None and found.estimate is not None:
            return workload.id, found
    return None


def with_interval(found: MetricResult) -> str:
    """`69.88 tok/s (64.11 to 76.16)`; without an interval the point alone."""
    estimate = found.estimate
    if estimate is None:
        return "–"
    shown = quantity(estimate.point, found.unit)
    if estimate.low is None or estimate.high is None:
        return f"{shown} (no interval)"
    low, high = quantity(estimate.low, found.unit), quantity(estimate.high, found.unit)
    number, _, unit = low.rpartition(" ")
    return f"{shown} ({number if high.endswith(f' {unit}') else low} to {high.rpartition(' ')[0]})"


def to_act_on(record: Record) -> tuple[Finding, ...]:
    """The findings that ask for something; the others are for whoever wants to know all."""
    return tuple(
        one for one in record.findings if one.severity in ("invalid", "warning") or one.code in _NOTES_TO_ACT_ON
    )


def not_passed(record: Record) -> tuple[Check, ...]:
    """The checks that failed."""
    return tuple(one for one in record.checks if one.status == "fail")


def _rates(record: Record) -> str:
    if record.failure is not None:
        return line(record.failure)
    parts = []
    if record.headline is not None and record.headline.estimate is not None:
        parts.append(f"decode {with_interval(record.headline)} in {record.suite.headline}")
    prefill = prefill_of(record)
    if prefill is not None:
        parts.append(f"prefill {with_interval(prefill[1])} in {prefill[0]}")
    crowds = [
        (workload.concurrency, found)
        for workload in record.workloads
        if workload.concurrency is not None and (found := record.result(workload.id, "throughput")) is not None
    ]
    best = max((one for one in crowds if one[1].estimate is not None), key=_point, default=None)
    if best is not None:
        parts.append(f"throughput up to {with_interval(best[1])} at {best[0]} requests at once")
    return ", ".join(parts) or "no rate"


def _point(one: tuple[int, MetricResult]) -> int:
    estimate = one[1].estimate
    return 0 if estimate is None else estimate.point


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
    warnings = [one.code for one in to_act_on(record) if one.severity == "warning"]
    if warnings:
        parts = [precision, f"look at {_some(warnings)}", signature]
        return Trust.CARE, "; ".join(part for part in parts if part)
    return Trust.YES, "; ".join(part for part in (precision, f"{passed} checks passed", signature) if part)


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
    own = list(dict.fromkeys(codes))
    more = f" and {len(own) - _UNTIL} more" if len(own) > _UNTIL else ""
    return ", ".join(own[:_UNTIL]) + more


def _next(checked: Checked, trust: Trust) -> str:
    record, folder = checked.stored.record, shlex.quote(str(checked.stored.path.parent))
    if checked.verified is Verified.NO:
        return "take the original; this copy is not what was measured"
    if record.failure is not None:
        return f"try other settings, or share that it does not run here (repro submit {folder})"
    if record.run.synthetic:
        return "measure with a real runtime (repro runtime list)"
    if trust is Trust.NO:
        return f"see why (repro show --all {folder}), then measure again"
    for finding in to_act_on(record):
        if finding.severity == "warning" and finding.code in CODES:
            return f"{CODES[finding.code][1]} ({finding.code})"
    if record.operator is None:
        return f"sign it (repro sign {folder}), or hold it against another (repro compare {folder} OTHER)"
    return f"hold it against another (repro compare {folder} OTHER), or submit it"
