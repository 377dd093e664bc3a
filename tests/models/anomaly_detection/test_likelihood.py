"""The anomaly likelihood beside the published formula, step by step."""

import numpy as np
from scipy.stats import norm

from tidegate.models.anomaly_detection.likelihood import (
    likelihood,
    running_surprise,
    standardised,
)


def test_it_is_the_published_formula() -> None:
    random = np.random.default_rng(0)
    errors = random.gamma(2.0, size=(2, 60)).astype(np.float32)
    errors[1, 7:12] = np.nan
    window, recent = 20, 5
    alone, short = (one.numpy() for one in standardised(errors, window, recent, enough=2))
    found = likelihood(short).numpy()
    for row in range(2):
        for step in range(2, 60):
            past = errors[row, max(0, step - window + 1) : step + 1]
            past = past[np.isfinite(past)]
            last = errors[row, max(0, step - recent + 1) : step + 1]
            last = last[np.isfinite(last)]
            if past.size < 2 or not last.size:
                assert np.isnan(found[row, step])
                continue
            mean, deviation = past.mean(), past.std(ddof=1)
            expected = 1 - norm.sf((last.mean() - mean) / deviation)
            np.testing.assert_allclose(found[row, step], expected, atol=1e-5)
            if np.isfinite(errors[row, step]):
                z = (errors[row, step] - mean) / deviation
                np.testing.assert_allclose(alone[row, step], z, rtol=1e-4, atol=1e-4)


def test_the_score_of_a_stream_is_the_least_tail_of_three() -> None:
    alone = np.array([4.0, 0.5, 0.0, np.nan], np.float32)
    recent = np.array([1.0, 0.2, -3.0, 1.0], np.float32)
    found = running_surprise(alone, recent).numpy()
    least = [norm.sf(4.0), norm.sf(0.5), norm.sf(3.0)]
    expected = np.maximum(-np.log10(3 * np.array(least)), 0)
    np.testing.assert_allclose(found[:3], expected, rtol=1e-4, atol=1e-5)
    assert np.isnan(found[3])
