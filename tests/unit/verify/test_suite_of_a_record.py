"""A known suite's digest names its work, field by field."""

from __future__ import annotations

import pytest

from harness.catalog import suites
from harness.verify.suite import departures
from harness.verify.token_ids import digest_of


@pytest.fixture(scope="session")
def suite(real):
    found = suites.by_digest(real.record.suite.sha256)
    assert found is not None
    return found


def changed(record, workload, **fields):
    """The record with one workload's fields changed."""
    workloads = tuple(w.model_copy(update=fields) if w.id == workload else w for w in record.workloads)
    return record.model_copy(update={"workloads": workloads})


def test_a_real_run_follows_its_suite(real, suite):
    assert departures(real.record, suite) == []


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"output_tokens": 16}, "output tokens"),
        ({"mode": "forced"}, "forced, the suite says greedy"),
        ({"concurrency": 1000}, "1,000 requests at once"),
        ({"concurrency": 1}, "headline"),
        ({"prompt_tokens": 0}, "prompt tokens"),
        ({"prompt_tokens": 100_000}, "prompt tokens"),
        ({"forced_sha256": "0" * 64}, "forced ids"),
    ],
)
def test_a_headline_that_is_not_the_suites_is_named(real, suite, fields, said):
    found = departures(changed(real.record, suite.headline, **fields), suite)
    assert found
    assert said == "headline" or said in found[0]
    assert found[0].startswith(suite.headline)


@pytest.mark.parametrize("tokens", [0, 1, 511, 513])
def test_a_synthetic_prompt_has_the_suites_length(real, suite, tokens):
    assert departures(changed(real.record, "pp512@d0", prompt_tokens=tokens), suite)


@pytest.mark.parametrize("digest", [None, "0" * 64])
def test_forced_ids_are_those_that_the_suites_seed_draws(real, suite, digest):
    forced = next(w.id for w in suite.workloads if w.mode == "forced" and w.output_tokens)
    assert departures(changed(real.record, forced, forced_sha256=digest), suite)


def test_forced_ids_depend_on_the_vocabulary(real, suite):
    runtime = real.record.runtime.model_copy(update={"vocab_size": 1000})
    assert departures(real.record.model_copy(update={"runtime": runtime}), suite)


@pytest.mark.parametrize(
    "fields", [{"timed_trials": 1}, {"warmup_trials": 0}, {"headline": "chat-short"}, {"version": 9}, {"name": "other"}]
)
def test_the_suites_head_is_the_suites(real, suite, fields):
    told = real.record.suite.model_copy(update=fields)
    assert departures(real.record.model_copy(update={"suite": told}), suite)


def test_what_an_engine_can_not_do_may_be_left_out_and_nothing_else(real, suite):
    for workload in suite.workloads:
        left = tuple(w for w in real.record.workloads if w.id != workload.id)
        found = departures(real.record.model_copy(update={"workloads": left}), suite)
        assert bool(found) == (not (workload.mode == "forced" and workload.output_tokens > 0)), workload.id


def test_workloads_of_another_name_order_or_number_are_named(real, suite):
    first, *rest = real.record.workloads
    renamed = first.model_copy(update={"id": "another"})
    for workloads in [(*rest, first), (first, first, *rest), (renamed, *rest)]:
        assert departures(real.record.model_copy(update={"workloads": tuple(workloads)}), suite)


NONCE = "a" * 64


def challenged(record, suite, **told):
    """As a run with the challenge would be, its texts and forced ids with it."""
    workloads = []
    for workload in record.workloads:
        own = suite.workload(workload.id)
        ids = suites.forced_ids(suite, own, record.runtime.vocab_size, NONCE)
        fields = {
            "text_sha256": suites.challenged_text_sha256(suite, own, NONCE),
            "forced_sha256": None if ids is None else digest_of(ids),
        }
        workloads.append(workload.model_copy(update=fields))
    run = record.run.model_copy(update={"challenge": NONCE})
    update = {"run": run, "workloads": tuple(workloads), "schema_version": "1.5"} | told
    return record.model_copy(update=update)


def test_a_challenge_draws_the_words_of_synthetic_prompts_and_leaves_given_texts(real, suite):
    record = challenged(real.record, suite)
    assert departures(record, suite) == []
    fresh = {w.id for w in record.workloads if w.text_sha256 is not None}
    assert fresh == {w.id for w in suite.workloads if w.prompt_tokens is not None} & {w.id for w in record.workloads}
    for workload in suite.workloads:
        drawn = {suites.prompt_text(suite, workload, challenge=nonce) for nonce in ("", NONCE, "b" * 64)}
        assert len(drawn) == (3 if workload.prompt_tokens is not None else 1)
        if workload.prompt_tokens is not None:
            assert len({len(text.split()) for text in drawn}) == 1


def test_a_text_that_the_challenge_did_not_draw_is_named_unless_the_record_is_older(real, suite):
    record = challenged(real.record, suite)
    for wrong in (None, "0" * 64, suites.challenged_text_sha256(suite, suite.workload("pp512@d0"), "b" * 64)):
        (said,) = departures(changed(record, "pp512@d0", text_sha256=wrong), suite)
        assert "not what its challenge draws" in said
    older = changed(record, "pp512@d0", text_sha256=None).model_copy(update={"schema_version": "1.4"})
    assert departures(older, suite) == []
    unchallenged = changed(real.record, "pp512@d0", text_sha256="0" * 64)
    assert departures(unchallenged, suite)


def test_records_with_and_without_a_challenge_stay_comparable(real, suite):
    from harness.compare.records import compare_records

    record = changed(challenged(real.record, suite), "pp512@d0", prompt_sha256="0" * 64)
    rows = [row for row in compare_records(real.record, record, (0.9, 1.1)).rows if row.workload == "pp512@d0"]
    assert rows
    assert all(str(row.comparison.verdict) != "not_comparable" for row in rows)
    other = changed(real.record, "pp512@d0", prompt_sha256="0" * 64)
    rows = [row for row in compare_records(real.record, other, (0.9, 1.1)).rows if row.workload == "pp512@d0"]
    assert all("prompt_sha256" in row.comparison.reason for row in rows)
