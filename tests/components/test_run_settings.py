"""What a run says goes over the pipeline's settings, typed as they are."""

from __future__ import annotations

from typing import Any

import pytest

from tidegate.components.trainer.run_parameters import RunParameters, apply, read_settings
from tidegate.models.core.task import load_task
from tidegate.models.train.settings import TrainingSettings
from tidegate.tables.errors import InputError

TASK = load_task("text_classification")
CONFIG: dict[str, Any] = {
    "task": TASK.name,
    "features": TASK.features().model_dump(),
    "model": TASK.model(units=48).model_dump(),
    "training": TrainingSettings(batch_size=16, steps=9).model_dump(),
    "fingerprint": "0",
}


def test_without_a_word_nothing_changes() -> None:
    assert apply(CONFIG, 0, "") == CONFIG


@pytest.mark.parametrize(
    "text",
    [
        '{"model": {"units": 32}, "training": {"learning_rate": 0.01}}',
        "{model: {units: 32}, training: {learning_rate: 0.01}}",
        '{"model": {"units": "32"}, "training": {"learning_rate": "0.01"}}',
    ],
    ids=["JSON", "YAML", "as typed on a command line"],
)
def test_settings_go_over_the_pipelines_and_leave_the_others(text: str) -> None:
    found = apply(CONFIG, 0, text)
    assert found["model"] == {**CONFIG["model"], "units": 32}
    assert found["training"] == {**CONFIG["training"], "learning_rate": 0.01}
    assert {**found, "model": 0, "training": 0} == {**CONFIG, "model": 0, "training": 0}
    assert RunParameters.read(found).model.units == 32


def test_the_number_of_steps_goes_over_all() -> None:
    assert apply(CONFIG, 5, '{"training": {"steps": 7, "seed": 3}}')["training"] == {
        **CONFIG["training"],
        "steps": 5,
        "seed": 3,
    }
    assert apply(CONFIG, 0, '{"training": {"steps": 7}}')["training"]["steps"] == 7


@pytest.mark.parametrize(
    ("steps", "text", "said"),
    [
        (0, '{"model": {"unit": 3}}', "unknown setting 'model.unit'. Did you mean 'units'?"),
        (0, '{"model": {"units": 0}}', "model.units=0: expected int"),
        (0, '{"training": {"batch_size": "x"}}', "training.batch_size='x': expected int"),
        (0, '{"modle": {"units": 3}}', "section 'modle' cannot change from run to run"),
        (0, '{"data": {}}', "section 'data' cannot change from run to run"),
        (0, "model.units=3", "settings='model.units=3': expected sections"),
        (0, '{"model": 3}', "expected sections"),
        (0, '{"model": ', "expected sections"),
        (0, "[1]", "expected sections"),
        (-1, "", "training_steps=-1: expected a number of steps, or 0"),
    ],
)
def test_nonsense_is_an_error_of_one_line(steps: int, text: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        apply(CONFIG, steps, text)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_settings_are_no_sections() -> None:
    assert read_settings("") == read_settings("  ") == read_settings("{}") == {}
