"""The findings of a whole run: those of its workloads, and those of machine, instrument and stopping. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.capture.load import Between
from harness.measure.estimate import LEAST_PROCESSES
from harness.measure.findings import Finding, Severity, workload_findings
from harness.measure.pace import is_stream, pace_of
from harness.measure.plural import count
from harness.measure.stopping import TARGET
from harness.measure.trial import Mode, Purpose, Trial
from harness.record import schema
from harness.run.conclude.split import split_findings
from harness.run.execute.collect import ProcessLog
from harness.run.execute.loop import Outcome
from harness.verify.check_rules import CheckResult
from harness.verify.checks import check_of
from harness.verify.findings import recorded
from harness.verify.quantities import TOO_WIDE

OTHERS_LIMIT_PPM = 50_000  # of the time of the cores (or of the quota) that the run could use, by something else
DRIFT_NOTE_PPM, DRIFT_INVALID_PPM = 1_000, 10_000
OVERHEAD_LIMIT_PPM = 5_000
ASLEEP_LIMIT_NS = 1_000_000


@dataclass(frozen=True, slots=True)
class Instrument:
    """The cost of measuring: share of the decode time that stamping took, the worst clock drift, steps of the wall clock."""

    share_ppm: int
    drift_ppm: int
    steps: int = 0
    largest_step_ns: int = 0
    asleep_ns: int = 0
    undecided: bool = False

    @classmethod
    def of(cls, logs: Sequence[ProcessLog], trials: Sequence[Trial]) -> Instrument:
        """From each process's own self-test; a token costs one stamp, and one more where steps are stamped."""
        cost = {log.index: log.clock["stamp_cost_ps"] for log in logs}
        seen = [log.clocks for log in logs]
        return cls(
            cls.share_of(cost, trials),
            max((log.drift_ppm for log in logs), default=0),
            steps=sum(one.get("steps", 0) for one in seen),
            largest_step_ns=max((one.get("largest_step_ns", 0) for one in seen), default=0),
            asleep_ns=sum(one.get("asleep_ns", 0) for one in seen),
            undecided=any(one.get("undecided", False) for one in seen),
        )

    @staticmethod
    def share_of(cost_ps: Mapping[int, int], trials: Sequence[Trial]) -> int:
        """Share of the greedy decode time that stamps took, ppm; `cost_ps` is a process's cost of one."""
        spent_ps = total_ns = 0
        for trial in trials:
            if trial.purpose is Purpose.TIMED and trial.valid and trial.mode is Mode.GREEDY and trial.output_tokens > 1:
                if is_stream(trial.engine) and pace_of(trial.token_ns, trial.engine).reason:
                    continue  # its span is not the time that decode took
                stamps = trial.output_tokens - 1 + max(trial.step_ns.size - 1, 0)
                spent_ps += stamps * cost_ps[trial.process]
                total_ns += int(trial.token_ns[-1] - trial.token_ns[0])
        return spent_ps * 1000 // total_ns if total_ns else 0


def findings_of(
    outcome: Outcome,
    workloads: Sequence[str],
    headline: str,
    results: Sequence[schema.WorkloadResult],
    instrument: Instrument,
    machine: Between,
    checks: Sequence[CheckResult],
    facts: Mapping[str, Any] | None = None,
    model: Sequence[str] = (),
) -> tuple[schema.Finding, ...]:
    """All findings, the gravest first; `facts` are the runtime's, of where it computed; `model`: what contradicts its label."""
    trials = [trial for log in outcome.logs for trial in log.trials]
    found = [finding for workload in workloads for finding in workload_findings(workload, trials)]
    found += _precision(outcome, headline, results)
    found += _instrument(instrument)
    found += _machine(machine)
    found += [] if facts is None else split_findings(facts)
    found += [Finding("label_contradicted", Severity.WARNING, text) for text in model]
    for failure in outcome.failures:
        found.append(Finding("process_failed", Severity.WARNING, f"process {failure.index}: {failure.error.code}"))
    for check in checks:
        if check.status == "fail":
            row = check_of(check.code)
            found.append(Finding(row.finding, row.severity, f"{check.code}: {check.text}", evidence=check.evidence))
    order = [Severity.INVALID, Severity.WARNING, Severity.NOTE]
    return tuple(recorded(f) for f in sorted(found, key=lambda finding: order.index(finding.severity)))


