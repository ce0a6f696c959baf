"""The worker's pipe: what goes in comes out, and nothing else is taken for a frame."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.measure.trial import Mode, Purpose, Trial
from harness.worker.frames import Decoder, Frame, ProtocolError, encode, trial_frame, trial_from

HEADERS = st.dictionaries(st.sampled_from(["a", "b", "c"]), st.integers() | st.text() | st.none())


@given(frames=st.lists(st.tuples(HEADERS, st.binary(max_size=200)), max_size=6), cuts=st.lists(st.integers(1, 60)))
def test_frames_survive_any_way_of_cutting_the_stream(frames, cuts):
    stream = b"".join(encode("k", header, body) for header, body in frames)
    decoder, got, position = Decoder(), [], 0
    for size in [*cuts, len(stream) + 1]:
        got += decoder.feed(stream[position : position + size])
        position += size
    assert [(dict(f.header), f.body) for f in got] == frames
    assert decoder.pending == 0


@pytest.mark.parametrize(
    "data",
    [b"\0garbage" * 40, b"RPF1" + b"\xff" * 12, encode("k", {})[:-1] + b"?", b"print() from a runtime\n" * 3],
    ids=["nuls", "lengths over the limit", "wrong checksum", "text"],
)
def test_garbage_is_refused_at_once(data):
    with pytest.raises(ProtocolError):
        list(Decoder().feed(data))


def test_half_a_frame_waits_for_the_rest():
    data = encode("k", {"a": 1}, b"body")
    decoder = Decoder()
    assert list(decoder.feed(data[:-3])) == []
    assert decoder.pending == len(data) - 3
    assert [f.body for f in decoder.feed(data[-3:])] == [b"body"]


def test_a_trial_comes_back_whole():
    trial = Trial(
        process=2, order=5, workload="w", purpose=Purpose.TIMED, mode=Mode.GREEDY, prompt_tokens=4, output_tokens=3,
        start_ns=17, token_ns=np.array([5, 9, 14]), step_ns=np.array([4, 3, 4]), output_ids=(7, 8, 9),
        counters={"major_faults": 1}, engine={"decode_ns": 7}, invalid_reason="why",
    )  # fmt: skip
    header, body = trial_frame(trial)
    back = trial_from(Frame("trial", json.loads(json.dumps(header)), body))
    assert back.token_ns.tolist() == [5, 9, 14]
    assert back.step_ns.tolist() == [4, 3, 4]
    for name in (
        "process",
        "order",
        "workload",
        "purpose",
        "mode",
        "output_ids",
        "counters",
        "engine",
        "invalid_reason",
    ):
        assert getattr(back, name) == getattr(trial, name)


def test_a_trial_whose_sizes_lie_is_refused():
    with pytest.raises(ProtocolError):
        trial_from(Frame("trial", {"sizes": [3, 0, 0], "purpose": "timed", "mode": "greedy"}, b"\0" * 8))
