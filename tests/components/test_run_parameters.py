"""What Transform, Trainer and Tuner are told through `custom_config`."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import pytest
import tensorflow as tf
from pydantic import ValidationError
from tensorflow_transform import impl_helper

from tidegate.components.trainer.run_parameters import RunParameters
from tidegate.components.transform.preprocessing_fn import preprocessing_fn
from tidegate.models.core.task import RawFeature, load_task
from tidegate.models.train.settings import TrainingSettings
from tidegate.tables.errors import InputError

TASK = "text_classification"
CONFIG: dict[str, Any] = {
    "task": TASK,
    "features": {"max_tokens": 33},
    "model": {"units": 96, "pooling": "last"},
    "training": {"epochs": 3, "learning_rate": 0.5},
    "fingerprint": "0",
}


def test_each_section_is_read_and_the_rest_has_its_defaults() -> None:
    run = RunParameters.read(CONFIG)
    task = load_task(TASK)
    assert run.task is task
    assert run.features == task.features(max_tokens=33)
    assert run.model == task.model(units=96, pooling="last")
    assert run.training == TrainingSettings(epochs=3, learning_rate=0.5)


def test_the_tuners_winner_is_put_over_the_settings() -> None:
    winner = {"values": {"model.units": 32, "training.learning_rate": 0.001, "tuner/trial": 1}}
    run = RunParameters.read(CONFIG, winner)
    assert (run.model.units, run.model.pooling) == (32, "last")
    assert (run.training.learning_rate, run.training.epochs) == (0.001, 3)
    assert CONFIG["model"]["units"] == 96


def test_an_unknown_task_or_setting_is_refused() -> None:
    with pytest.raises(InputError, match="text_classification"):
        RunParameters.read({**CONFIG, "task": "text_clasification"})
    with pytest.raises(ValidationError, match="unit"):
        RunParameters.read({**CONFIG, "model": {"unit": 3}})


def test_raw_features_survive_json() -> None:
    raw = (
        RawFeature("a", "b", kind="float", sequence=True, role="known", slice=True),
        RawFeature("c", "", kind="int", label=True),
    )
    written = json.loads(json.dumps([asdict(one) for one in raw]))
    assert RunParameters.read({**CONFIG, "raw_features": written}).raw == raw
    assert RunParameters.read(CONFIG).raw == ()


def outputs(features: dict[str, Any]) -> set[str]:
    specs = {name: tf.TensorSpec((None,), tf.string) for name in ("text", "label")}
    config = {"task": TASK, "features": features}
    _, _, found = impl_helper.trace_preprocessing_function(
        lambda inputs: preprocessing_fn(inputs, config), specs, use_tf_compat_v1=False
    )
    return set(found)


def test_transform_is_the_tasks_preprocess_with_its_feature_settings() -> None:
    evaluation = load_task(TASK).evaluation
    assert {"tokens", evaluation.target} <= outputs({"tokenizer": "chars"})
    with pytest.raises(ValidationError, match="tokenizer"):
        outputs({"tokenizer": "none"})
