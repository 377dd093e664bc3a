"""A component's wiring follows from what it declares."""

from __future__ import annotations

from typing import Any

import pytest
from tfx.dsl.components.base import base_component, executor_spec
from tfx.orchestration.data_types import RuntimeParameter
from tfx.types import channel, standard_artifacts
from tfx.types.standard_component_specs import PusherSpec

from tidegate.components import wiring
from tidegate.components.baseline.executor import Executor
from tidegate.models.core.fingerprint import code_fingerprint


class Declared(wiring.Wired, base_component.BaseComponent):
    SPEC_CLASS = wiring.spec(
        parameters={"columns": list, "options": {"b": 1, "a": 2}, "place": str, "most": 2.5},
        inputs={"examples": standard_artifacts.Examples},
        outputs={"model": standard_artifacts.Model},
    )
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)


def declared(**changes: Any) -> Declared:
    given = {
        "columns": ["text", "茶"],
        "place": "here",
        "examples": channel.Channel(type=standard_artifacts.Examples),
        **changes,
    }
    return Declared(**{name: value for name, value in given.items() if value is not None})


def test_parameters_have_defaults_and_travel_as_json_where_they_are_no_single_value() -> None:
    code = code_fingerprint("tidegate.components.baseline.executor")
    assert declared().exec_properties == {
        "columns": '["text", "\\u8336"]',
        "options": '{"a": 2, "b": 1}',
        "place": "here",
        "most": 2.5,
        "fingerprint": f"-{code}",
    }
    given = declared(options={}, most=3, fingerprint="data").exec_properties
    assert (given["options"], given["fingerprint"]) == ("{}", f"data-{code}")
    assert (given["most"], type(given["most"])) == (3.0, float)


def test_outputs_are_channels_of_the_component() -> None:
    made = declared()
    assert {key: one.type for key, one in made.outputs.items()} == {
        "model": standard_artifacts.Model
    }
    assert made.outputs["model"].producer_component_id == made.id == "Declared"


def test_a_parameter_may_be_one_of_the_run() -> None:
    place = RuntimeParameter("place", ptype=str)
    assert declared(place=place).exec_properties["place"] is place
    with pytest.raises(TypeError, match="place"):
        declared(place=RuntimeParameter("place", ptype=int))


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"place": None}, ValueError, "place"),
        ({"plaec": "x"}, TypeError, "plaec.*Did you mean .*place"),
        ({"place": 3}, TypeError, "place"),
        ({"columns": 3}, TypeError, "columns"),
        ({"examples": channel.Channel(type=standard_artifacts.Model)}, TypeError, "examples"),
    ],
    ids=["missing", "unknown", "of another type", "not a list", "another artifact"],
)
def test_what_is_not_declared_is_refused(
    changes: dict[str, Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        declared(**changes)


def test_a_component_of_tfx_is_added_to() -> None:
    spec = wiring.spec(parameters={"models": str}, base=PusherSpec)
    assert set(spec.PARAMETERS) == {*PusherSpec.PARAMETERS, "models", "fingerprint"}
    assert spec.INPUTS == PusherSpec.INPUTS
    assert spec.TYPE_ANNOTATION is PusherSpec.TYPE_ANNOTATION


def test_an_executor_that_somebody_derives_keeps_the_fingerprint_of_what_it_derives_from() -> None:
    class Derived(Executor):
        pass

    class Component(Declared):
        EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Derived)

    examples = channel.Channel(type=standard_artifacts.Examples)
    made = Component(columns=[], place="here", examples=examples)
    assert made.exec_properties["fingerprint"] == declared().exec_properties["fingerprint"]
