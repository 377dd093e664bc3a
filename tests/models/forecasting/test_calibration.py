"""The conformal correction of a network's intervals on windows it has not seen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import laplace, norm

from tidegate.models.forecasting import calibration
from tidegate.models.forecasting.calibration import calibrate, error_quantiles, trusted
from tidegate.models.forecasting.model import BLEND, CORRECTION
from tidegate.models.forecasting.settings import LEVELS, ModelSettings
from tidegate.models.forecasting.windows import OBSERVED
from tidegate.models.layers.blend import Blend
from tidegate.models.layers.quantiles import IntervalCorrection

STEPS = 3


@pytest.fixture
def network() -> keras.Model:
    """Forecasts a level with intervals that are far too narrow, at a scale of its own.

    The smoothing is a scale too high.
    """
    values, state = keras.Input((2,), name="values"), keras.Input((2,), name="state")
    scale = keras.Input((1,), name="scale")
    level = keras.layers.RepeatVector(STEPS)(values[:, 1:] + 0 * state[:, :1])
    spread = keras.layers.RepeatVector(STEPS)(scale)
    ends = np.linspace(-0.5, 0.5, len(LEVELS), dtype=np.float32)
    quantiles = level + spread * ends
    blended = Blend(STEPS, LEVELS, name=BLEND)(
        quantiles, (level + spread)[..., 0], 0.8 * spread[..., 0]
    )
    blended = IntervalCorrection(STEPS, LEVELS, name=CORRECTION)(blended)
    output = keras.ops.concatenate([blended[..., 3:4], blended, spread], axis=-1)
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


def calibrated(network: keras.Model, count: int = 60, flat: float = 0.0, **settings: Any) -> None:
    valid: Any = list(batches(count, seed=0, flat=flat))
    train: Any = list(batches(3, seed=2))
    calibrate(network, valid, ModelSettings(**settings), train)


def factors(network: keras.Model) -> np.ndarray:
    found: np.ndarray = network.get_layer(CORRECTION).get_weights()[0]
    return found


@pytest.mark.parametrize("how", ["pooled", "step"])
def test_intervals_cover_what_they_promise_on_unseen_windows(
    network: keras.Model, how: Any
) -> None:
    assert coverage(network, 80) < 0.4
    calibrated(network, calibration=how)
    assert coverage(network, 80) == pytest.approx(0.8, abs=0.03)
    assert coverage(network, 95) == pytest.approx(0.95, abs=0.03)
    assert (np.ptp(factors(network), axis=0).max() == 0) == (how == "pooled")


def test_constant_contexts_say_nothing_of_the_others_intervals(network: keras.Model) -> None:
    calibrated(network, flat=0.2)
    assert coverage(network, 95) == pytest.approx(0.95, abs=0.03)
    assert factors(network).max() < 6


def test_constant_contexts_alone_correct_nothing_and_trust_nothing(network: keras.Model) -> None:
    calibrated(network, 3, flat=1.0)
    assert (factors(network) == 1).all()
    assert not network.get_layer(BLEND).trust.numpy().any()


def test_beside_a_map_of_the_context_the_network_answers_alone(network: keras.Model) -> None:
    calibrated(network, 3, linear=True)
    assert (network.get_layer(BLEND).trust.numpy() == 1).all()


def test_the_correction_can_be_left_out(network: keras.Model) -> None:
    calibrated(network, 3, calibration="none")
    assert (factors(network) == 1).all()


def test_a_sample_of_many_windows_will_do(
    network: keras.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibration, "_MOST_TARGETS", 1_500)
    calibrated(network)
    assert coverage(network, 80) == pytest.approx(0.8, abs=0.05)


def test_the_sample_is_of_all_windows_and_bounded(
    network: keras.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibration, "_MOST_TARGETS", 400)
    sample: Any = list(batches(60, seed=0, rows=10))
    found = calibration._Sample(network, sample)
    assert found.seen == 600
    assert len(found.targets) <= 300
    np.testing.assert_allclose(found.error, 0.8, rtol=1e-5)


def test_errors_of_many_windows_are_theirs_and_of_few_a_normal_ones() -> None:
    random = np.random.default_rng(0)
    scale = np.array([1.0, 2.0])
    targets = random.laplace(3, 1, size=(4_000, 2)) * scale
    error = np.ones((4_000, 2)) * scale
    expected = laplace.ppf(LEVELS, 3)
    many = error_quantiles(targets, error, 1e9)
    np.testing.assert_allclose(many, [expected] * 2, atol=0.15)
    none = error_quantiles(targets[:0], error[:0], 0.0)
    np.testing.assert_allclose(none, [norm.ppf(LEVELS) * 1.2533] * 2, rtol=1e-4)
    few = error_quantiles(targets, error, 1.0)
    assert (np.abs(few[:, 3]) < 0.3).all()


def test_what_is_better_is_trusted_as_far_as_windows_say() -> None:
    random = np.random.default_rng(0)
    targets = random.normal(size=(2_000, 16))
    right = np.tile(norm.ppf(LEVELS), (2_000, 16, 1))
    wrong = right + 2
    assert (trusted(targets, right, wrong, 1e9) == 1).all()
    assert (trusted(targets, wrong, right, 1e9) == 0).all()
    np.testing.assert_allclose(trusted(targets, right, wrong, 4.0), 0.5)
    mixed = right.copy()
    mixed[:, 8:] = wrong[:, 8:]
    found = trusted(targets, mixed, mixed[:, ::-1], 1e9)
    assert (found[:6] == 1).all() and (found[10:] == 0).all()