def _precision(outcome: Outcome, headline: str, results: Sequence[schema.WorkloadResult]) -> list[Finding]:
    processes = sum(log.complete for log in outcome.logs)
    if processes < LEAST_PROCESSES:
        text = f"{count(processes, 'process gives', 'processes give')} a point estimate and no verdict"
        return [Finding("few_processes", Severity.WARNING, text, evidence={"processes": processes})]
    found = []
    for result in results:
        for metric in result.metrics:
            width = metric.estimate.half_width_ppm if metric.estimate is not None else None
            endless = metric.estimate is not None and metric.estimate.reason == TOO_WIDE
            narrow = width is None or width <= TARGET * 1e6
            if metric.metric not in ("decode_rate", "prefill_rate") or (narrow and not endless):
                continue
            grave = result.workload == headline and metric.metric == "decode_rate"
            known = "has no interval" if width is None else f"is known to ± {width / 1e4:.1f} %"
            text = f"{metric.metric} {known}, the target is ± {TARGET:.0%}"
            severity = Severity.WARNING if grave else Severity.NOTE
            evidence = {} if width is None else {"half_width_ppm": width}
            found.append(Finding("imprecise", severity, text, result.workload, metric.metric, evidence))
    return found


def _instrument(instrument: Instrument) -> list[Finding]:
    found = []
    if instrument.share_ppm > OVERHEAD_LIMIT_PPM:
        text = f"stamping took {instrument.share_ppm / 1e4:.2f} % of the decode time"
        evidence = {"share_ppm": instrument.share_ppm}
        found.append(Finding("instrument_overhead", Severity.WARNING, text, evidence=evidence))
    if instrument.drift_ppm > DRIFT_NOTE_PPM:
        severity = Severity.INVALID if instrument.drift_ppm > DRIFT_INVALID_PPM else Severity.WARNING
        text = f"the clocks run apart by {instrument.drift_ppm} ppm"
        found.append(Finding("clock_drift", severity, text, evidence={"drift_ppm": instrument.drift_ppm}))
    if instrument.steps:
        size = f"{instrument.largest_step_ns / 1e9:.3f} s"
        told = "too few readings to tell that from a wrong rate" if instrument.undecided else "no stamp is affected"
        text = f"steps of the wall clock during the run: {instrument.steps}, the largest of {size}; {told}"
        severity = Severity.WARNING if instrument.undecided else Severity.NOTE
        evidence = {"steps": instrument.steps, "largest_step_ns": instrument.largest_step_ns}
        found.append(Finding("clock_step", severity, text, evidence=evidence))
    if instrument.asleep_ns > ASLEEP_LIMIT_NS:
        text = f"the machine slept for {instrument.asleep_ns / 1e9:.1f} s during the run"
        found.append(Finding("slept", Severity.WARNING, text, evidence={"asleep_ns": instrument.asleep_ns}))
    return found


def _machine(machine: Between) -> list[Finding]:
    found = []
    if machine.others_ppm > OTHERS_LIMIT_PPM:
        text = f"other programs used {machine.others_ppm / 1e4:.0f} % of the time of the cores that the run could use"
        found.append(Finding("background_load", Severity.WARNING, text, evidence={"others_ppm": machine.others_ppm}))
    if machine.steal_ppm > OTHERS_LIMIT_PPM // 5:
        text = f"the hypervisor took {machine.steal_ppm / 1e4:.1f} % of the cores' time"
        found.append(Finding("background_load", Severity.WARNING, text, evidence={"steal_ppm": machine.steal_ppm}))
    if machine.thermal_throttles:
        text = f"cores slowed down for their heat {count(machine.thermal_throttles, 'time')} during the run"
        evidence = {"thermal_throttles": machine.thermal_throttles}
        found.append(Finding("throttled", Severity.WARNING, text, evidence=evidence))
    if machine.swapped_in_pages:
        text = f"{count(machine.swapped_in_pages, 'page was', 'pages were')} swapped in during the run"
        found.append(Finding("swap", Severity.WARNING, text, evidence={"pages": machine.swapped_in_pages}))
    return found
