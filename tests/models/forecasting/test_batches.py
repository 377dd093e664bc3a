"""Batches hold every window once a pass, mixed across series; the same seed, the same order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tidegate.models.forecasting import batches as forecasting_batches
from tidegate.models.forecasting.batches import batches, count
from tidegate.models.forecasting.settings import FeatureSettings, ModelSettings

FEATURES = FeatureSettings(context=6, horizon=4, min_context=2)
LENGTHS = (60, 25, 40, 3)


def examples(first_target: int = 0, lengths: Sequence[int] = LENGTHS) -> tf.data.Dataset:
    """Series of which each value says where it is from."""

    def rows() -> Any:
        for number, length in enumerate(lengths):
            yield {
                "y": (1000 * (number + 1) + np.arange(length)).astype(np.float32),
                "known": np.zeros((length + 4, 7), np.float32),
                "ids": np.array([number]),
                "season": np.int64(1),
                "seasonality": np.float32(0.5),
                "first_target": np.int64(first_target),
            }

    return tf.data.Dataset.from_generator(
        rows,
        output_signature={
            "y": tf.TensorSpec((None,), tf.float32),
            "known": tf.TensorSpec((None, 7), tf.float32),
            "ids": tf.TensorSpec((1,), tf.int64),
            "season": tf.TensorSpec((), tf.int64),
            "seasonality": tf.TensorSpec((), tf.float32),
            "first_target": tf.TensorSpec((), tf.int64),
        },
    )


def firsts(found: tf.data.Dataset) -> list[float]:
    """The first target of each window."""
    return [float(one) for _, target, _ in found for one in target.numpy()[:, 0]]


def every_window(lengths: Sequence[int] = LENGTHS) -> list[float]:
    windows = []
    for number, length in enumerate(lengths):
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


@pytest.mark.slow
def test_of_many_series_all_are_seen_long_before_a_pass_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(forecasting_batches, "_OPEN", 8)
    many = examples(lengths=[60, 25] * 20)
    rows = count(many, FEATURES)
    # Series 1 to 40, of 55 and of 20 windows.
    stream = firsts(batches(many, FEATURES, ModelSettings(), 50, seed=0).take(6 * rows // 50))
    assert len({int(one) // 1000 for one in stream[:300]}) > 20
    seen = Counter(stream)
    # 6 passes: whichever series a window is of, it is drawn as often.
    every = every_window([60, 25] * 20)
    for windows in (55, 20):
        drawn = [seen[one] for one in every if int(one) // 1000 % 2 == windows % 2]
        assert len(drawn) == 20 * windows
        assert np.mean(drawn) == pytest.approx(6, abs=0.5)


@pytest.mark.parametrize(
    ("most", "expected"),
    [
        # 13 windows a series two steps apart; 7 four apart; 2 a horizon apart; of one in three.
        (39, [(one, at) for one in (1, 2, 3) for at in range(20, 45, 2)]),
        (20, [(one, at) for one in (1, 2, 3) for at in range(20, 45, 4)]),
        (4, [(one, at) for one in (1, 2, 3) for at in (20, 36)]),
        (2, [(1, 20), (1, 36)]),
    ],
)
def test_a_bounded_number_of_windows_is_judged(
    monkeypatch: pytest.MonkeyPatch, most: int, expected: list[tuple[int, int]]
) -> None:
    features = FeatureSettings(context=6, horizon=16, min_context=2)
    monkeypatch.setattr(forecasting_batches, "_MOST_JUDGED", most)
    stream = batches(examples(20, [60] * 3), features, ModelSettings(), 8, None)
    assert firsts(stream) == [1000.0 * one + at for one, at in expected]


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
