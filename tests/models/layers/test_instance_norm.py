"""Reversible instance normalisation: the statistics of NumPy, and the way back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tidegate.models.layers.instance_norm import MODES, InstanceNorm

VALUES = np.array([[1.0, 2.0, 9.0, 4.0, 0.0], [5.0, 7.0, 0.0, 0.0, 0.0]], np.float32)
NUMBERS = st.floats(-1e4, 1e4, width=32, allow_subnormal=False)
OBSERVED = np.array([[1, 1, 0, 1, 1], [1, 1, 0, 0, 0]], bool)


@pytest.mark.parametrize("mode", MODES)
def test_center_and_scale_are_those_of_numpy(mode: str) -> None:
    _, center, scale = InstanceNorm(mode)(VALUES, OBSERVED)
    for row in range(2):
        seen = VALUES[row][OBSERVED[row]]
        ordered = np.sort(seen)
        low, middle, high = (ordered[int(share * (len(seen) - 1))] for share in (0.25, 0.5, 0.75))
        expected = {
            "mean": (seen.mean(), seen.std()),
            "last": (seen[-1], seen.std()),
            "robust": (middle, (high - low) / 1.349 or seen.std() or 1e-2 * abs(middle)),
            "none": (0.0, 1.0),
        }[mode]
        found = float(center[row, 0]), float(scale[row, 0])
        np.testing.assert_allclose(found, expected, rtol=1e-5)


@settings(max_examples=40, deadline=None)
@given(
    values=hnp.arrays(np.float32, (3, 7), elements=NUMBERS),
    observed=hnp.arrays(bool, (3, 7)),
    mode=st.sampled_from(MODES),
)
def test_there_and_back(values: np.ndarray, observed: np.ndarray, mode: str) -> None:
    scaled, center, scale = (np.asarray(one) for one in InstanceNorm(mode)(values, observed))
    assert np.isfinite(scaled).all() and not scaled[~observed].any()
    assert (scale > 0).all()
    back = np.asarray(InstanceNorm.inverse(scaled, center, scale))
    size = np.abs(values).max() + 1
    for row in range(3):
        if observed[row].any():
            seen = observed[row]
            np.testing.assert_allclose(back[row][seen], values[row][seen], atol=1e-5 * size)
        else:
            assert np.isnan(back[row]).all()


def test_what_is_not_observed_has_no_effect() -> None:
    changed = np.where(OBSERVED, VALUES, np.float32("nan"))
    for mode in MODES:
        for found, expected in zip(
            InstanceNorm(mode)(changed, OBSERVED), InstanceNorm(mode)(VALUES, OBSERVED), strict=True
        ):
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("value,expected", [(0.0, 1.0), (1000.0, 10.0), (1e-6, 1e-8), (-5.0, 0.05)])
def test_a_constant_row_has_a_scale_after_its_level(value: float, expected: float) -> None:
    values = np.full((1, 6), value, np.float32)
    scaled, center, scale = InstanceNorm("mean")(values, np.ones((1, 6), bool))
    assert float(scale[0, 0]) == pytest.approx(expected, rel=1e-3)
    assert np.abs(np.asarray(scaled)).max() < 0.01
    assert float(center[0, 0]) == pytest.approx(value)


@pytest.mark.parametrize("level", [1e4, 1e6, 1e7])
@pytest.mark.parametrize("mode", ["mean", "last", "robust"])
def test_what_moves_on_a_high_level_is_seen(level: float, mode: str) -> None:
    wave = np.float32(10 * np.sin(np.arange(48) / 3))[np.newaxis]
    values = np.float32(level) + wave
    there = np.ones(values.shape, bool)
    exact = values.astype(np.float64)
    scaled, center, scale = (np.asarray(one) for one in InstanceNorm(mode)(values, there))
    expected = np.asarray(InstanceNorm(mode)(np.float32(exact - level), there)[2])
    np.testing.assert_allclose(scale, expected, rtol=0.01)
    np.testing.assert_allclose(scaled, (exact - center) / scale, atol=0.1)
    assert 1 < np.ptp(scaled) < 6


def test_robust_takes_the_deviation_where_most_values_are_equal() -> None:
    values = np.array([[5.0] * 40 + [100.0] + [5.0] * 7], np.float32)
    there = np.ones(values.shape, bool)
    scaled, center, scale = (np.asarray(one) for one in InstanceNorm("robust")(values, there))
    assert center[0, 0] == 5.0
    assert scale[0, 0] == pytest.approx(values.std(), rel=1e-5)
    assert np.abs(scaled).max() < 10


def test_a_bad_mode_is_refused() -> None:
    with pytest.raises(ValueError, match="Received mode='median'"):
        InstanceNorm("median")
