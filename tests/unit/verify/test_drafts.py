"""Drafts must be declared, and must add up: else several tokens of one pass would be called one engine's speed."""

from dataclasses import replace

import pytest

from harness.compare.records import compare_records
from harness.errors import RecordInvalid
from harness.verify import drafts
from harness.verify.work import refuse_other_work


def declared(real, **settings):
    runtime = real.record.runtime.model_copy(update={"settings": real.record.runtime.settings | settings})
    return real.record.model_copy(update={"runtime": runtime})


def drafted(real, passes=None, accepted=0, proposed=None):
    """The run's trials as if drafts had been made in them."""
    made = []
    for trial in real.trials:
        engine = dict(trial.engine) | {
            "accepted_tokens": accepted,
            "draft_tokens": accepted if proposed is None else proposed,
        }
        engine["decode_steps"] = trial.output_tokens - 1 - accepted if passes is None else passes
        made.append(replace(trial, engine=engine) if trial.output_tokens > 1 + accepted else trial)
    return made


ON = {"speculative": "prompt-lookup", "draft_max": 8, "draft_ngram": 2}


def test_drafts_that_are_declared_and_add_up_are_believed(real):
    assert list(drafts.faults(declared(real, **ON), drafted(real, accepted=2))) == []
    assert list(drafts.faults(real.record, real.trials)) == []


@pytest.mark.parametrize(
    ("settings", "made", "words"),
    [
        ({}, {"accepted": 2}, "none of its settings says so"),
        ({"speculative": False}, {"accepted": 2}, "none of its settings says so"),
        (ON, {"accepted": 2, "passes": 1}, "do not add up"),
        (ON, {"accepted": 2, "proposed": 1}, "do not add up"),
        (ON | {"draft_max": 1}, {"accepted": 0, "proposed": 10_000}, "more tokens than its settings say"),
    ],
)
def test_drafts_that_are_not_declared_or_do_not_add_up_are_found(real, settings, made, words):
    record = declared(real, **settings)
    assert words in next(drafts.faults(record, drafted(real, **made)))
    with pytest.raises(RecordInvalid, match=words):
        refuse_other_work(record, drafted(real, **made), "x")


def test_the_tokens_of_a_pass_are_those_that_were_kept(real):
    headline = real.record.suite.headline
    assert drafts.of(real.trials, headline).tokens_a_pass == 1.0
    found = drafts.of(drafted(real, accepted=10), headline)
    assert found.tokens_a_pass == pytest.approx(1 + found.accepted / found.passes)
    assert found.accepted > 0


def test_a_rate_with_drafts_is_compared_with_its_like_alone(real):
    on, longer = declared(real, **ON), declared(real, **ON | {"draft_max": 4})
    assert {row.comparison.reason for row in compare_records(on, real.record, (0.9, 1.1)).rows} == {"differs in drafts"}
    for pair in ((on, on), (on, longer), (real.record, real.record)):
        assert all("drafts" not in row.comparison.reason for row in compare_records(*pair, (0.9, 1.1)).rows)


def test_all_that_keeps_two_records_apart_is_named(real):
    both, cached = declared(real, **ON, prefix_cache=True), declared(real, prefix_cache=True)
    none = declared(real, prefix_cache=False)
    reasons = lambda a, b: {row.comparison.reason for row in compare_records(a, b, (0.9, 1.1)).rows}  # noqa: E731
    assert reasons(both, none) == {"differs in prefix cache, drafts"}
    assert reasons(cached, none) == {"differs in prefix cache"}
    works = tuple(one.model_copy(update={"prompt_sha256": "0" * 64}) for one in cached.workloads)
    other = cached.model_copy(update={"workloads": works})
    assert all(said.startswith("differs in prompt_sha256") for said in reasons(other, none))
    assert all(said.endswith(", prefix cache") for said in reasons(other, none))
