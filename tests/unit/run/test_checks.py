"""Truth checks: each passes on honest trials and fails on the cheat that it is for."""

from dataclasses import replace

import numpy as np
import pytest

from harness.measure.trial import Mode, Purpose, Trial
from harness.run.execute.collect import judge
from harness.verify import check_rules
from harness.verify.check_rules import Ceiling


def trial(process=0, purpose=Purpose.TIMED, ttft=50_000_000, prompt=100, **changes):
    stamps = np.array([ttft, ttft + 10_000_000, ttft + 20_000_000])
    values = {
        "process": process, "order": 0, "workload": "w", "purpose": purpose, "mode": Mode.GREEDY, "prompt_tokens": prompt,
        "output_tokens": 3, "start_ns": 0, "token_ns": stamps, "step_ns": np.array([ttft, 9_900_000, 9_900_000]),
        "output_ids": (1, 2, 3),
        "engine": {"prefill_ns": ttft, "prefill_tokens": prompt, "decode_ns": 19_800_000, "decode_steps": 2},
    }  # fmt: skip
    return Trial(**{**values, **changes})


HONEST = [
    trial(p, purpose) for p in range(3) for purpose in (Purpose.WARMUP, Purpose.TIMED, Purpose.TIMED, Purpose.DISTINCT)
]


@pytest.mark.parametrize(
    "check",
    [
        check_rules.counting,
        check_rules.prefill_complete,
        check_rules.cache_honesty,
        check_rules.ttft_physics,
        check_rules.engine_counters,
        check_rules.determinism,
    ],
)
def test_honest_trials_pass(check):
    assert check(HONEST).status == "pass"


def cached(t):
    return replace(t, token_ns=t.token_ns - t.token_ns[0] + 5_000_000) if t.purpose is Purpose.TIMED else t


CHEATS = {
    "a cached prompt is faster than a new one": (check_rules.cache_honesty, cached),
    "a prefix was kept": (check_rules.prefill_complete, lambda t: replace(t, engine={**t.engine, "prefill_tokens": 1})),
    "tokens are missing": (check_rules.counting, lambda t: replace(t, invalid_reason="token-count: 2 of 3")),
    "the first token was faked": (
        check_rules.ttft_physics,
        lambda t: replace(t, token_ns=t.token_ns - t.token_ns[0] + 1_000_000),
    ),
    "the clock runs slow": (
        check_rules.engine_counters,
        lambda t: replace(t, step_ns=(t.step_ns * 0.98).astype(np.int64)),
    ),
    "the output changes": (check_rules.determinism, lambda t: replace(t, output_ids=(t.process, 2, 3))),
}


@pytest.mark.parametrize("cheat", CHEATS)
def test_a_cheat_fails_the_check_that_is_for_it(cheat):
    check, change = CHEATS[cheat]
    found = check([change(t) for t in HONEST])
    assert found.status == "fail"
    assert all(type(value) is int for value in found.evidence.values())


def test_one_slow_distinct_trial_is_noise_and_not_a_cache():
    slow = [
        replace(t, token_ns=t.token_ns * 3) if t.purpose is Purpose.DISTINCT and t.process == 1 else t for t in HONEST
    ]
    found = check_rules.cache_honesty(slow)
    assert found.status == "unknown"
    assert "too noisy" in found.text


def test_what_can_not_be_known_is_unknown_and_says_why():
    blind = [replace(t, engine={}, step_ns=np.zeros(0, np.int64)) for t in HONEST if t.purpose is not Purpose.DISTINCT]
    for check in (check_rules.prefill_complete, check_rules.cache_honesty, check_rules.engine_counters):
        found = check(blind)
        assert found.status == "unknown"
        assert found.text
    assert check_rules.decode_physics(10.0, 5, Ceiling(None, "not measured")).text == "not measured"
    assert check_rules.ttft_physics([]).status == "unknown"
    assert check_rules.determinism([replace(t, output_ids=()) for t in HONEST]).status == "unknown"


def test_a_server_that_tells_no_ids_is_held_to_its_texts():
    def told(digest):
        return [replace(t, output_ids=(), engine={**t.engine, "text_digest": digest(t)}) for t in HONEST]

    same = check_rules.determinism(told(lambda t: 7))
    assert (same.status, same.text) == ("pass", "greedy text is the same in all trials of 1 workload")
    sampled = check_rules.determinism(told(lambda t: t.process))
    assert sampled.status == "fail"
    assert "greedy text differs between trials of" in sampled.text
    # A prompt of its own has a text of its own.
    apart = told(lambda t: 7 if t.purpose is not Purpose.DISTINCT else t.process)
    assert check_rules.determinism(apart).status == "pass"


