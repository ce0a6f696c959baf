"""Checks, findings and counters are tables: run, readers, registry and documents say the same of each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from harness.measure.counters import ACCOUNT, COUNTERS, Account, Counter, names
from harness.measure.findings import CODES, Severity
from harness.record import store
from harness.record.schema import Check as Recorded
from harness.run.conclude import truth
from harness.run.execute.telemetry import in_short
from harness.verify import check_rules, unusable
from harness.verify.checks import CHECKS, FROM_SAMPLES, check_of
from harness.worker import counters as kernel

PAGE = (Path(__file__).parents[3] / "docs" / "metrics.md").read_text()


def rows(heading: str) -> Iterator[tuple[str, ...]]:
    """The cells of the table under a line of headings."""
    for line in PAGE.partition(f"\n{heading}\n")[2].splitlines()[1:]:
        if not line.startswith("|"):
            return
        yield tuple(cell.strip() for cell in line.strip("|").split(" | "))


def test_the_page_lists_every_check_as_the_table_says_it():
    assert list(rows("| code | asks |")) == [(f"`{code}`", check.asks) for code, check in CHECKS.items()]


def test_the_page_lists_every_finding_as_the_table_says_it():
    assert sorted(rows("| code | means | what to do |")) == sorted(
        (f"`{code}`", meaning, what_to_do) for code, (meaning, what_to_do) in CODES.items()
    )


def test_the_page_lists_every_counter_as_the_table_says_it():
    assert list(rows("| counter | means | unit | of a trial |")) == [
        (f"`{one}`", kind.means, kind.unit, kind.fold) for one, kind in COUNTERS.items()
    ]
    assert list(rows("| the engine's account | means | unit |")) == [
        (f"`{one}`", kind.means, kind.unit) for one, kind in ACCOUNT.items()
    ]


def test_every_name_has_its_row():
    assert list(CHECKS) == list(check_rules.Code)
    assert list(COUNTERS) == list(Counter)
    assert list(ACCOUNT) == list(Account)


def test_a_check_is_decided_by_samples_or_by_the_run_and_never_by_both():
    assert set(truth.BY_EVIDENCE) == set(CHECKS) - set(FROM_SAMPLES)


def test_what_a_failed_check_becomes_is_a_finding_that_is_explained():
    assert {check.finding for check in CHECKS.values()} <= set(CODES)


def test_every_run_makes_every_check_once_and_in_order(simulated_record):
    assert [check.code for check in store.read(simulated_record).record.checks] == list(CHECKS)


def test_a_run_counts_nothing_that_the_tables_do_not_know(simulated_record):
    from harness.record.samples import decode

    stored = store.read(simulated_record)
    columns = decode(stored.samples(), stored.record.samples.sha256, "samples")
    counted = {name for trial in columns["counters"] for name, _ in trial}
    told = {name for trial in columns["engine"] for name, _ in trial}
    assert counted
    assert counted <= {name for counter in Counter for name in names(counter)}
    assert told
    assert told <= set(ACCOUNT)


def test_the_kernels_counters_are_in_the_table():
    assert set(kernel.read()) <= set(COUNTERS)


def test_samples_of_the_meters_are_folded_as_the_table_says():
    one = {"power_mw": 10, "temperature_mc": 40, "strangers": 1, "throttle_reasons": 8}
    two = {"power_mw": 20, "temperature_mc": 30, "strangers": 0, "throttle_reasons": 32, "unknown_to_the_table": 5}
    assert in_short([one, two]) == {
        "device_samples": 2, "power_mw_mean": 15, "power_mw_min": 10, "temperature_mc_max": 40, "strangers_max": 1,
        "throttle_reasons": 40,
    }  # fmt: skip


def failed(stored, code, **evidence):
    """The record with one check that fails."""
    kept = [check for check in stored.record.checks if check.code != code]
    bad = Recorded(code=code, status="fail", text="", evidence=evidence)
    return replace(stored, record=stored.record.model_copy(update={"checks": (*kept, bad)}))


@pytest.mark.parametrize("code", [*CHECKS, "asked_by_a_later_version"])
def test_a_failed_check_costs_the_number_by_its_severity(real, code):
    record = failed(real, code).record
    assert (code in unusable.failed_checks(record)) == (check_of(code).severity is Severity.INVALID)
