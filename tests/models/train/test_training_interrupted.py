"""A training that is interrupted goes on as if nothing had happened."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tidegate.models.core.progress import LogReporter, set_reporter
from tidegate.models.core.task import Objective
from tidegate.models.train import training
from tidegate.models.train.settings import TrainingSettings

ROWS = 64
RANDOM = np.random.default_rng(0)
INPUTS = RANDOM.normal(size=(ROWS, 4)).astype("float32")
TARGETS = (INPUTS @ np.array([1.0, -2.0, 0.5, 0.0], "float32") > 0).astype("int64")


class Lines:
    """Keeps the lines, and sends this process SIGTERM at one of them."""

    def __init__(self, terminate_at: str = "") -> None:
        self.lines: list[str] = []
        self._at = terminate_at

    def line(self, text: str) -> None:
        self.lines.append(text)
        if self._at and text.startswith(self._at):
            signal.raise_signal(signal.SIGTERM)

    def status(self, text: str) -> None:
        pass


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    before = keras.config.dtype_policy()
    yield
    keras.config.set_dtype_policy(before)
    set_reporter(LogReporter())


def build() -> keras.Model:
    # Dropout's random numbers have to go on, too.
    layers = [keras.layers.Dropout(0.3), keras.layers.Dense(2)]
    return keras.Sequential([keras.Input((4,)), *layers])


def goal() -> Objective:
    return Objective(
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=(keras.metrics.SparseCategoricalAccuracy(name="accuracy"),),
        monitor="val_loss",
        mode="min",
    )


def train(
    folder: Path, lines: Lines, checkpoints: str | None = None, **given: Any
) -> training.Trained:
    set_reporter(lines)
    settings = TrainingSettings(
        **{"batch_size": 8, "learning_rate": 0.05, "epochs": 6, "average": 0.8, **given}
    )
    training.prepare_devices(settings)
    rows = tf.data.Dataset.from_tensor_slices((INPUTS, TARGETS, np.ones(ROWS, "float32")))
    return training.train(
        build,
        goal,
        rows.shuffle(ROWS, seed=1).repeat().batch(8),
        rows.batch(16),
        ROWS,
        settings,
        str(folder / "logs"),
        checkpoints=checkpoints or str(folder / "checkpoints"),
    )


def interrupt(folder: Path, at: str = "step 16/", **given: Any) -> int:
    """Trains until SIGTERM; the step of the checkpoint."""
    with pytest.raises(SystemExit) as end:
        train(folder, Lines(at), **given)
    assert end.value.code == 143
    (checkpoint,) = (folder / "checkpoints").iterdir()
    return int(checkpoint.name.removeprefix("step-"))


def assert_same(found: training.Trained, expected: training.Trained) -> None:
    assert found.history == expected.history
    assert (found.best, found.steps) == (expected.best, expected.steps)
    for one, other in zip(found.model.get_weights(), expected.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> training.Trained:
    """The training without interruption."""
    return train(tmp_path_factory.mktemp("whole"), Lines())


@pytest.mark.slow
def test_goes_on_between_two_validations(tmp_path: Path) -> None:
    expected = train(tmp_path / "whole", Lines(), steps=400)
    # There is a validation after each 40 steps, and a look at the signals after 32 at most.
    step = interrupt(tmp_path, "step 80/", steps=400)
    assert 80 < step < 120
    lines = Lines()
    found = train(tmp_path, lines, steps=400)
    assert lines.lines[0] == f"goes on from the checkpoint of step {step}"
    assert lines.lines[1].startswith("step 120/400")
    assert_same(found, expected)
    found.finish()
    assert not (tmp_path / "checkpoints").exists()


@pytest.mark.slow
def test_goes_on_from_checkpoints_that_are_on_no_disk(
    whole: training.Trained, tmp_path: Path
) -> None:
    uri = f"ram://{tmp_path.name}/checkpoints"
    with pytest.raises(SystemExit):
        train(tmp_path, Lines("step 16/"), uri)
    assert not (tmp_path / "checkpoints").exists()
    (name,) = tf.io.gfile.listdir(uri)
    lines = Lines()
    found = train(tmp_path, lines, uri)
    assert lines.lines[0] == f"goes on from the checkpoint of {name.strip('/').replace('-', ' ')}"
    assert_same(found, whole)
    found.finish()
    assert not tf.io.gfile.glob(f"{uri}/*")


@pytest.mark.slow
def test_goes_on_twice(whole: training.Trained, tmp_path: Path) -> None:
    first, second = interrupt(tmp_path, "step 8/"), interrupt(tmp_path, "step 32/")
    assert first < second
    assert_same(train(tmp_path, Lines()), whole)


@pytest.mark.slow
def test_patience_and_best_weights_go_on(tmp_path: Path) -> None:
    settings = {"learning_rate": 0.5, "patience": 2, "epochs": 20, "average": 0.0}
    expected = train(tmp_path / "whole", Lines(), **settings)
    best = int(np.argmin(expected.history["val_loss"]))
    assert best < len(expected.history["val_loss"]) - 1 and expected.steps < 160
    # After the first validation without a gain.
    at = 16 * (best + 2)
    lines = Lines()
    interrupt(tmp_path, f"step {at}/", **settings)
    assert_same(train(tmp_path, lines, **settings), expected)
    assert lines.lines[0].startswith("goes on")


@pytest.mark.slow
@pytest.mark.parametrize(
    "damage", ["state", *(pytest.param(one, marks=pytest.mark.slow) for one in ("input", "half"))]
)
def test_a_damaged_checkpoint_is_not_used(
    damage: str, whole: training.Trained, tmp_path: Path
) -> None:
    step = interrupt(tmp_path)
    folder = tmp_path / "checkpoints" / f"step-{step}"
    state = folder / "state"
    if damage == "state":
        content = bytearray(state.read_bytes())
        content[len(content) // 2] ^= 1
        state.write_bytes(content)
    elif damage == "input":
        (data,) = folder.glob("input-0.data*")
        data.write_bytes(data.read_bytes()[:-8])
    else:
        state.rename(folder / "state.part")
    lines = Lines()
    assert_same(train(tmp_path, lines), whole)
    if damage == "half":
        assert lines.lines[0].startswith("step 8/48")
    else:
        assert "is damaged and not used" in lines.lines[0]
        assert lines.lines[1].startswith("step 8/48")


@pytest.mark.slow
def test_a_checkpoint_of_another_model_is_not_used(tmp_path: Path) -> None:
    interrupt(tmp_path, average=0.0)
    lines = Lines()
    train(tmp_path, lines, epochs=1)
    assert "is one of another model and not used" in lines.lines[0]


@pytest.mark.slow
def test_checkpoints_by_the_clock_and_the_last_one_alone_stays(tmp_path: Path) -> None:
    train(tmp_path, Lines(), checkpoint_seconds=1e-6)
    (kept,) = (tmp_path / "checkpoints").iterdir()
    assert (kept / "state").exists()


def test_none_where_none_are_asked_for(tmp_path: Path) -> None:
    train(tmp_path, Lines(), checkpoint_seconds=0).finish()
    assert not (tmp_path / "checkpoints").exists()


def test_a_full_disk_does_not_end_the_training(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").write_text("a file where the folder should be")
    lines = Lines()
    found = train(tmp_path, lines, checkpoint_seconds=1e-6)
    assert found.steps == 48
    assert any("could not be written, training goes on" in line for line in lines.lines)
