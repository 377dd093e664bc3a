"""Batches hold every window once a pass, mixed across series; the same seed, the same order."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from models.forecasting.batches import batches, count
from models.forecasting.settings import FeatureSettings, ModelSettings

FEATURES = FeatureSettings(context=6, horizon=4, min_context=2)
LENGTHS = (60, 25, 40, 3)


def examples(first_target: int = 0) -> tf.data.Dataset:
    """Series of which each value says where it is from."""

    def rows() -> Any:
        for number, length in enumerate(LENGTHS):
            yield {
                "y": (1000 * (number + 1) + np.arange(length)).astype(np.float32),
                "known": np.zeros((length + 4, 7), np.float32),
                "ids": np.array([number]),
                "season": np.int64(1),
                "first_target": np.int64(first_target),
            }

    return tf.data.Dataset.from_generator(
        rows,
        output_signature={
            "y": tf.TensorSpec((None,), tf.float32),
            "known": tf.TensorSpec((None, 7), tf.float32),
            "ids": tf.TensorSpec((1,), tf.int64),
            "season": tf.TensorSpec((), tf.int64),
            "first_target": tf.TensorSpec((), tf.int64),
        },
    )


def firsts(found: tf.data.Dataset) -> list[float]:
    """The first target of each window."""
    return [float(one) for _, target, _ in found for one in target.numpy()[:, 0]]


def every_window() -> list[float]:
    windows = []
    for number, length in enumerate(LENGTHS):
        low = min(2, max(length - 4, (length + 1) // 2))
        windows += [1000.0 * (number + 1) + at for at in range(low, max(low, length - 4) + 1)]
    return windows


@pytest.mark.slow
def test_each_window_comes_as_often_as_any_other() -> None:
    expected = every_window()
    assert count(examples(), FEATURES) == len(expected)
    passes = 60
    stream = batches(examples(), FEATURES, ModelSettings(), 64, seed=3)
    seen = Counter(firsts(stream.take(passes * len(expected) // 64)))
    assert set(seen) == set(expected)
    # Series of all lengths; those that are still open at the end make the difference.
    assert passes - 20 < min(seen.values()) and max(seen.values()) < passes + 20


def test_batches_are_full_and_mix_series() -> None:
    for inputs, target, weight in batches(examples(), FEATURES, ModelSettings(), 64, 3).take(12):
        assert target.shape == (64, 4) and weight.shape == (64,)
        assert len(set(inputs["ids"].numpy()[:, 0])) > 1


@pytest.mark.slow
def test_the_seed_decides_the_order() -> None:
    def order(seed: int) -> list[float]:
        return firsts(batches(examples(), FEATURES, ModelSettings(), 8, seed).take(8))

    first = order(1)
    assert first == order(1)
    assert first != order(2)


def test_a_series_windows_come_in_another_order_each_pass() -> None:
    stream = batches(examples().take(1), FEATURES, ModelSettings(), 55, seed=0)
    order = firsts(stream.take(2))
    assert order[:55] != order[55:]


@pytest.mark.parametrize("batch_size", [5, 64])
def test_without_a_seed_windows_come_once_in_order_and_in_their_split(batch_size: int) -> None:
    features = FeatureSettings(context=6, horizon=16, min_context=2)
    stream = batches(examples(first_target=20), features, ModelSettings(), batch_size, None)
    # An eighth of the horizon apart; series shorter than border and horizon have one window.
    expected = (
        [1000.0 + at for at in range(20, 45, 2)] + [2020.0] + [3000.0 + at for at in (20, 22, 24)]
    )
    assert firsts(stream) == expected
