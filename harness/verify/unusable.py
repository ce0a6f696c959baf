"""Why the number of a record is not to be used: the checks that failed, and what makes its headline invalid. Pure."""

from __future__ import annotations

from harness.measure.findings import Severity
from harness.record.schema import Record
from harness.verify.checks import check_of

CHECKS_FAILED = 4  # exit status: the record is written, and its number is not to be used


def failed_checks(record: Record) -> list[str]:
    """Codes of the failed checks after which no number of the record is to be used, in the record's order."""
    failed = [check.code for check in record.checks if check.status == "fail"]
    return [code for code in failed if check_of(code).severity is Severity.INVALID]


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
