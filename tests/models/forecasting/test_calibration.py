"""The conformal correction of a network's intervals on windows it has not seen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tidegate.models.forecasting import calibration
from tidegate.models.forecasting.calibration import calibrate
from tidegate.models.forecasting.model import CORRECTION
from tidegate.models.forecasting.settings import LEVELS, ModelSettings
from tidegate.models.forecasting.windows import OBSERVED
from tidegate.models.layers.quantiles import IntervalCorrection

STEPS = 3


@pytest.fixture
def network() -> keras.Model:
    """Forecasts a level with intervals that are far too narrow, at a scale of its own."""
    values, state = keras.Input((2,), name="values"), keras.Input((2,), name="state")
    scale = keras.Input((1,), name="scale")
    level = values[:, 1:] + 0 * state[:, :1]
    ends = np.linspace(-0.5, 0.5, len(LEVELS), dtype=np.float32)
    zero = keras.layers.RepeatVector(STEPS)(level * 0)
    quantiles = IntervalCorrection(STEPS, LEVELS, name=CORRECTION)(zero + ends)
    spread, center = (
        keras.layers.RepeatVector(STEPS)(scale),
        keras.layers.RepeatVector(STEPS)(level),
    )
    output = keras.ops.concatenate([center, quantiles * spread + center, spread], axis=-1)
    return keras.Model({"values": values, "state": state, "scale": scale}, output)


def batches(count: int, seed: int, rows: int = 50, flat: float = 0.0) -> Iterator[Any]:
    """Normal errors around the level, in units of the scale; some targets are missing.

    A share of the contexts is constant, and jumps by hundreds of scales after that.
    """
    random = np.random.default_rng(seed)
    for _ in range(count):
        level = random.normal(0, 100, size=(rows, 1)).astype(np.float32)
        scale = random.choice([0.1, 10.0], size=(rows, 1)).astype(np.float32)
        target = (level + scale * random.normal(size=(rows, STEPS))).astype(np.float32)
        target[random.random(target.shape) < 0.1] = np.nan
        constant = random.random((rows, 1)) < flat
        target += np.where(constant, 500 * scale, 0)
        values = np.concatenate([np.where(constant, level, level - scale), level], axis=1)
        state = np.full(values.shape, OBSERVED)
        inputs = {"values": values, "state": state, "scale": scale}
        inputs = {name: tf.constant(one) for name, one in inputs.items()}
        yield inputs, tf.constant(target), tf.ones(rows)


def coverage(network: keras.Model, share: int) -> float:
    found = []
    for inputs, target, _ in batches(1, seed=1, rows=2000):
        output, truth = network(inputs).numpy(), target.numpy()
        low, high = {80: (2, 6), 95: (1, 7)}[share]
        inside = (output[..., low] <= truth) & (truth <= output[..., high])
        found.append(inside[np.isfinite(truth)])
    return float(np.concatenate(found).mean())


@pytest.mark.parametrize("how", ["pooled", "step"])
def test_intervals_cover_what_they_promise_on_unseen_windows(
    network: keras.Model, how: Any
) -> None:
    assert coverage(network, 80) < 0.4
    calibrate(network, list(batches(60, seed=0)), ModelSettings(calibration=how))  # type: ignore[arg-type]
    assert coverage(network, 80) == pytest.approx(0.8, abs=0.03)
    assert coverage(network, 95) == pytest.approx(0.95, abs=0.03)
    (margins,) = network.get_layer(CORRECTION).get_weights()
    assert (np.ptp(margins, axis=0).max() == 0) == (how == "pooled")


def test_constant_contexts_say_nothing_of_the_others_intervals(network: keras.Model) -> None:
    calibrate(network, list(batches(60, seed=0, flat=0.2)), ModelSettings())  # type: ignore[arg-type]
    assert coverage(network, 95) == pytest.approx(0.95, abs=0.03)
    (margins,) = network.get_layer(CORRECTION).get_weights()
    assert np.abs(margins).max() < 5


def test_constant_contexts_alone_correct_nothing(network: keras.Model) -> None:
    calibrate(network, list(batches(3, seed=0, flat=1.0)), ModelSettings())  # type: ignore[arg-type]
    assert not network.get_layer(CORRECTION).get_weights()[0].any()


def test_it_can_be_left_out(network: keras.Model) -> None:
    calibrate(network, list(batches(3, seed=0)), ModelSettings(calibration="none"))  # type: ignore[arg-type]
    assert not network.get_layer(CORRECTION).get_weights()[0].any()


def test_a_sample_of_many_windows_will_do(
    network: keras.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibration, "_MOST_TARGETS", 1_500)
    calibrate(network, list(batches(60, seed=0)), ModelSettings())  # type: ignore[arg-type]
    assert coverage(network, 80) == pytest.approx(0.8, abs=0.05)


def test_the_sample_is_of_all_windows_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "_MOST_TARGETS", 400)
    sample = calibration._Sample()
    for number in range(100):
        windows = np.full((10, 4, 1 + len(LEVELS)), float(number))
        sample.add(windows, np.ones((10, 4, 1)))
    found = sample.windows()
    assert found is not None and len(found) <= 200
    assert len(np.unique(found[:, 0, 0])) > 40
