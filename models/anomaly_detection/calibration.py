"""What is found once the network is trained: how large its errors are, and the thresholds."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tidegate.models.anomaly_detection.likelihood import standardised
from tidegate.models.anomaly_detection.model import POINT, VERDICT
from tidegate.models.anomaly_detection.settings import FeatureSettings, ModelSettings
from tidegate.models.layers.tails import TailTable, fit_tail, joint_surprise, threshold_for


def calibrate(
    network: keras.Model, valid: tf.data.Dataset, model: ModelSettings, train: tf.data.Dataset
) -> dict[str, Any]:
    """Finds the references of errors on `valid`, and the thresholds for the promised alarms.

    The errors of `train` are too small, as the network has learnt from them; those of `eval` are
    left for the gates.

    Args:
      network: trained.
      valid: batches of windows, each point once, in the order of the series.
      model: not used; part of the contract.
      train: not used; part of the contract.

    Returns:
      `threshold` and `running_threshold`, as -log10 of a tail probability, and on how many
      `points` they were found.
    """
    del model, train
    verdict = network.get_layer(VERDICT)
    promised: FeatureSettings = verdict.promised
    answer = tf.function(lambda inputs: network(inputs, training=False), reduce_retracing=True)
    points = np.concatenate([answer(inputs)["point"].numpy() for inputs, _, _ in valid])
    statistics = points[:, len(POINT) :]
    scored = points[:, POINT.index("scored")] > 0
    errors = np.where(scored, points[:, POINT.index("error")], np.nan)
    alone, recent = standardised(errors[None], promised.window, promised.recent)
    z, mean = alone.numpy()[0], recent.numpy()[0]
    running = np.stack([z, mean, -mean], axis=-1)
    thresholds = []
    for table, values, there in (
        (verdict.recent, statistics, scored),
        (verdict.running, running, np.isfinite(running).all(axis=-1)),
    ):
        thresholds.append(_threshold(table, values, there, promised))
    verdict.thresholds.assign(thresholds)
    return {
        "threshold": round(thresholds[0], 3),
        "running_threshold": round(thresholds[1], 3),
        "points": int(scored.sum()),
    }


def _threshold(
    table: TailTable, values: np.ndarray, there: np.ndarray, promised: FeatureSettings
) -> float:
    """Sets a reference, and finds the threshold of what it makes of the same points."""
    table.set_weights([np.stack([fit_tail(column[there]) for column in values.T])])
    surprise = np.full(len(values), np.nan)
    if there.any():
        surprise[there] = np.asarray(joint_surprise(table(values[there].astype(np.float32))))
    return threshold_for(surprise, promised.rate, promised.hysteresis, promised.distance)
