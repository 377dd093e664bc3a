"""What is served: scores that depend on the last points alone, streams in any pieces, alarms."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tidegate.models.anomaly_detection import detect
from tidegate.models.anomaly_detection.detect import alarms
from tidegate.models.anomaly_detection.model import VERDICT, build_model
from tidegate.models.anomaly_detection.settings import FeatureSettings, ModelSettings
from tidegate.models.layers.tails import events, fit_tail

FEATURES = FeatureSettings(context=10, recent=4, window=120, distance=5, judged_steps=30)
HOUR = 3600


class Model:
    """A network with random weights behind a calendar that is a number of each step."""

    def __init__(self) -> None:
        tf.keras.utils.set_random_seed(0)
        facts: Any = SimpleNamespace(width={"y": 2, "known": 1}.__getitem__)
        self.features, self.facts = FEATURES, facts
        self.network = build_model(ModelSettings(units=4), FEATURES, facts, use_cudnn=False)
        verdict = self.network.get_layer(VERDICT)
        random = np.random.default_rng(0)
        table = [fit_tail(random.normal(size=500)) for _ in range(3)]
        verdict.recent.set_weights([np.stack(table)])
        verdict.thresholds.assign([1.0, 1.2])

    def transformed(self, raw: Any) -> dict[str, Any]:
        y = tf.RaggedTensor.from_sparse(raw["y"])
        grid = tf.ragged.range(y.row_lengths())
        start = raw["start"]
        times = tf.gather(start, grid.value_rowids()) + grid.flat_values * HOUR
        zero = tf.zeros_like(start)
        return {
            "known": grid.with_flat_values(
                tf.sin(tf.cast(times, tf.float32) / HOUR / 24 * 6.28)[:, None]
            ),
            "start": start,
            "step": zero + HOUR,
            "month_day": zero,
            "clock": zero,
            "step_of": tf.stack([zero + HOUR, zero, zero, zero], axis=-1),
        }


@pytest.fixture(scope="module")
def model() -> Model:
    return Model()


@pytest.fixture(scope="module")
def series() -> np.ndarray:
    made = np.random.default_rng(1).normal(size=(2, 300, 2)).astype(np.float32).cumsum(axis=1)
    made[0, 40:44] = np.nan
    made[1, 200, 1] = np.nan
    return made


def asked(series: np.ndarray, start: int = 0, **more: Any) -> dict[str, tf.Tensor]:
    rows = len(series)
    return {
        "start": tf.fill((rows,), tf.constant(start * HOUR, tf.int64)),
        "y": tf.constant(series[..., 0]),
        "other": tf.constant(series[..., 1]),
        "length": tf.fill((rows,), tf.constant(-1, tf.int64)),
        **more,
    }


def test_a_score_depends_on_the_last_points_alone(model: Model, series: np.ndarray) -> None:
    whole = detect.detect(asked(series), model)
    cut = detect.detect(asked(series[:, 150:], 150), model)
    reach = FEATURES.reach
    certain = cut["certain"].numpy()
    assert certain[:, : reach - 1].sum() == 0 and certain[:, reach - 1 :].all()
    for name in ("score", "expected", "low", "high", "share", "times"):
        found, expected = cut[name].numpy()[certain], whole[name].numpy()[:, 150:][certain]
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    # A value that is far off is unusual, and in its own channel.
    off = series.copy()
    off[:, 250, 1] += 1e3
    found = detect.detect(asked(off), model)
    assert (found["score"].numpy()[:, 250] > whole["score"].numpy()[:, 250]).all()
    assert (found["share"].numpy()[:, 250, 1] > 0.6).all()
    np.testing.assert_allclose(found["share"].numpy().sum(axis=-1)[:, 250], 1, atol=1e-5)
    np.testing.assert_allclose(
        found["score"].numpy()[:, :250], whole["score"].numpy()[:, :250], atol=1e-5
    )


def test_what_is_missing_has_no_score_and_padding_no_step(model: Model, series: np.ndarray) -> None:
    found = detect.detect(asked(series), model)
    assert (found["score"].numpy()[0, 40:44] == 0).all()
    # Of one value in the context nothing is forecast.
    expected = found["expected"].numpy()
    assert np.isnan(expected[:, :2]).all() and np.isfinite(expected[:, 10]).all()
    length = tf.constant([300, 20], tf.int64)
    short = detect.detect({**asked(series), "length": length}, model)
    assert short["steps"].numpy()[1].tolist() == [*range(1, 21), *[0] * 280]
    assert not short["score"].numpy()[1, 20:].any() and not short["alarm"].numpy()[1, 20:].any()
    np.testing.assert_allclose(short["score"][0], found["score"][0], atol=1e-5)


@pytest.mark.parametrize("pieces", [(300,), (7, 1, 130, 162), (120, 60, 60, 60)])
def test_a_stream_has_the_same_scores_in_any_pieces(
    pieces: tuple[int, ...], model: Model, series: np.ndarray
) -> None:
    state = tf.zeros((2, 0))
    expected = detect.watch(asked(series, state=state), model)
    begin, parts = 0, []
    for length in pieces:
        part = series[:, begin : begin + length]
        parts.append(detect.watch(asked(part, begin, state=state), model))
        state, begin = parts[-1]["state"], begin + length
    for name in ("score", "likelihood", "alarm", "active", "certain", "times"):
        found = np.concatenate([one[name].numpy() for one in parts], axis=1)
        np.testing.assert_allclose(found, expected[name].numpy(), rtol=1e-3, atol=1e-3)
    assert expected["alarm"].numpy().any()
    # Its scores are those of a running distribution, once that is known.
    alone = detect.detect(asked(series), model)["score"].numpy()
    found = expected["score"].numpy()
    np.testing.assert_allclose(found[:, :80], alone[:, :80], atol=1e-5)
    assert np.abs(found[:, 150:] - alone[:, 150:]).max() > 0.1


def test_a_state_of_another_model_is_refused(model: Model, series: np.ndarray) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match="the one of the last answer"):
        detect.watch(asked(series, state=tf.zeros((2, 3))), model)


def test_alarms_in_the_graph_are_those_of_numpy() -> None:
    random = np.random.default_rng(3)
    scores = random.exponential(1.0, (3, 200)).astype(np.float32)
    there = random.random((3, 200)) > 0.1
    limit = tf.fill((3, 200), 2.0)
    raised, active, _ = alarms(tf.constant(scores), tf.constant(there), limit, FEATURES)
    for row in range(3):
        known = np.where(there[row], scores[row], np.nan)
        expected = events(known, 2.0, FEATURES.hysteresis, FEATURES.distance)
        assert raised.numpy()[row].tolist() == expected[0].tolist()
        assert active.numpy()[row].tolist() == expected[1].tolist()
        assert expected[0].any()
