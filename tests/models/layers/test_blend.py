"""Blends are means of quantiles, and a mean is that of the distribution that quantiles describe."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import lognorm, norm

from tidegate.models.layers.blend import Blend, level_weights, mean_of

LEVELS = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)


def test_a_blend_is_the_mean_of_quantiles_step_by_step() -> None:
    layer = Blend(2, (0.1, 0.5, 0.9))
    layer.build((1, 2, 3))
    layer.set_weights([np.array([1.0, 0.25]), np.array([[9.0] * 3, [-2.0, 0.0, 1.0]])])
    quantiles = np.array([[[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]]], np.float32)
    forecast, error = np.array([[5.0, 10.0]], np.float32), np.array([[1.0, 2.0]], np.float32)
    found = np.asarray(layer(quantiles, forecast, error))
    # 0.25 q + 0.75 (10 + 2 c).
    np.testing.assert_allclose(found, [[[1, 2, 3], [4.75, 8.0, 9.75]]])
    np.testing.assert_array_equal(layer(quantiles, forecast, error, training=True), quantiles)


def test_the_mean_is_that_of_the_distribution() -> None:
    assert level_weights(LEVELS).sum() == pytest.approx(1)
    quantiles = norm.ppf(LEVELS, 3, 2).astype(np.float32)
    assert float(mean_of(quantiles, LEVELS)) == pytest.approx(3, abs=1e-5)
    skewed = lognorm(0.5, scale=10)
    found = float(mean_of(skewed.ppf(LEVELS).astype(np.float32), LEVELS))
    assert found == pytest.approx(skewed.mean(), rel=0.03)


def test_far_quantiles_do_not_carry_the_mean_away() -> None:
    quantiles = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 1e3, 1e6], np.float32)
    assert float(mean_of(quantiles, LEVELS)) == 4
