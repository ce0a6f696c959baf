"""The findings that follow from samples alone: a reader makes them again. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from harness.measure.findings import Finding, workload_findings
from harness.measure.trial import Trial
from harness.record import schema

# What `workload_findings` can say.
WORKLOAD_CODES = frozenset(
    "invalid_trials not_settled drift unsteady autocorrelated bimodal unstable outliers page_faults throttled "
    "clock_disagreement recompiled chunked templated reasoned".split()
)


def findings_of_workload(workload: str, trials: Sequence[Trial]) -> list[schema.Finding]:
    """The findings that follow from a workload's samples, as a record holds them."""
    return [recorded(finding) for finding in workload_findings(workload, trials)]


def recorded(finding: Finding) -> schema.Finding:
    """The same as a record holds it."""
    return schema.Finding(**{**asdict(finding), "severity": finding.severity.value})
