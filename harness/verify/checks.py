"""The truth checks that follow from samples alone, made again: what a record says of them is its operator's word. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from harness.measure.trial import Trial
from harness.record.schema import Record
from harness.verify import check_rules
from harness.verify.check_rules import CheckResult

FROM_SAMPLES: Mapping[str, Callable[[Sequence[Trial]], CheckResult]] = MappingProxyType(
    {
        "counting": check_rules.counting,
        "prefill_complete": check_rules.prefill_complete,
        "cache_honesty": check_rules.cache_honesty,
        "determinism": check_rules.determinism,
        "physics_ttft": check_rules.ttft_physics,
        "engine_counters": check_rules.engine_counters,
    }
)


def denied(record: Record, trials: Sequence[Trial]) -> list[str]:
    """Each check that fails by the samples where the record says otherwise or nothing, in words."""
    told = {check.code: check.status for check in record.checks}
    found = []
    for code, check in FROM_SAMPLES.items():
        status = told.get(code, "left out")
        if status == "fail":
            continue
        again = check(trials)
        if again.status == "fail":
            found.append(f"{code} is {status} in the record and fails by its samples: {again.text}")
    return found
