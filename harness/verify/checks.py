"""The truth checks as a table; those that follow from samples alone are made again, since a record only says so. Pure.

One row adds a check: run, readers, registry and documents take names, meanings and severities from here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from harness.measure.findings import Severity
from harness.measure.trial import Trial
from harness.record.schema import Record
from harness.verify import check_rules
from harness.verify.check_rules import CheckResult, Code

Rule = Callable[[Sequence[Trial]], CheckResult]


class About(StrEnum):
    """How a reader knows whether a failed check is about the headline's workload."""

    EVIDENCE = "evidence"  # `headline_fails` says so: 1 or 0; without it, it is
    OUTPUTS = "outputs"  # the results say which workloads had one output
    LONGEST = "longest"  # it is judged where the prompt is longest
    HEADLINE = "headline"  # it is judged there, or of all


@dataclass(frozen=True, slots=True)
class Check:
    """What a check asks, in words; what a failed one costs, as which finding; and its rule, where samples alone decide."""

    asks: str
    rule: Rule | None = None
    about: About = About.HEADLINE
    severity: Severity = Severity.INVALID
    finding: str = "check_failed"


# In the order of records and documents. Every run makes all of them, whatever they say: a record without one has left it out.
CHECKS: Mapping[Code, Check] = MappingProxyType(
    {
        Code.COUNTING: Check(
            "exactly the asked number of tokens in every trial, each from the vocabulary",
            check_rules.counting,
            About.EVIDENCE,
        ),
        Code.PREFILL_COMPLETE: Check(
            "the engine says that it computed every prompt token: no cache served any",
            check_rules.prefill_complete,
            About.EVIDENCE,
        ),
        Code.CACHE_HONESTY: Check(
            "a repeated prompt is not more than 10 % faster than one never seen; at a server, never seen in any run",
            check_rules.cache_honesty,
        ),
        Code.DETERMINISM: Check(
            "greedy output is the same in all trials: its ids, or at a server that tells none its text",
            check_rules.determinism,
            About.OUTPUTS,
            Severity.WARNING,  # expected of some GPU kernels, and no reason to drop the number
            "nondeterministic",
        ),
        Code.PHYSICS_DECODE: Check("decode rate × bytes read a token ≤ the memory bandwidth measured here"),
        Code.PHYSICS_PREFILL: Check(
            "prefill rate × operations a token ≤ what the cores could compute at best", about=About.LONGEST
        ),
        Code.PHYSICS_TTFT: Check("TTFT is not shorter than one step", check_rules.ttft_physics, About.EVIDENCE),
        Code.ENGINE_COUNTERS: Check(
            "our step times and the engine's own account agree within 1 %, beyond what it cuts off each step; "
            "the pace of a stream and the server's account within 5 %",
            check_rules.engine_counters,
            About.EVIDENCE,
        ),
        Code.ARITHMETIC: Check(
            "the summary follows from the raw samples to the last digit (`repro recompute` does it again)"
        ),
    }
)
FROM_SAMPLES: Mapping[Code, Rule] = MappingProxyType(
    {code: check.rule for code, check in CHECKS.items() if check.rule is not None}
)
_UNKNOWN = Check("what another version asks")


def check_of(code: str) -> Check:
    """The row of a code; of one that this version does not know, one whose failure costs the number."""
    return next((check for known, check in CHECKS.items() if known == code), _UNKNOWN)


def denied(record: Record, trials: Sequence[Trial]) -> list[str]:
    """Each check that fails by the samples where the record says otherwise or nothing, in words."""
    told = {check.code: check.status for check in record.checks}
    found = []
    for code, rule in FROM_SAMPLES.items():
        status = told.get(code, "left out")
        if status == "fail":
            continue
        again = rule(trials)
        if again.status == "fail":
            found.append(f"{code} is {status} in the record and fails by its samples: {again.text}")
    return found
