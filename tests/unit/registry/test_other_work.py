"""A record that names one work and holds another: refused before it is submitted, when an editor looks, and in every audit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.catalog import suites
from harness.demo.records import Setup, person, resealed, sealed, trials_of
from harness.errors import RecordInvalid
from harness.measure.trial import Purpose
from harness.record import schema
from harness.registry.intake.ingest import checked, recomputed
from harness.registry.queries.review import dossier, held
from tests.support.registry_world import REAL

WHO = person("eve")


def named(label: str, **fields) -> Setup:
    """A setup whose record names one of our suites by its digest."""
    loaded = suites.load(label)
    suite = schema.Suite(
        name=loaded.suite.name,
        version=loaded.suite.version,
        sha256=loaded.sha256,
        headline="decode-16",
        warmup_trials=0,
        timed_trials=REAL.trials,
    )
    return replace(REAL, more={"suite": suite}, **fields)


@pytest.mark.parametrize("label", ["default-v1", "quick-v1", "concurrency-v1", "depth-v1", "agent-v1"])
def test_another_work_under_the_digest_of_our_suite_is_refused(label):
    with pytest.raises(RecordInvalid, match="suite"):
        recomputed(*sealed(WHO, named(label)), "eve")


def relabelled(trials):
    return [replace(t, purpose=Purpose.DISTINCT) if t.order == 0 else t for t in trials]


def declared_invalid(trials):
    return [replace(t, invalid_reason="throttled: by the quota") if t.order == 0 else t for t in trials]


def warmed_up(trials):
    return [replace(t, purpose=Purpose.WARMUP) if t.order == 0 else t for t in trials]


def shortened(trials):
    return [replace(t, token_ns=t.token_ns[:2], output_ids=t.output_ids[:2]) for t in trials]


def another_prompt(trials):
    return [replace(t, prompt_tokens=4) for t in trials]


@pytest.mark.parametrize("change", [relabelled, declared_invalid, warmed_up, shortened, another_prompt])
def test_samples_that_are_not_the_runs_own_are_refused(change):
    setup = replace(REAL, trials=4)
    with pytest.raises(RecordInvalid, match=r"process 0|trial 0 of process 0"):
        recomputed(*resealed(WHO, setup, change(trials_of(setup))), "eve")


def test_a_check_that_the_samples_deny_is_refused():
    slow = [replace(t, engine={"prefill_tokens": 1}) for t in trials_of(REAL)]
    with pytest.raises(RecordInvalid, match="prefill_complete is pass in the record and fails by its samples"):
        recomputed(*resealed(WHO, REAL, slow), "eve")


def test_an_editor_sees_it_and_can_not_approve_it(small):
    setup = replace(REAL, trials=4)
    small.join("eve")
    found = checked(*resealed(WHO, setup, relabelled(trials_of(setup))), "eve")
    small.submit(found)
    with small.registry.reading() as reader:
        remarks = [r.text for r in dossier(reader, found.id).remarks if r.kind == "inconsistent"]
        assert any("not those of its plan" in text for text in remarks)
        with pytest.raises(RecordInvalid, match="not those of its plan"):
            held(reader, found.id)


def test_an_honest_record_passes():
    data, samples = sealed(WHO, REAL)
    assert recomputed(data, samples, "eve").samples == samples
