"""Why the number of a record is not to be used: the checks that failed, and what makes its headline invalid. Pure."""

from __future__ import annotations

from harness.record.schema import Record

CHECKS_FAILED = 4  # exit status: the record is written, and its number is not to be used
# Greedy output that differs between trials is expected of some GPU kernels: a warning, and no reason to drop the number.
_TOLERATED = frozenset({"determinism"})


def failed_checks(record: Record) -> list[str]:
    """Codes of the failed checks after which no number of the record is to be used, in the record's order."""
    return [check.code for check in record.checks if check.status == "fail" and check.code not in _TOLERATED]


def reasons(record: Record) -> tuple[str, ...]:
    """Codes of failed checks, then of findings that make the whole run or its headline invalid; empty where all is well."""
    invalid = [
        finding.code
        for finding in record.findings
        if finding.severity == "invalid"
        and finding.code != "check_failed"
        and finding.workload in ("", record.suite.headline)
    ]
    return tuple(dict.fromkeys([*failed_checks(record), *invalid]))


def first_line(record: Record) -> str:
    """What stands above everything else where the number is not to be used; empty where it may be."""
    found = reasons(record)
    return f"FAILED CHECKS: {', '.join(found)}; do not use this number" if found else ""
