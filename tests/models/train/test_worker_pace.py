"""Two workers whose clocks tell them different things take the same steps all the same."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

# Seconds of steps between two looks at the clock are the process's argument: one worker would take
# a step a call, the other all it can. There are several validations.
WORKER = """
import json, os, sys
import keras, numpy as np, tensorflow as tf
from tidegate.models.train import watch as training_watch
from tidegate.models.core.task import Objective
from tidegate.models.train.training import prepare_devices, train
from tidegate.models.train.settings import TrainingSettings
from tidegate.models.train.workers import read_workers

training_watch._LOOK = float(sys.argv[1])
settings = TrainingSettings.model_validate({"steps": 60, "batch_size": 8, "patience": 99})
workers = read_workers(settings, os.environ)
strategy = prepare_devices(settings, workers)
inputs = np.random.default_rng(0).normal(size=(64, 3)).astype("float32")
rows = tf.data.Dataset.from_tensor_slices((inputs, inputs[:, :1], np.ones(64, "float32")))

def build():
    given = keras.Input((3,))
    return keras.Model(given, keras.layers.Dense(1)(given))

trained = train(
    build,
    lambda: Objective(keras.losses.MeanSquaredError(), (), "val_loss", "min"),
    rows.repeat().batch(8),
    rows.batch(8),
    64,
    settings,
    sys.argv[2],
    strategy=strategy,
    workers=workers,
)
trained.finish()
print(json.dumps({"steps": trained.steps, "history": trained.history}))
"""


def test_paces_that_differ_do_not_part_the_workers(tmp_path: Path) -> None:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    addresses = [f"127.0.0.1:{one.getsockname()[1]}" for one in sockets]
    for one in sockets:
        one.close()
    processes = []
    for index, look in enumerate(("1000", "1e-9")):
        task = {"type": "worker", "index": index}
        config = json.dumps({"cluster": {"worker": addresses}, "task": task})
        processes.append(
            subprocess.Popen(
                [sys.executable, "-c", WORKER, look, str(tmp_path)],
                env={**os.environ, "TF_CONFIG": config, "CUDA_VISIBLE_DEVICES": ""},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    ended = [process.communicate(timeout=300) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], ended[0][1][-2000:]
    chief, other = (json.loads(said.splitlines()[-1]) for said, _ in ended)
    assert chief == other
    assert chief["steps"] == 60
    assert len(chief["history"]["val_loss"]) > 3
