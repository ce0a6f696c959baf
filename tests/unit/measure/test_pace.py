"""A stream's pace is not always the tokens': what came together is not counted as speed, and where no pace shows there is none."""

import numpy as np
import pytest

from harness.measure.aggregate import summarise
from harness.measure.findings import Severity, workload_findings
from harness.measure.metrics import Metric, measure_trial
from harness.measure.trial import Mode, Purpose, Trial
from harness.verify import check_rules

MS = 1_000_000
NONE = np.zeros(0, np.int64)


def trial(at_ms, engine=None):
    """A trial whose tokens came at these milliseconds."""
    stamps = np.array([round(at * MS) for at in at_ms], np.int64)
    return Trial(
        0, 0, "w", Purpose.TIMED, Mode.GREEDY, 10, len(at_ms), 0, stamps, NONE, engine=engine or {}
    )  # fmt: skip


def stream(at_ms, chunks=None, placed=None, **engine):
    told = {"chunks": len(set(at_ms)) if chunks is None else chunks, "placed_tokens": len(at_ms)}
    return trial(at_ms, told | ({} if placed is None else {"placed_tokens": placed}) | engine)


def paced(first, n, step_ms, at=500.0):
    """`first` tokens at once, the others one by one."""
    return [at] * first + [at + step_ms * (k + 1) for k in range(n - first)]


def codes(one):
    return [(f.code, f.severity) for f in workload_findings("w", [one])]


def test_tokens_of_the_first_chunk_are_no_decode_steps():
    found = measure_trial(stream(paced(32, 64, 10)))
    assert found.decode_rate == pytest.approx(100)
    assert found.tpot == pytest.approx(10 * MS)
    assert found.itl.size == 32
    assert found.ttft == 500 * MS
    assert found.e2e == 820 * MS


def test_the_same_holds_where_an_engine_stamps_several_tokens_at_once():
    found = measure_trial(trial(paced(5, 25, 10)))
    assert found.decode_rate == pytest.approx(100)
    assert found.itl.tolist() == [10 * MS] * 20


def test_a_first_moment_of_several_tokens_is_not_the_end_of_the_prefill():
    one = stream(paced(32, 64, 10))
    assert measure_trial(one).prefill_rate is None
    assert measure_trial(stream(paced(1, 64, 10))).prefill_rate == pytest.approx(20)
    assert codes(one) == [("chunked", Severity.NOTE)]


def test_equal_chunks_have_a_rate_and_no_time_between_tokens():
    found = measure_trial(stream([500 + 30 * (k // 3) for k in range(24)]))
    assert found.decode_rate == pytest.approx(100)
    assert found.itl is None


def test_a_token_joined_now_and_then_leaves_the_time_between_tokens():
    at = paced(1, 64, 10)
    at[20] = at[21]
    found = measure_trial(stream(at, chunks=63))
    assert found.itl.size == 61
    assert np.median(found.itl) == 10 * MS
    assert found.decode_rate == pytest.approx(100)


UNREADABLE = {
    "all in one chunk": stream([640.0] * 64),
    "held back and released event by event": stream([640 + 0.05 * k for k in range(64)]),
    "two chunks": stream([500.0] * 32 + [820.0] * 32),
    "flushed three times": stream([500.0] * 22 + [700.0] * 21 + [900.0] * 21),
    "all but a few tokens with the first": stream(paced(60, 64, 10)),
    "held back, then let go slowly": stream([500 + k for k in range(34)] + [534 + 10 * k for k in range(1, 31)]),
    "chunks that do not tell what they hold": stream(paced(1, 33, 10) + [830.0] * 31, chunks=33, placed=33),
    "a record from before chunks were counted": trial(paced(1, 33, 10) + [830.0] * 31, {"chunks": 33}),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_where_no_pace_can_be_read_there_is_none(name):
    one = UNREADABLE[name]
    found = measure_trial(one)
    assert found.decode_rate is None
    assert found.tpot is None
    assert found.itl is None
    assert found.ttft == one.token_ns[0]
    assert found.e2e == one.token_ns[-1]
    assert ("chunked", Severity.INVALID) in codes(one)
    assert {entry.metric for entry in summarise("w", [one]).metrics} <= {Metric.TTFT, Metric.E2E, Metric.PREFILL_RATE}


def test_one_unreadable_stream_among_several_is_a_warning():
    several = [stream(paced(1, 24, 10)) for _ in range(4)]
    found = workload_findings("w", [*several, stream([640.0] * 24)])
    assert ("chunked", Severity.WARNING) in {(f.code, f.severity) for f in found}


def test_one_token_in_a_hundred_of_unknown_place_is_not_counted():
    at = [*paced(1, 127, 10), 1760.0]
    assert measure_trial(stream(at, chunks=127, placed=127)).decode_rate == pytest.approx(100)
    assert measure_trial(stream([*at[:-1], 1760.0, 1760.0], chunks=127, placed=127)).decode_rate is None


def test_a_pause_in_a_stream_is_part_of_its_pace():
    at = [500 + 10 * k + (50 if k > 11 else 0) for k in range(24)]
    assert measure_trial(stream(at)).decode_rate == pytest.approx(23 / 0.28)


def test_events_released_many_at_once_count_by_the_moments_of_their_release():
    at = [500 + 100 * (k // 10) + 0.03 * (k % 10) for k in range(100)]
    assert measure_trial(stream(at)).decode_rate == pytest.approx(100)


def test_a_fast_stream_keeps_its_rate():
    assert measure_trial(stream([50 + 0.5 * k for k in range(64)])).decode_rate == pytest.approx(2000)


def test_the_servers_own_account_is_held_against_the_stream():
    honest = [stream(paced(32, 64, 10), decode_ns=630 * MS)]
    assert check_rules.engine_counters(honest).status == "pass"
    hurried = [stream([500 + 5 * k for k in range(64)], decode_ns=630 * MS)]
    found = check_rules.engine_counters(hurried)
    assert found.status == "fail"
    assert found.evidence["gap_ppm"] < -490_000
    by_all_tokens = [stream([500 + 10 * k for k in range(12)], decode_ns=120 * MS)]
    assert check_rules.engine_counters(by_all_tokens).status == "pass"


def test_two_clocks_and_a_network_may_differ_by_a_little_only_at_a_server():
    at = [500 + 10.3 * k for k in range(64)]
    assert check_rules.engine_counters([stream(at, decode_ns=630 * MS)]).status == "pass"
    assert check_rules.engine_counters([trial(at, {"decode_ns": 630 * MS})]).status == "fail"


def test_a_stream_whose_tokens_come_together_shows_no_step():
    assert check_rules.ttft_physics([stream([500 + 30 * (k // 3) for k in range(24)])]).status == "unknown"
    assert check_rules.ttft_physics([stream(paced(1, 24, 10))]).status == "pass"
