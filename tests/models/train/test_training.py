"""The training loop on a small linear problem: steps, best weights, averages, repeatability."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tidegate.models.core.task import Objective, Pace
from tidegate.models.train import training
from tidegate.models.train.settings import TrainingSettings
from tidegate.models.train.step import TrainingStep

ROWS = 64
RANDOM = np.random.default_rng(0)
INPUTS = RANDOM.normal(size=(ROWS, 4)).astype("float32")
TARGETS = (INPUTS @ np.array([1.0, -2.0, 0.5, 0.0], "float32") > 0).astype("int64")


@pytest.fixture(autouse=True)
def policy() -> Iterator[None]:
    before = keras.config.dtype_policy()
    yield
    keras.config.set_dtype_policy(before)


def build() -> keras.Model:
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, name="dense")])


def goal(monitor: str = "val_accuracy", mode: Any = "max") -> Objective:
    return Objective(
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=(keras.metrics.SparseCategoricalAccuracy(name="accuracy"),),
        monitor=monitor,
        mode=mode,
    )


def endless(inputs: np.ndarray = INPUTS, seed: int = 0) -> tf.data.Dataset:
    # Not tf.data's own shuffle: that one also depends on what set TensorFlow's seed before.
    order = np.random.default_rng(seed).permutation(ROWS)
    columns = (inputs[order], TARGETS[order], np.ones(ROWS, "float32"))
    return tf.data.Dataset.from_tensor_slices(columns).repeat().batch(8)


def once(targets: np.ndarray = TARGETS) -> tf.data.Dataset:
    rows = tf.data.Dataset.from_tensor_slices((INPUTS, targets, np.ones(ROWS, "float32")))
    return rows.batch(16)


def trained(folder: Path, **given: Any) -> training.Trained:
    settings = {"batch_size": 8, "learning_rate": 0.05, "patience": 100}
    objective: Callable[[], Objective] = given.pop("objective", goal)
    batches = given.pop("batches", None)
    valid = given.pop("valid", None)
    settings.update(given)
    return training.train(
        build,
        objective,
        endless(seed=settings.get("seed", 0)) if batches is None else batches,
        once() if valid is None else valid,
        ROWS,
        TrainingSettings(**settings),
        str(folder),
    )


def accuracy(model: keras.Model, targets: np.ndarray = TARGETS) -> float:
    return float(np.mean(np.asarray(model(INPUTS)).argmax(axis=1) == targets))


def test_learns(tmp_path: Path) -> None:
    found = trained(tmp_path, epochs=6)
    assert found.history["loss"][-1] < 0.5 * found.history["loss"][0]
    assert found.best == pytest.approx(accuracy(found.model)) and found.best > 0.9
    assert (found.monitor, found.rows) == ("val_accuracy", ROWS)
    assert found.steps == 6 * ROWS // 8
    assert len(found.history["val_loss"]) == 6
    assert found.seconds > 0
    assert list(tmp_path.rglob("events.out.tfevents*"))


@pytest.mark.parametrize("steps", [5, 13])
def test_exactly_as_many_steps_as_asked_for(steps: int, tmp_path: Path) -> None:
    found = trained(tmp_path, steps=steps, validations=2)
    assert found.steps == steps
    assert int(found.model.optimizer.iterations) == steps


def test_validations_an_epoch(tmp_path: Path) -> None:
    found = trained(tmp_path, epochs=2, validations=4)
    assert found.steps == 16
    assert len(found.history["val_accuracy"]) == 8


def test_keeps_the_best_weights_where_the_figure_worsens(tmp_path: Path) -> None:
    # Validation rows with the opposite labels: the longer the training, the worse.
    found = trained(tmp_path, epochs=4, valid=once(1 - TARGETS), learning_rate=0.02)
    values = found.history["val_accuracy"]
    assert values[-1] < values[0]
    assert found.best == pytest.approx(max(values))
    assert accuracy(found.model, 1 - TARGETS) == pytest.approx(max(values))


def test_keeps_the_lowest_of_a_figure_where_less_is_better(tmp_path: Path) -> None:
    found = trained(
        tmp_path,
        epochs=4,
        valid=once(1 - TARGETS),
        objective=lambda: goal("val_loss", "min"),
        learning_rate=0.02,
    )
    values = found.history["val_loss"]
    assert values[-1] > values[0]
    assert found.best == pytest.approx(min(values))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    assert float(loss(1 - TARGETS, found.model(INPUTS))) == pytest.approx(min(values), rel=1e-4)


def test_stops_when_the_figure_no_longer_improves(tmp_path: Path) -> None:
    found = trained(
        tmp_path,
        epochs=50,
        patience=2,
        valid=once(1 - TARGETS),
        objective=lambda: goal("val_loss", "min"),
    )
    assert len(found.history["val_loss"]) == 3


def test_stops_at_the_first_validation_after_max_seconds(tmp_path: Path) -> None:
    found = trained(tmp_path, epochs=10, max_seconds=1e-6)
    assert found.steps == ROWS // 8
    assert len(found.history["val_loss"]) == 1


@pytest.mark.slow
def test_many_short_passes_share_validations(tmp_path: Path) -> None:
    found = trained(tmp_path, epochs=50, patience=100)
    assert found.steps == 50 * (ROWS // 8)
    assert len(found.history["val_loss"]) == 10


@pytest.mark.parametrize(
    "steps,per_pass,validations,expected",
    [
        (500, 9, 1, 50),  # 10 validations
        (1_000, 9, 1, 50),
        (5_000, 9, 1, 200),  # 25 validations
        (5_000, 1_000, 1, 1_000),  # One a pass
        (5_000, 1_000, 4, 250),
        (7, 100, 1, 7),
        (1_500, 9_000, 1, 150),  # Less than a pass: 10 validations
        (1_500, 9_000, 90, 100),
        (12, 40, 50, 1),
        (120, 9_000, 1, 50),
        (3, 1, 2, 1),
    ],
)
def test_steps_between_validations(
    steps: int, per_pass: int, validations: int, expected: int
) -> None:
    assert training.steps_between_validations(steps, per_pass, validations) == expected


def test_a_loss_that_is_not_a_number_is_an_error(tmp_path: Path) -> None:
    inputs = INPUTS.copy()
    inputs[:, 0] = np.nan
    with pytest.raises(FloatingPointError, match=r"NaN at step 8; lower training.learning_rate"):
        trained(tmp_path, epochs=3, batches=endless(inputs))


@pytest.mark.parametrize(
    "rows,given,expected",
    [
        (64_000, {}, 3 * 1_000),
        (6_400, {}, 15 * 100),
        (1_000, {}, 20 * 15),
        (10, {}, 20),
        (64_000, {"epochs": 1}, 1_000),
        (64_000, {"steps": 7}, 7),
    ],
)
def test_steps_follow_the_size_of_the_data(rows: int, given: dict[str, Any], expected: int) -> None:
    # About 1,500 steps of 64 rows, 3 to 20 passes.
    assert TrainingSettings(batch_size=64, **given).steps_over(rows, Pace()) == expected


@pytest.mark.parametrize(
    "rows,expected",
    [(10, 400), (6_400, 15 * 100), (64_000, 2 * 1_000), (96_000, 1_500), (10**9, 1_500)],
)
def test_a_task_may_ask_for_other_passes(rows: int, expected: int) -> None:
    pace = Pace(passes=(0, 400))
    assert TrainingSettings(batch_size=64).steps_over(rows, pace) == expected


def test_a_task_may_learn_faster_where_the_settings_do_not_say() -> None:
    for given, expected in ({}, 0.5), ({"learning_rate": 0.1}, 0.1):
        model = build()
        settings = TrainingSettings(warmup=0.0, **given)
        training.compile_model(model, settings, 10, Pace(learning_rate=0.5))
        model.optimizer.build(model.trainable_variables)
        assert float(model.optimizer.learning_rate) == pytest.approx(expected)


@pytest.mark.slow
@pytest.mark.parametrize("average", [0.0, pytest.param(0.9, marks=pytest.mark.slow)])
def test_same_seed_same_figures(average: float, tmp_path: Path) -> None:
    first, again, other = (
        trained(tmp_path, epochs=2, seed=seed, average=average) for seed in (3, 3, 4)
    )
    assert first.history == again.history
    for one, same in zip(first.model.get_weights(), again.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, same)
    assert first.history["loss"] != other.history["loss"]


def kernels(steps: int) -> list[np.ndarray]:
    """The kernel after each step of a training without averages."""
    settings = TrainingSettings(batch_size=8, learning_rate=0.05)
    strategy = training.prepare_devices(settings)
    model, objective = build(), goal()
    training.compile_model(model, settings, steps)
    model.optimizer.build(model.trainable_variables)
    step = TrainingStep(model, objective, strategy, once().element_spec, divided=False)
    batches, sums, found = iter(endless()), step.no_sums, []
    for _ in range(steps):
        sums = step.take(batches, 1, sums)
        found.append(model.get_weights()[0])
    return found


def test_averaged_weights_are_the_moving_average_of_the_steps(tmp_path: Path) -> None:
    momentum = 0.8
    averaged = trained(
        tmp_path, epochs=3, average=momentum, objective=lambda: goal("val_loss", "min")
    )
    # Validating and keeping the averages leaves the course of the training alone.
    seen = kernels(24)
    average = seen[0]
    for kernel in seen[1:]:
        average = momentum * average + (1 - momentum) * kernel
    # The loss falls to the end, so the last validation is the best.
    assert averaged.history["val_loss"] == sorted(averaged.history["val_loss"], reverse=True)
    np.testing.assert_allclose(averaged.model.get_weights()[0], average, atol=1e-5)
    assert np.abs(average - seen[-1]).max() > 1e-3


def compiled(steps: int = 100, **settings: Any) -> keras.Model:
    model = build()
    training.compile_model(model, TrainingSettings(**settings), steps)
    model.optimizer.build(model.trainable_variables)
    return model


def stepped(model: keras.Model, inputs: np.ndarray) -> None:
    """Takes one step on all rows."""
    rows = tf.data.Dataset.from_tensor_slices((inputs, TARGETS, np.ones(ROWS, "float32")))
    batches = rows.batch(ROWS)
    step = TrainingStep(
        model, goal(), tf.distribute.get_strategy(), batches.element_spec, divided=False
    )
    step.take(iter(batches), 1, step.no_sums)


@pytest.mark.parametrize(
    "warmup,steps,expected",
    [
        # Linear to the highest rate over the first tenth, then half a cosine to zero.
        (0.1, 100, {0: 0.0, 5: 1.0, 10: 2.0, 55: 1.0, 100: 0.0}),
        (0.0, 100, {0: 2.0, 50: 1.0, 100: 0.0}),
        (0.5, 4, {0: 0.0, 1: 1.0, 2: 2.0, 3: 1.0, 4: 0.0}),
        (0.1, 1, {0: 2.0, 1: 0.0}),
    ],
)
def test_learning_rate_by_hand(warmup: float, steps: int, expected: dict[int, float]) -> None:
    optimizer = compiled(steps, warmup=warmup, learning_rate=2.0).optimizer
    for step, rate in expected.items():
        optimizer.iterations.assign(step)
        assert float(optimizer.learning_rate) == pytest.approx(rate, abs=1e-6)


def test_gradients_are_clipped_to_the_global_norm() -> None:
    model = compiled(clip_norm=0.5, learning_rate=1e-3)
    stepped(model, 1e6 * INPUTS)
    # Adam's first moment after one step is a tenth of the gradient (Kingma and Ba 2015).
    moments = [np.asarray(one) for one in model.optimizer._momentums]
    assert np.sqrt(sum((one**2).sum() for one in moments)) == pytest.approx(0.05, rel=1e-3)


def test_weight_decay_is_decoupled() -> None:
    # With zero inputs the kernel has no gradient: it shrinks by rate * decay alone.
    model = compiled(weight_decay=0.5, learning_rate=0.1, warmup=0.0)
    before = model.get_weights()[0]
    stepped(model, 0 * INPUTS)
    np.testing.assert_allclose(model.get_weights()[0], before * (1 - 0.1 * 0.5), rtol=1e-5)


def test_rows_weigh_what_they_are_given_in_loss_alone() -> None:
    model = compiled()
    weights = np.where(np.arange(ROWS) < ROWS // 2, 0.0, 2.0).astype("float32")
    batch = (tf.constant(INPUTS), tf.constant(TARGETS), tf.constant(weights))
    valid = tf.data.Dataset.from_tensors(batch)
    step = TrainingStep(
        model, goal(), tf.distribute.get_strategy(), valid.element_spec, divided=False
    )
    found = step.figures(step.validate(valid))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    kept = slice(ROWS // 2, None)
    # A row of weight 0 is none of those that the mean is over.
    expected = 2 * float(loss(TARGETS[kept], model(INPUTS[kept])))
    assert found["loss"] == pytest.approx(expected, rel=1e-4)
    assert found["accuracy"] == pytest.approx(accuracy(model))
