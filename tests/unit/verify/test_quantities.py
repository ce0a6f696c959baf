"""Estimates as a record's integers: what can't be written is left out with its reason, and the point stays."""

import numpy as np
import pytest

from harness.measure.estimate import estimate
from harness.record.canonical import canonical
from harness.verify.quantities import MOST, TOO_WIDE, estimate_of


@pytest.mark.parametrize("apart", [30.0, 1e6, 1e300])
def test_an_interval_too_wide_to_write_is_none_and_says_why(apart):
    found = estimate_of(estimate([np.array([50.0]), np.array([50.0 * apart ** (1 if apart < 1e100 else 0.01)])]), 1e6)
    assert found is not None
    assert 0 < found.point < MOST
    if found.high is None:
        assert (found.low, found.half_width_ppm, found.reason) == (None, None, TOO_WIDE)
    canonical(found.model_dump(mode="json"))


def test_the_widest_of_two_processes_is_left_out_and_the_usual_one_is_not():
    wide = estimate_of(estimate([np.array([1.0]), np.array([1e6])]), 1e6)
    usual = estimate_of(estimate([np.array([50.0]), np.array([51.0])]), 1e6)
    assert wide is not None
    assert usual is not None
    assert wide.reason == TOO_WIDE
    assert usual.low is not None
    assert usual.high is not None
    assert usual.low < usual.point < usual.high
