"""A check that follows from samples is made again from them; the record's word for it is not taken."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.measure.trial import Mode, Purpose
from harness.verify.checks import FROM_SAMPLES, denied


def each(real, which, **changes):
    return [replace(t, **{k: v(t) for k, v in changes.items()}) if which(t) else t for t in real.trials]


def greedy(trial):
    return trial.mode is Mode.GREEDY


HARM = {
    "counting": lambda real: each(real, greedy, invalid_reason=lambda t: "token-count: 3 of 4"),
    "prefill_complete": lambda real: each(real, lambda t: True, engine=lambda t: {**t.engine, "prefill_tokens": 1}),
    "determinism": lambda real: each(
        real, lambda t: t.process == 0 and greedy(t), output_ids=lambda t: t.output_ids[::-1]
    ),
    "physics_ttft": lambda real: each(
        real, greedy, token_ns=lambda t: np.concatenate(([10], t.token_ns[1:])), step_ns=lambda t: t.step_ns
    ),
    "engine_counters": lambda real: each(
        real, lambda t: "decode_ns" in t.engine, engine=lambda t: {**t.engine, "decode_ns": 2 * t.engine["decode_ns"]}
    ),
    "cache_honesty": lambda real: each(
        real,
        lambda t: t.purpose is Purpose.DISTINCT,
        token_ns=lambda t: t.token_ns * (10 + t.process),
    ),
}


def test_every_check_of_a_real_run_holds_again(real):
    assert denied(real.record, real.trials) == []


def test_each_check_that_follows_from_samples_has_its_case():
    assert set(HARM) == set(FROM_SAMPLES)


@pytest.mark.parametrize("code", sorted(HARM))
def test_a_check_that_fails_by_the_samples_is_named_unless_the_record_says_so(real, code):
    trials = HARM[code](real)
    if FROM_SAMPLES[code](trials).status != "fail":
        assert code == "cache_honesty", "too few processes to tell are no failure"
        return
    assert [said.split()[0] for said in denied(real.record, trials) if said.startswith(code)] == [code]
    left_out = real.record.model_copy(update={"checks": tuple(c for c in real.record.checks if c.code != code)})
    assert any(said.startswith(f"{code} is left out") for said in denied(left_out, trials))
    honest = tuple(c.model_copy(update={"status": "fail"}) if c.code == code else c for c in real.record.checks)
    assert not any(s.startswith(code) for s in denied(real.record.model_copy(update={"checks": honest}), trials))
