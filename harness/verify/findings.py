"""The findings that follow from samples alone: a reader makes them again. Pure."""

from __future__ import annotations

import re
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

# Records that were made earlier say `1 processes` and `1204 pages`: another wording of a number makes no record false.
_ONE = {
    "1 processes": "1 process",
    "1 trials lie": "1 trial lies",
    "1 tokens": "1 token",
    "1 chunks": "1 chunk",
    "1 pages": "1 page",
}
_ONES = re.compile(rf"(?<![\d.,])(?:{'|'.join(_ONE)})\b")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")


def one_wording(text: str) -> str:
    """A finding's text with its numbers and nouns as each version's rules agree on: to compare, not to show."""
    return _ONES.sub(lambda found: _ONE[found[0]], _THOUSANDS.sub("", text))


def findings_of_workload(workload: str, trials: Sequence[Trial]) -> list[schema.Finding]:
    """The findings that follow from a workload's samples, as a record holds them."""
    return [recorded(finding) for finding in workload_findings(workload, trials)]


def recorded(finding: Finding) -> schema.Finding:
    """The same as a record holds it."""
    return schema.Finding(**{**asdict(finding), "severity": finding.severity.value})
