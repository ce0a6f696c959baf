"""Whatever was measured comes back from the samples file as it was, and gives the same summary."""

from hashlib import sha256

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.measure.trial import Mode, Purpose, Trial
from harness.record.samples import decode, encode
from harness.verify.summary import results
from harness.verify.trials import columns_of, trials_of

GAPS = st.lists(st.integers(1, 10**9), min_size=1, max_size=8)


@st.composite
def trials(draw):
    gaps = draw(GAPS)
    output = draw(st.sampled_from([len(gaps), 0])) if len(gaps) == 1 else len(gaps)
    return Trial(
        process=draw(st.integers(0, 3)), order=draw(st.integers(0, 99)), workload=draw(st.sampled_from(["a", "b"])),
        purpose=draw(st.sampled_from(Purpose)), mode=draw(st.sampled_from(Mode)), prompt_tokens=draw(st.integers(1, 9)),
        output_tokens=output, start_ns=draw(st.integers(0, 2**50)), token_ns=np.cumsum(gaps).astype(np.int64),
        step_ns=np.array(gaps if draw(st.booleans()) else [], np.int64),
        output_ids=tuple(draw(st.lists(st.integers(0, 2**31), min_size=output, max_size=output))),
        counters=draw(st.dictionaries(st.sampled_from(["major_faults", "cpu_ns"]), st.integers(0, 2**50))),
        engine={}, invalid_reason=draw(st.sampled_from(["", "", "why"])),
    )  # fmt: skip


@settings(max_examples=60)
@given(st.lists(trials(), max_size=8))
def test_samples_survive_the_file(drawn):
    made = sorted(drawn, key=lambda trial: (trial.process, trial.order))  # as a run makes them
    data = encode(columns_of(made))
    back = trials_of(decode(data, sha256(data).hexdigest(), "x"), "x")
    assert columns_of(back) == columns_of(made)
    assert results(["a", "b"], back, "host") == results(["a", "b"], made, "host")