def test_an_engine_that_hides_its_steps_is_held_to_its_tokens():
    hidden = [replace(t, step_ns=np.zeros(0, np.int64)) for t in HONEST]
    span = {int(t.token_ns[-1] - t.token_ns[0]) for t in hidden if t.purpose is Purpose.TIMED}
    assert check_rules.ttft_physics(hidden).status == "pass"
    told = [replace(t, engine={**t.engine, "decode_ns": int(t.token_ns[-1] - t.token_ns[0])}) for t in hidden]
    assert check_rules.engine_counters(told).evidence["gap_ppm"] == 0
    late = [replace(t, engine={**t.engine, "decode_ns": int(1.1 * (t.token_ns[-1] - t.token_ns[0]))}) for t in hidden]
    assert check_rules.engine_counters(late).status == ("fail" if max(span) > 0 else "unknown")


@pytest.mark.parametrize(
    ("step_ms", "told_ms", "status"),
    [
        (20.49, 20, "pass"),  # cut to whole milliseconds: 2.45 % short, and no fault of our clock
        (20.00, 20, "pass"),
        (21.15, 20, "pass"),  # 0.7 % more than the account can hold
        (21.30, 20, "fail"),
        (19.85, 20, "pass"),
        (19.70, 20, "fail"),  # no cut makes an account longer
        (9.5, 9, "unknown"),  # a ninth may be missing: such an account shows nothing
    ],
)
def test_an_account_of_whole_ticks_is_an_interval(step_ms, told_ms, status):
    stamps = np.array([round((50 + step_ms * k) * 1e6) for k in range(65)])
    account = {"prefill_ns": 50_000_000, "decode_ns": told_ms * 64_000_000, "decode_cut_ns": 64_000_000}
    found = check_rules.engine_counters(
        [trial(token_ns=stamps, step_ns=np.zeros(0, np.int64), output_tokens=65, engine=account)]
    )
    assert found.status == status, found.text
    assert found.evidence["cut_ns"] == 64_000_000
    if status != "unknown":
        assert f"{step_ms / told_ms:.4f} of the engine's own account over 1 trial" in found.text
        assert (abs(found.evidence["gap_ppm"]) <= 10_000) == (status == "pass")


def test_a_pass_with_a_draft_is_no_step():
    """It holds the draft's own work: a short prompt may well be computed sooner."""
    slow = {"token_ns": np.array([5_000_000, 25_000_000, 45_000_000]), "step_ns": np.array([], dtype=np.int64)}
    plain = trial(**slow)
    drafted = trial(**slow, engine={"draft_tokens": 8, "accepted_tokens": 0, "decode_steps": 2})
    assert check_rules.ttft_physics([plain]).status == "fail"
    assert check_rules.ttft_physics([drafted]).status == "unknown"
    assert check_rules.ttft_physics([plain, drafted]).status == "fail"


@pytest.mark.parametrize(("rate", "status"), [(50.0, "pass"), (100.0, "pass"), (120.0, "fail")])
def test_nothing_decodes_faster_than_memory_can_be_read(rate, status):
    assert check_rules.decode_physics(rate, 250_000_000, Ceiling(25_000_000_000, "measured")).status == status


@pytest.mark.parametrize(("tokens_a_pass", "status"), [(1.0, "fail"), (2.5, "pass")])
def test_tokens_of_declared_drafts_share_a_reading_of_the_weights(tokens_a_pass, status):
    found = check_rules.decode_physics(230.0, 250_000_000, Ceiling(25_000_000_000, "measured"), tokens_a_pass)
    assert found.status == status
    assert ("2.50 tokens a pass" in found.text) is (status == "pass")


@pytest.mark.parametrize(("rate", "status"), [(1000.0, "pass"), (20_000.0, "fail")])
def test_nothing_computes_faster_than_the_cores_can(rate, status):
    assert check_rules.prefill_physics(rate, 200_000_000, Ceiling(3_000_000_000_000, "peak")).status == status


def test_rules_declared_beforehand_make_a_trial_invalid():
    assert judge(trial(), complete=True).valid
    assert judge(trial(), complete=False).invalid_reason.startswith("process-failed")
    stopped = trial(counters={"cpu_throttled_ns": 5_000_000})
    assert judge(stopped, complete=True).invalid_reason.startswith("throttled")
    assert judge(trial(counters={"cpu_throttled_ns": 500_000}), complete=True).valid
    assert judge(trial(invalid_reason="token-count: 1 of 3"), complete=False).invalid_reason == "token-count: 1 of 3"
