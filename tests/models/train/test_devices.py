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
from tidegate.models.train import training
from tidegate.tables.errors import InputError
from tidegate.models.core.task import Objective
from tidegate.models.train.settings import TrainingSettings
from tidegate.models.layers.pooling import MaskedPooling
from tidegate.models.layers.recurrent import RecurrentStack

random = np.random.default_rng(0)
lengths = random.integers(1, 6, size=(96, 1))
inputs = random.integers(1, 9, size=(96, 5)) * (np.arange(5) < lengths)
targets = (inputs[:, 0] > 4).astype("int64")
weights = random.uniform(0.2, 2, 96).astype("float32")
rows = tf.data.Dataset.from_tensor_slices((inputs, targets, weights))
seen = {}

def build():
    seen["replicas"] = tf.distribute.get_strategy().num_replicas_in_sync
    tokens = keras.Input((None,), dtype="int64")
    mask = keras.ops.not_equal(tokens, 0)
    sequence, last = RecurrentStack(6)(keras.layers.Embedding(9, 3)(tokens), mask)
    pooled = MaskedPooling("last+attention")(sequence, last, mask)
    return keras.Model(tokens, keras.layers.Dense(2)(pooled))

def goal():
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    metric = keras.metrics.SparseCategoricalAccuracy(name="accuracy")
    return Objective(loss, (metric,), "val_accuracy", "max")

def train(settings):
    return training.train(
        build, goal, rows.repeat().batch(16), rows.batch(19), 96, settings, tempfile.mkdtemp())

if count > 1:
    try:
        train(TrainingSettings(batch_size=1))
    except InputError as error:
        seen["refused"] = str(error)
settings = TrainingSettings(epochs=3, batch_size=16, learning_rate=0.02, average=float(sys.argv[2]))
found = train(settings)
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
    assert "each of the 2 devices" in two["refused"]
    assert two["steps"] == one["steps"] == 18
    # Each device takes half of every batch; of the last one of `valid`, a single row, none.
    for name in ("loss", "val_loss"):
        # The clipped gradients of the global batch: what differs is the order of float32 sums.
        assert two["history"][name] == pytest.approx(one["history"][name], rel=1e-4)
    assert two["best"] == pytest.approx(two["accuracy"])
    assert two["history"]["loss"][-1] < 0.9 * two["history"]["loss"][0]
