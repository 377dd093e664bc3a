"""Several devices: MirroredStrategy trains the same model as one device does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

TRAIN = """
import json, sys, tempfile
import keras, numpy as np, tensorflow as tf
count = int(sys.argv[1])
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * count)
from models.core import training
from models.core.task import Objective
from models.core.training_settings import TrainingSettings
from models.layers.pooling import MaskedPooling
from models.layers.recurrent import RecurrentStack

random = np.random.default_rng(0)
inputs = random.normal(size=(96, 5, 3)).astype("float32")
targets = (inputs.sum(axis=(1, 2)) > 0).astype("int64")
rows = tf.data.Dataset.from_tensor_slices((inputs, targets, np.ones(96, "float32")))
seen = {}

def build():
    seen["replicas"] = tf.distribute.get_strategy().num_replicas_in_sync
    steps = keras.Input((None, 3))
    sequence, last = RecurrentStack(6)(steps)
    pooled = MaskedPooling("last+attention")(sequence, last)
    return keras.Model(steps, keras.layers.Dense(2)(pooled))

def goal():
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    metric = keras.metrics.SparseCategoricalAccuracy(name="accuracy")
    return Objective(loss, (metric,), "val_accuracy", "max")

settings = TrainingSettings(epochs=3, batch_size=16, learning_rate=0.02, average=float(sys.argv[2]))
found = training.train(
    build, goal, rows.repeat().batch(16), rows.batch(32), 96, settings, tempfile.mkdtemp())
print(json.dumps({
    **seen, "best": found.best, "steps": found.steps, "history": found.history,
    "weights": [one.tolist() for one in found.model.get_weights()],
    "accuracy": float(np.mean(np.asarray(found.model(inputs)).argmax(axis=1) == targets)),
}))
"""


def trained_on(devices: int, average: float) -> dict[str, Any]:
    """Trains in a process of its own: devices are set before TensorFlow starts."""
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1", "PYTHONPATH": os.getcwd()}
    done = subprocess.run(
        [sys.executable, "-c", TRAIN, str(devices), str(average)],
        capture_output=True,
        text=True,
        env=environment,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.slow
@pytest.mark.parametrize("average", [0.0, 0.9])
def test_two_devices_train_like_one(average: float) -> None:
    one, two = trained_on(1, average), trained_on(2, average)
    assert (one["replicas"], two["replicas"]) == (1, 2)
    assert two["steps"] == one["steps"] == 18
    # Each device takes half of every batch, and the gradients are those of the whole.
    for name in ("loss", "val_loss"):
        assert two["history"][name] == pytest.approx(one["history"][name], rel=0.01)
    assert two["best"] == pytest.approx(two["accuracy"])
    assert two["history"]["loss"][-1] < 0.9 * two["history"]["loss"][0]
