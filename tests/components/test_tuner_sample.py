"""A trial's values, drawn from the ranges that settings state."""

from __future__ import annotations

import random
from typing import Annotated, Any, Literal

import keras_tuner
import pytest
from pydantic import Field

from tidegate.components.tuner.tuner_fn import sample, table, trial_steps
from tidegate.models.core.settings import Choice, Range, Settings


class Searched(Settings):
    """Each kind of range, and a field without one."""

    units: Annotated[int, Range(32, 128, step=32)] = Field(64, ge=1, description="units")
    layers: Annotated[int, Range(1, 3)] = Field(1, ge=1, description="layers")
    rate: Annotated[float, Range(1e-4, 1e-1, log=True)] = Field(1e-2, gt=0, description="rate")
    drop: Annotated[float, Range(0.0, 0.6, step=0.2)] = Field(0.2, ge=0, description="drop")
    share: Annotated[float, Range(0.0, 1.0)] = Field(0.5, ge=0, le=1, description="share")
    cell: Annotated[Literal["lstm", "gru"], Choice(("lstm", "gru"))] = Field(
        "gru", description="cell"
    )
    fixed: int = Field(7, description="not searched")


def draw(seed: int, settings: Settings | None = None) -> dict[str, Any]:
    """The values of one trial of a random search."""
    settings = settings or Searched()
    space = keras_tuner.HyperParameters()
    sample("model", settings, space)
    generator = random.Random(seed)
    for hyperparameter in space.space:
        space.values[hyperparameter.name] = hyperparameter.random_sample(generator.random())
    return sample("model", settings, space)


TRIALS = [draw(seed) for seed in range(200)]


def test_every_field_with_a_range_and_no_other() -> None:
    assert set(TRIALS[0]) == {"units", "layers", "rate", "drop", "share", "cell"}


def test_values_lie_on_the_grid_and_reach_both_ends() -> None:
    assert {trial["units"] for trial in TRIALS} == {32, 64, 96, 128}
    assert {trial["layers"] for trial in TRIALS} == {1, 2, 3}
    assert {round(trial["drop"], 6) for trial in TRIALS} == {0.0, 0.2, 0.4, 0.6}
    assert {trial["cell"] for trial in TRIALS} == {"lstm", "gru"}


def test_a_log_range_is_drawn_evenly_over_its_decades() -> None:
    rates = [trial["rate"] for trial in TRIALS]
    assert all(1e-4 <= rate <= 1e-1 for rate in rates)
    for low in (1e-4, 1e-3, 1e-2):
        share = sum(low <= rate < 10 * low for rate in rates) / len(rates)
        assert share == pytest.approx(1 / 3, abs=0.12)


def test_trials_are_valid_settings_of_the_fields_types() -> None:
    for trial in TRIALS[:20]:
        settings = Searched(**trial)
        assert isinstance(trial["units"], int) and isinstance(trial["rate"], float)
        assert settings.fixed == 7


def test_names_say_the_section() -> None:
    space = keras_tuner.HyperParameters()
    sample("training", Searched(), space)
    assert set(space.values) == {f"training.{name}" for name in Searched.tunable()}


def test_a_choice_starts_from_the_settings() -> None:
    assert sample("model", Searched(cell="gru"), keras_tuner.HyperParameters())["cell"] == "gru"


def test_the_search_starts_from_the_settings() -> None:
    start = Searched(units=96, layers=2, rate=0.03, drop=0.4, share=0.25)
    assert sample("model", start, keras_tuner.HyperParameters()) == {
        "units": 96,
        "layers": 2,
        "rate": 0.03,
        "drop": 0.4,
        "share": 0.25,
        "cell": "gru",
    }


def test_a_start_outside_its_range_is_no_error() -> None:
    trial = draw(1, Searched(units=100, rate=0.5, drop=0.9))
    assert trial["units"] in (32, 64, 96, 128)


def test_a_step_of_a_log_range_is_not_used() -> None:
    class Stepped(Settings):
        rate: Annotated[float, Range(1e-3, 1.0, step=0.5, log=True)] = Field(0.1, description="r")

    rates = {draw(seed, Stepped())["rate"] for seed in range(30)}
    assert len(rates) == 30


def test_a_trial_takes_its_share_of_the_steps_of_a_training() -> None:
    # AirPassengers: 400 passes of a step each.
    assert trial_steps(None, 400) == 133
    assert trial_steps(None, 1) == 1
    assert trial_steps(20, 400) == 20


def test_the_table_begins_with_the_best_and_shows_what_differs() -> None:
    trials = []
    for rate, score in ((0.01, 0.5), (0.02, 0.25), (0.04, None), (0.08, 1.0)):
        hyperparameters = keras_tuner.HyperParameters()
        hyperparameters.Fixed("model.rate", rate)
        hyperparameters.Fixed("model.units", 64)
        trials.append(keras_tuner.engine.trial.Trial(hyperparameters))
        trials[-1].score = score
    expected = [["2", "0.2500", "0.02"], ["1", "0.5000", "0.01"], ["4", "1.0000", "0.08"]]
    header = ["trial", "val_loss", "model.rate"]
    assert [line.split() for line in table(trials, "val_loss", "min")] == [header, *expected]
    best_last = [line.split() for line in table(trials, "val_loss", "max")]
    assert best_last == [header, *reversed(expected)]
    assert len({len(line) for line in table(trials, "val_loss", "min")}) == 1
    assert [line.split() for line in table(trials[2:3], "val_loss", "min")] == [header[:2]]
