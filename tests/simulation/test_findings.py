"""Detectors against a known truth: seldom wrong on clean data, and there when something is planted."""

from pathlib import Path

import numpy as np
import pytest

import harness
from harness.measure.findings import CODES, Severity, workload_findings
from harness.measure.trial import Mode, Purpose, Trial
from harness.verify.findings import WORKLOAD_CODES


def trials(
    rng, processes=3, timed=3, noise=0.01, between=0.01, change=lambda order, process: 1.0, counters=None, engine=None
):
    found = []
    for process in range(processes):
        level = 10e6 * np.exp(rng.normal(0, between))
        for order in range(2 + timed):
            gaps = level * change(order, process) * np.exp(rng.normal(0, noise)) * np.exp(rng.normal(0, 0.02, 32))
            stamps = np.cumsum(np.concatenate(([30e6], gaps))).astype(np.int64)
            purpose = Purpose.WARMUP if order < 2 else Purpose.TIMED
            found.append(
                Trial(
                    process,
                    order,
                    "w",
                    purpose,
                    Mode.GREEDY,
                    16,
                    33,
                    0,
                    stamps,
                    np.zeros(0, np.int64),
                    (),
                    counters or {},
                    engine or {},
                )
            )
    return found


def warnings(found):
    return [f for f in found if f.severity is not Severity.NOTE]


@pytest.mark.parametrize(("processes", "timed"), [(3, 3), (5, 3), (8, 3), (3, 10)])
def test_clean_runs_are_seldom_warned_about(processes, timed):
    rng = np.random.default_rng(processes * timed)
    alarms = sum(bool(warnings(workload_findings("w", trials(rng, processes, timed)))) for _ in range(200))
    assert alarms / 200 <= 0.05, alarms


PLANTED = {
    "drift": dict(timed=8, change=lambda order, process: 1 + 0.01 * order),
    "unsteady": dict(timed=9, change=lambda order, process: 1.06 if order >= 8 else 1.0),
    "bimodal": dict(timed=6, change=lambda order, process: 1.12 if order % 2 else 1.0),
    "unstable": dict(timed=5, change=lambda order, process: 1.4 if order == 3 else 1.0),
    "outliers": dict(timed=5, change=lambda order, process: 1.15 if order == 3 and process == 1 else 1.0),
    "not_settled": dict(change=lambda order, process: 1.5 if order == 0 else 1.0),
    "page_faults": dict(counters={"major_faults": 3}),
    "throttled": dict(counters={"cpu_throttled_ns": 1_000_000}),
    "clock_disagreement": dict(counters={"host_e2e_ns": 10**10}),
    "chunked": dict(engine={"chunks": 20}),
    "templated": dict(engine={"template_tokens": 9}),
    "reasoned": dict(engine={"reasoning_tokens": 7, "answer_ns": 10**8}),
    "recompiled": dict(engine={"compiled_graphs": 1}),
    "autocorrelated": dict(timed=24, change=lambda order, process: 1.05 if (order // 6) % 2 else 1.0),
}


@pytest.mark.parametrize("code", PLANTED)
def test_what_is_planted_is_found(code):
    rng = np.random.default_rng(5)
    hits = sum(code in {f.code for f in workload_findings("w", trials(rng, **PLANTED[code]))} for _ in range(50))
    assert hits >= 45, hits


def test_every_detector_is_planted_here_and_known_to_recompute():
    assert set(PLANTED) | {"invalid_trials"} == WORKLOAD_CODES


def test_the_docs_list_every_code_with_its_meaning():
    page = (Path(harness.__file__).parent.parent / "docs" / "metrics.md").read_text()
    for code, (meaning, what_to_do) in CODES.items():
        assert f"| `{code}` | {meaning} | {what_to_do} |" in page


def test_every_finding_has_a_meaning_integers_as_evidence_and_one_sentence():
    rng = np.random.default_rng(6)
    for planted in PLANTED.values():
        for finding in workload_findings("w", trials(rng, **planted)):
            assert finding.code in CODES
            assert all(type(value) is int for value in finding.evidence.values())
            assert "\n" not in finding.text
