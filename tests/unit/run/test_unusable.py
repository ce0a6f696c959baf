"""A number that is not to be used says so first, and nothing is held against it."""

import dataclasses

import pytest

from harness.catalog import suites
from harness.errors import BadInput
from harness.record import schema
from harness.record.store import read
from harness.run.prepare import baseline
from harness.run.request import Request
from harness.verify import unusable
from tests.support.sound import sound


@pytest.fixture
def stored(simulated_record):
    return sound(read(simulated_record))


def failing(stored, *codes):
    checks = tuple(c.model_copy(update={"status": "fail"}) if c.code in codes else c for c in stored.record.checks)
    return dataclasses.replace(stored, record=stored.record.model_copy(update={"checks": checks}))


def finding(stored, **fields):
    one = schema.Finding(**{"severity": "invalid", "workload": "", "metric": "", "text": "", "evidence": {}} | fields)
    return dataclasses.replace(stored, record=stored.record.model_copy(update={"findings": (one,)}))


def test_a_sound_record_says_nothing(stored):
    assert unusable.first_line(stored.record) == ""


def test_failed_checks_are_named_in_one_line(stored):
    record = failing(stored, "physics_decode", "counting").record
    assert unusable.first_line(record) == "FAILED CHECKS: counting, physics_decode; do not use this number"


def test_output_that_differs_between_trials_is_a_warning_only(stored):
    assert unusable.reasons(failing(stored, "determinism").record) == ()


def test_an_invalid_finding_counts_where_it_carries_the_headline(stored):
    headline = stored.record.suite.headline
    assert unusable.reasons(finding(stored, code="clock_drift").record) == ("clock_drift",)
    assert unusable.reasons(finding(stored, code="invalid_trials", workload=headline).record) == ("invalid_trials",)
    assert unusable.reasons(finding(stored, code="invalid_trials", workload="chat-short").record) == ()


def request(stored, runtime="simulated"):
    return Request("m", runtime, "quick", against=stored)


def test_a_record_is_refused_before_measuring_where_it_could_not_be_compared(stored):
    quick = suites.load("quick")
    baseline.rule(request(stored), quick)
    with pytest.raises(BadInput, match=r"ran quick-v1, this run is default-v"):
        baseline.rule(request(stored), suites.load("default"))
    with pytest.raises(BadInput, match="not to be used"):
        baseline.rule(request(failing(stored, "counting")), quick)
    with pytest.raises(BadInput, match="a simulation"):
        baseline.rule(request(stored, "llama.cpp"), quick)
    bare = dataclasses.replace(stored, record=stored.record.model_copy(update={"results": ()}))
    with pytest.raises(BadInput, match="no decode rate"):
        baseline.rule(request(bare), quick)
