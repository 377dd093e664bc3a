"""Typed settings: reading, bounds, the errors a person sees, the rows of `tidegate tasks`."""

from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, ValidationError, model_validator

from tidegate.models.core.settings import Choice, Range, Settings, describe, read_section
from tidegate.models.train.settings import TrainingSettings
from tidegate.tables.errors import InputError


class Example(Settings):
    """One field of each kind."""

    units: Annotated[int, Range(32, 256, step=32)] = Field(64, ge=1, description="width")
    rate: Annotated[float, Range(1e-4, 1e-2, log=True)] = Field(1e-3, gt=0, description="rate")
    cell: Annotated[Literal["lstm", "gru"], Choice(("lstm", "gru"))] = Field(
        "lstm", description="cell"
    )
    steps: int | None = Field(None, ge=1, description="steps")
    both: bool = Field(True, description="both ways")

    @model_validator(mode="after")
    def _rule(self) -> "Example":
        if self.units == 13:
            raise ValueError("units=13 brings bad luck: take 12")
        return self


@pytest.mark.parametrize(
    "values",
    [{}, {"units": 96, "cell": "gru", "steps": 7}, {"rate": 0.1 + 0.2, "both": False}],
)
def test_round_trip_through_json(values: dict[str, Any]) -> None:
    settings = Example(**values)
    assert Example.model_validate_json(settings.model_dump_json()) == settings


def test_strings_from_the_command_line_become_the_fields_types() -> None:
    read = read_section("model", Example, {"units": "96", "rate": "5e-3", "both": "false"})
    assert read == Example(units=96, rate=5e-3, both=False)
    assert (type(read.units), type(read.rate)) == (int, float)


def test_an_unknown_key_names_the_nearest() -> None:
    with pytest.raises(InputError) as error:
        read_section("model", Example, {"unit": 3})
    assert str(error.value) == "unknown setting 'model.unit'. Did you mean 'units'?"


@pytest.mark.parametrize(
    "key,value,parts",
    [
        ("units", 0, ["model.units=0", "expected int", "greater than or equal to 1", "width"]),
        ("units", "many", ["model.units='many'", "expected int"]),
        ("units", 1.5, ["model.units=1.5", "expected int"]),
        ("rate", float("nan"), ["model.rate=nan", "expected float"]),
        ("rate", -1, ["model.rate=-1", "greater than 0"]),
        ("cell", "rnn", ["model.cell='rnn'", "expected lstm | gru", "cell"]),
        ("steps", 0, ["model.steps=0", "expected int | none"]),
        ("both", "perhaps", ["model.both='perhaps'", "expected bool"]),
    ],
)
def test_a_bad_value_is_one_line_with_what_was_received_and_expected(
    key: str, value: Any, parts: list[str]
) -> None:
    with pytest.raises(InputError) as error:
        read_section("model", Example, {key: value})
    message = str(error.value)
    assert "\n" not in message
    for part in parts:
        assert part in message


def test_a_rule_between_fields_speaks_for_itself() -> None:
    with pytest.raises(InputError) as error:
        read_section("model", Example, {"units": 13})
    assert str(error.value) == "model: units=13 brings bad luck: take 12"


def test_settings_are_frozen_and_closed() -> None:
    with pytest.raises(ValidationError):
        Example().units = 3  # type: ignore[misc]
    with pytest.raises(ValidationError):
        Example(unknown=3)  # type: ignore[call-arg]


def test_tunable_are_the_fields_with_a_range_or_a_choice() -> None:
    assert Example.tunable() == {
        "units": Range(32, 256, step=32),
        "rate": Range(1e-4, 1e-2, log=True),
        "cell": Choice(("lstm", "gru")),
    }


def test_rows_for_a_person() -> None:
    assert list(describe(Example)) == [
        ("units", "int", "64", "32 to 256 step 32", "width"),
        ("rate", "float", "0.001", "0.0001 to 0.01 (log)", "rate"),
        ("cell", "lstm | gru", "lstm", "lstm | gru", "cell"),
        ("steps", "int | none", "none", "", "steps"),
        ("both", "bool", "True", "", "both ways"),
    ]


@pytest.mark.parametrize("key", ["learning_rate", "clip_norm", "max_seconds"])
def test_training_settings_refuse_what_is_not_a_positive_number(key: str) -> None:
    for value in (0, -1, float("nan")):
        with pytest.raises(InputError, match=f"training.{key}="):
            read_section("training", TrainingSettings, {key: value})
