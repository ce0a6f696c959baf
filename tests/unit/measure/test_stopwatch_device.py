"""Stamps that a device made: they replace the host's, which brackets them."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from harness.measure.findings import workload_findings
from harness.measure.stopwatch import Stopwatch
from harness.measure.trial import Mode, Purpose, Trial
from runtimes.support.cuda_events import CudaEvents


class Recorded:
    def __init__(self, lengths):
        self.lengths = lengths

    def elapsed_ns(self, count):
        return np.asarray(self.lengths[: count - 1], dtype=np.int64)


@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=20))
def test_tokens_are_the_sums_of_the_device_s_intervals(lengths):
    watch = Stopwatch(len(lengths))
    watch.start()
    watch.device(Recorded(lengths), len(lengths) + 1)
    assert watch.token_ns().tolist() == np.cumsum(lengths).tolist()
    assert watch.step_ns().size == 0
    assert watch.host_ns is not None
    watch.start()
    assert watch.host_ns is None


class _Event:
    """A CUDA event of recorded time: milliseconds since the stream began."""

    made = 0

    def __init__(self, enable_timing):
        assert enable_timing
        self.at = None

    def record(self, stream):
        _Event.made += 1
        self.at = stream.now
        stream.now += 1.25

    def elapsed_time(self, other):
        return other.at - self.at


class _Torch:
    class cuda:  # noqa: N801 - as torch spells it
        Event = _Event
        stream = type("Stream", (), {"now": 0.0})()
        synchronised = 0

        @classmethod
        def current_stream(cls, device):
            return cls.stream

        @classmethod
        def synchronize(cls, device):
            cls.synchronised += 1


def test_events_are_created_beforehand_and_read_as_neighbours():
    pool = CudaEvents(_Torch, "cuda:0", 4)
    assert len(pool) == 4
    assert _Event.made == 4  # each was recorded once, so that the driver made it
    assert _Torch.cuda.synchronised == 1
    for index in range(3):
        pool.record(index)
    assert pool.elapsed_ns(3).tolist() == [1_250_000, 1_250_000]
    assert _Torch.cuda.synchronised == 1  # reading never synchronises: the adapter does, once


def trial(device_ns, host_ns):
    return Trial(
        process=0, order=0, workload="w", purpose=Purpose.TIMED, mode=Mode.GREEDY, prompt_tokens=4, output_tokens=2,
        start_ns=0, token_ns=np.array([device_ns // 2, device_ns]), step_ns=np.zeros(0, np.int64), output_ids=(1, 2),
        counters={"host_e2e_ns": host_ns},
    )  # fmt: skip


def test_clocks_that_disagree_by_more_than_one_per_cent_are_a_finding():
    near = workload_findings("w", [trial(1_000_000, 1_005_000)] * 3)
    far = workload_findings("w", [trial(1_000_000, 1_020_000)] * 3)
    assert "clock_disagreement" not in {finding.code for finding in near}
    found = next(finding for finding in far if finding.code == "clock_disagreement")
    assert found.evidence == {"host_ns": 3_060_000, "device_ns": 3_000_000}
