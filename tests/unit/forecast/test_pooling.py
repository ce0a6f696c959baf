"""Partial pooling: exact where it can be checked by fitting again, and drawn towards its like."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.forecast.conformal import reach
from harness.forecast.pooling import Effect, Features, Spread, fit, groups_of

EFFECTS = (Effect("device", "device"), Effect("size", "", "x", 1.0))
SPREAD = Spread({"device": 0.3, "size": 0.2}, 0.05, {"cuda": 1e-4})


def features(devices, x):
    x = np.asarray(x, float)
    return Features(
        {"device": np.array(devices), "family": np.array(["cuda"] * len(x))},
        {"x": x, "layers": np.full(len(x), 32.0)},
        np.exp(x) * 1e-3,
    )


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abcd"), st.floats(0, 3), st.floats(-8, -4)), min_size=6, max_size=20))
def test_leaving_a_group_out_is_what_fitting_without_it_gives(rows):
    devices, x, y = (list(column) for column in zip(*rows, strict=True))
    if len(set(devices)) < 2:
        return
    pool = fit(EFFECTS, SPREAD, features(devices, x), np.array(y), rounds=0)
    residual, deviation = pool.without(groups_of(devices))
    for group in groups_of(devices):
        kept = [i for i in range(len(y)) if i not in group]
        part = fit(
            EFFECTS, SPREAD, features([devices[i] for i in kept], [x[i] for i in kept]), np.array(y)[kept], rounds=0
        )
        mean, sd = part.predict(features([devices[i] for i in group], [x[i] for i in group]))
        np.testing.assert_allclose(residual[group], np.array(y)[group] - mean, atol=1e-7)
        np.testing.assert_allclose(deviation[group], sd, atol=1e-7)


def test_what_was_measured_often_speaks_for_itself_and_what_was_measured_once_is_drawn_to_its_like():
    devices = ["a"] * 10 + ["b"]
    found = features(devices, [1.0] * 11)
    level = np.log(found.ideal + 1e-4)
    pool = fit(EFFECTS, SPREAD, found, level + np.array([0.5] * 10 + [-0.5]), rounds=0)
    (a, b), deviations = pool.predict(features(["a", "b"], [1.0, 1.0]))
    assert a - level[0] == pytest.approx(0.5, abs=0.05)
    assert -0.48 < b - level[0] < 0.3
    assert deviations[1] > deviations[0]


def test_an_odd_row_loses_weight_instead_of_moving_the_rest():
    found = features(["a"] * 9, [1.0] * 9)
    level = np.log(found.ideal + 1e-4)
    pool = fit(EFFECTS, SPREAD, found, level + np.array([0.0] * 8 + [3.0]), rounds=3)
    assert pool.scale[8] > 4 * pool.scale[0]
    assert abs(pool.predict(features(["a"], [1.0]))[0][0] - level[0]) < 0.2


def test_the_fixed_cost_is_paid_for_each_token_whatever_it_reads():
    x = np.array([-6.0])
    pool = fit(EFFECTS, SPREAD, features(["a"], [1.0]), np.log(features(["a"], [1.0]).ideal + 1e-4))
    mean, _ = pool.predict(
        Features(
            {"device": np.array(["a"]), "family": np.array(["cuda"])},
            {"x": x, "layers": np.full(1, 32.0)},
            np.exp(x) * 1e-3,
        )
    )
    assert np.exp(mean[0]) > 9e-5


@pytest.mark.parametrize(("rows", "of_80"), [(10, 1.0), (20, 5.0)])
def test_half_of_the_weight_is_each_groups_and_half_each_measurements(rows, of_80):
    # Below 5 lie 30/32 by group, and 30/41 or 30/51 by measurement: 0.83 and 0.76 of both.
    errors = np.array([5.0] * rows + [1.0] * 30)
    keys = ["large"] * rows + [f"small {i}" for i in range(30)]
    assert (reach(errors, keys).of_80, reach(errors, keys).of_95) == (of_80, 5.0)


def test_nothing_to_calibrate_with_is_an_error():
    with pytest.raises(ValueError, match="no errors"):
        reach(np.array([]), [])


def test_the_keys_of_points_are_numbered_once_and_a_part_of_them_anew():
    found = features(["b", "a", "b", "c"], [1.0] * 4)
    first = found.coded("device")
    assert dict(first.numbers) == {"b": 0, "a": 1, "c": 2}
    assert first.of_points.tolist() == [0, 1, 0, 2]
    assert found.coded("device") is first
    assert found.rows(np.array([3, 1])).coded("device").of_points.tolist() == [0, 1]
