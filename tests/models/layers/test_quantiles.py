"""Quantiles do not cross; the loss is scikit-learn's; intervals cover what they promise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import mean_pinball_loss

from tidegate.models.layers.quantiles import (
    IntervalCorrection,
    check_levels,
    conformal_margins,
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
    margins=hnp.arrays(np.float32, (3, 2), elements=NUMBERS),
)
@settings(max_examples=30, deadline=None)
def test_corrected_quantiles_do_not_cross(raw: np.ndarray, margins: np.ndarray) -> None:
    layer = IntervalCorrection(3, LEVELS)
    layer.build(raw.shape)
    layer.set_weights([margins])
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


def test_margins_widen_both_ends_outermost_first() -> None:
    layer = IntervalCorrection(1, LEVELS)
    layer.build((1, 1, 5))
    layer.set_weights([np.array([[3.0, 1.0]], np.float32)])
    found = layer(np.array([[[-2.0, -1.0, 0.0, 1.0, 2.0]]], np.float32))
    assert np.asarray(found).tolist() == [[[-5.0, -2.0, 0.0, 2.0, 5.0]]]
    layer.set_weights([np.array([[-1.5, -0.75]], np.float32)])
    found = layer(np.array([[[-2.0, -1.0, 0.0, 1.0, 2.0]]], np.float32))
    assert np.asarray(found).tolist() == [[[-0.5, -0.25, 0.0, 0.25, 0.5]]]


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
    margins = conformal_margins(seen, quantiles, LEVELS, pooled)
    assert margins.shape == (3, 2)
    for pair, share in ((0, 0.95), (1, 0.8)):
        low, high = ends[pair] - margins[:, pair], ends[-1 - pair] + margins[:, pair]
        covered = ((low <= unseen) & (unseen <= high)).mean()
        assert covered == pytest.approx(share, abs=0.015)


def test_margins_worked_by_hand() -> None:
    # Scores max(l - y, y - u) of l = -1, u = 1: |y| - 1. Nine of them; ceil(10 * 0.8) = the 8th.
    target = np.array([[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]]).T
    quantiles = np.broadcast_to(np.array([-1.0, 0.0, 1.0]), (9, 1, 3))
    found = conformal_margins(target, quantiles, (0.1, 0.5, 0.9), pooled=False)
    np.testing.assert_allclose(found, [[-0.2]], atol=1e-6)
    # Too few for the promise: the largest.
    found = conformal_margins(target[:2], quantiles[:2], (0.1, 0.5, 0.9), pooled=False)
    np.testing.assert_allclose(found, [[-0.8]], atol=1e-6)


def test_few_rows_do_not_narrow_an_interval() -> None:
    # 99 scores |y| - 1 of -0.99 to -0.01, all covered: ranks 80, and 80 + 40 / sqrt(independent).
    target = np.linspace(0.01, 0.99, 99)[:, None]
    quantiles = np.broadcast_to(np.array([-1.0, 0.0, 1.0]), (99, 1, 3))
    for independent, expected in ((1e9, -0.19), (100, -0.16), (25, -0.12), (4, -0.01)):
        found = conformal_margins(target, quantiles, (0.1, 0.5, 0.9), True, independent)
        np.testing.assert_allclose(found, [[expected]], atol=1e-6)
    # Half of them outside: a narrow interval is widened however few the rows are.
    found = conformal_margins(2 * target, quantiles, (0.1, 0.5, 0.9), True, 1)
    np.testing.assert_allclose(found, [[0.6]], atol=1e-6)
    # 81 of 99 inside: 80 % are covered as it is, and 4 more rows are no proof of that.
    found = conformal_margins(target / 0.81, quantiles, (0.1, 0.5, 0.9), True, 100)
    assert found.tolist() == [[0.0]]


def test_missing_targets_are_left_out_and_none_gives_no_correction() -> None:
    target = np.array([[0.5, np.nan], [np.nan, np.nan], [0.7, np.nan]])
    quantiles = np.broadcast_to(np.array([-1.0, 0.0, 1.0]), (3, 2, 3))
    found = conformal_margins(target, quantiles, (0.1, 0.5, 0.9), pooled=False)
    np.testing.assert_allclose(found, [[-0.3], [0.0]], atol=1e-6)


@pytest.mark.parametrize(
    "levels", [(0.1, 0.9), (0.1, 0.5, 0.8), (0.9, 0.5, 0.1), (0.0, 0.5, 1.0), (0.5, 0.5, 0.5)]
)
def test_levels_must_mirror_each_other(levels: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="Received levels"):
        check_levels(levels)
