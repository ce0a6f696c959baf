"""What the meters say of a run, and where they say nothing."""

import numpy as np

from harness.measure.trial import Mode, Purpose, Trial
from harness.run.conclude.energy import energy_per_token


def trial(engine):
    stamps = np.array([1_000_000_000, 3_000_000_000], dtype=np.int64)
    return Trial(
        0, 0, "w", Purpose.TIMED, Mode.GREEDY, 8, 2, 0, stamps, np.array([], dtype=np.int64), (),
        {"device_energy_uj": 40_000_000}, engine,
    )  # fmt: skip


def test_energy_is_that_of_the_trials():
    assert energy_per_token("w", [trial({})])["value_nj"] == 20_000_000_000


def test_a_counter_that_may_hold_a_load_tells_no_energy():
    found = energy_per_token("w", [trial({"load_ns": 1_000_000})])
    assert found["value_nj"] is None
    assert "may load its model again" in found["reason"]
