"""Quantiles do not cross; the loss is scikit-learn's; intervals cover what they promise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import mean_pinball_loss

from tidegate.models.layers.quantiles import (
    Bounds,
    IntervalCorrection,
    check_levels,
    conformal_factors,
    ordered_quantiles,
    pinball,
)

LEVELS = (0.025, 0.1, 0.5, 0.9, 0.975)
NUMBERS = st.floats(-50, 50, width=32, allow_subnormal=False)
raw = hnp.arrays(np.float32, (2, 3, 5), elements=NUMBERS)


@given(raw=raw)
@settings(max_examples=30, deadline=None)
def test_quantiles_do_not_cross(raw: np.ndarray) -> None:
    found = np.asarray(ordered_quantiles(raw))
    assert found.shape == raw.shape
    assert (np.diff(found, axis=-1) >= 0).all()
    np.testing.assert_array_equal(found[..., 2], raw[..., 2])


def test_steps_from_the_median_are_softplus() -> None:
    values = np.array([[0.5, -1.0, 2.0, 0.0, 1.0]], np.float32)
    steps = np.log1p(np.exp(values - 1))[0]
    expected = [2 - steps[1] - steps[0], 2 - steps[1], 2, 2 + steps[3], 2 + steps[3] + steps[4]]
    np.testing.assert_allclose(ordered_quantiles(values)[0], expected, rtol=1e-5)


@given(
    raw=raw,
    factors=hnp.arrays(np.float32, (3, 2), elements=st.floats(0, 10, width=32)),
)
@settings(max_examples=30, deadline=None)
def test_corrected_quantiles_do_not_cross(raw: np.ndarray, factors: np.ndarray) -> None:
    layer = IntervalCorrection(3, LEVELS)
    layer.build(raw.shape)
    layer.set_weights([factors])
    before = np.asarray(ordered_quantiles(raw))
    found = np.asarray(layer(before))
    assert (np.diff(found, axis=-1) >= 0).all()
    np.testing.assert_array_equal(found[..., 2], before[..., 2])


def test_training_goes_without_the_correction() -> None:
    layer = IntervalCorrection(1, LEVELS)
    layer.build((1, 1, 5))
    layer.set_weights([np.array([[3.0, 1.0]], np.float32)])
    quantiles = np.array([[[-2.0, -1.0, 0.0, 1.0, 2.0]]], np.float32)
    np.testing.assert_array_equal(layer(quantiles, training=True), quantiles)


def test_factors_widen_both_ends_outermost_first() -> None:
    layer = IntervalCorrection(1, LEVELS)
    layer.build((1, 1, 5))
    layer.set_weights([np.array([[3.0, 2.0]], np.float32)])
    found = layer(np.array([[[-2.0, -1.0, 1.0, 2.0, 4.0]]], np.float32))
    assert np.asarray(found).tolist() == [[[-8.0, -3.0, 1.0, 3.0, 10.0]]]
    layer.set_weights([np.array([[0.25, 2.0]], np.float32)])
    found = layer(np.array([[[-2.0, -1.0, 0.0, 1.0, 2.0]]], np.float32))
    # An outer end does not fall behind an inner one.
    assert np.asarray(found).tolist() == [[[-2.0, -2.0, 0.0, 2.0, 2.0]]]


def test_bounds_hold_what_is_answered_and_leave_training_its_slope() -> None:
    layer = Bounds(0.0, 2.0)
    values = np.array([-1.0, 1.0, 3.0, np.nan], np.float32)
    np.testing.assert_array_equal(layer(values), [0, 1, 2, np.nan])
    np.testing.assert_array_equal(layer(values, training=True), values)


def test_the_loss_is_that_of_scikit_learn() -> None:
    random = np.random.default_rng(0)
    target, quantiles = random.normal(size=(40,)), random.normal(size=(40, 5))
    found = np.asarray(pinball(target, quantiles, LEVELS)).mean(axis=0)
    for place, level in enumerate(LEVELS):
        expected = mean_pinball_loss(target, quantiles[:, place], alpha=level)
        assert found[place] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("pooled", [True, False])
@pytest.mark.parametrize("spread", [0.3, 1.0, 4.0])
def test_corrected_intervals_cover_what_they_promise(pooled: bool, spread: float) -> None:
    random = np.random.default_rng(1)
    # Normal quantiles of a wrong spread, on targets whose spread is 1.
    ends = np.array([-1.96, -1.2816, 0.0, 1.2816, 1.96]) * spread
    seen, unseen = random.normal(size=(2, 4000, 3))
    quantiles = np.broadcast_to(ends, (4000, 3, 5))
    factors = conformal_factors(seen, quantiles, LEVELS, pooled)
    assert factors.shape == (3, 2)
    for pair, share in ((0, 0.95), (1, 0.8)):
        half = ends[-1 - pair] * factors[:, pair]
        covered = (np.abs(unseen) <= half).mean()
        assert covered == pytest.approx(share, abs=0.015)


def test_factors_worked_by_hand() -> None:
    # Scores of l = -1, m = 0, u = 2: y / 2 above, -y below. Nine; ceil(10 * 0.8) = the 8th.
    target = np.array([[0.2, -0.2, 0.6, -0.4, 1.0, -0.6, 1.4, -0.8, 1.8]]).T
    quantiles = np.broadcast_to(np.array([-1.0, 0.0, 2.0]), (9, 1, 3))
    found = conformal_factors(target, quantiles, (0.1, 0.5, 0.9), pooled=False)
    np.testing.assert_allclose(found, [[0.8]], atol=1e-6)
    # Too few for the promise: the largest.
    found = conformal_factors(target[:2], quantiles[:2], (0.1, 0.5, 0.9), pooled=False)
    np.testing.assert_allclose(found, [[0.2]], atol=1e-6)
    flat = np.zeros((9, 1, 3))
    assert conformal_factors(target * 0, flat, (0.1, 0.5, 0.9), pooled=False) == 1
    assert conformal_factors(target * np.nan, flat, (0.1, 0.5, 0.9), pooled=False) == 1


def test_few_rows_are_believed_less() -> None:
    # 99 scores of 0.01 to 0.99, all covered: ranks 80, and 80 + 40 / sqrt(independent); of the
    # logarithm independent / (independent + 4) is taken.
    target = np.linspace(0.01, 0.99, 99)[:, None]
    quantiles = np.broadcast_to(np.array([-1.0, 0.0, 1.0]), (99, 1, 3))
    for independent, rank in ((1e9, 0.81), (100, 0.84), (16, 0.90), (4, 0.99)):
        found = conformal_factors(target, quantiles, (0.1, 0.5, 0.9), True, independent)
        expected = rank ** (independent / (independent + 4))
        np.testing.assert_allclose(found, [[expected]], atol=0.006)
    # Half of them outside: a narrow interval is widened, however few the rows are.
    found = conformal_factors(4 * target, quantiles, (0.1, 0.5, 0.9), True, 4)
    np.testing.assert_allclose(found, [[3.2**0.5]], atol=1e-6)


@pytest.mark.parametrize(
    "levels", [(0.1, 0.9), (0.1, 0.5, 0.8), (0.9, 0.5, 0.1), (0.0, 0.5, 1.0), (0.5, 0.5, 0.5)]
)
def test_levels_must_mirror_each_other(levels: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="Received levels"):
        check_levels(levels)
