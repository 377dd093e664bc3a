"""What is found once the network is trained: how large its errors are, and the thresholds."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tidegate.models.anomaly_detection.likelihood import ENOUGH, running_surprise, standardised
from tidegate.models.anomaly_detection.model import POINT, VERDICT
from tidegate.models.anomaly_detection.settings import FeatureSettings, ModelSettings
from tidegate.models.layers.tails import fit_tail, joint_surprise, threshold_for


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
    # A split that is too short for a whole running distribution is still told apart from none.
    enough = min(ENOUGH, int(scored.sum()) // 2)
    alone, recent = standardised(errors[None], promised.window, promised.recent, enough)
    verdict.recent.set_weights([np.stack([fit_tail(one[scored]) for one in statistics.T])])
    surprise = np.asarray(joint_surprise(verdict.recent(statistics)))
    thresholds = [
        threshold_for(one, promised.rate, promised.hysteresis, promised.distance)
        for one in (
            np.where(scored, surprise, np.nan),
            running_surprise(alone, recent).numpy()[0],
        )
    ]
    verdict.thresholds.assign(thresholds)
    return {
        "threshold": round(thresholds[0], 3),
        "running_threshold": round(thresholds[1], 3),
        "points": int(scored.sum()),
    }
