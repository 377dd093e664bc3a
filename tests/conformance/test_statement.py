"""What a task states about itself, before any data is read."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import annotated_types
import pytest

from tidegate.models.core.settings import Choice, Range, Settings, describe, read_section
from tidegate.models.core.task import Imported, SequenceTask, load_task, task_names
from tidegate.models.train.settings import TrainingSettings
from tidegate.tables.errors import InputError

SECTIONS = [
    pytest.param(name, cls, id=f"{task}-{name}")
    for task in task_names()
    for name, cls in {**load_task(task).sections, "training": TrainingSettings}.items()
]
SEARCHED = [
    pytest.param(cls, key, mark, id=f"{task}-{key}")
    for task in task_names()
    for cls in (*load_task(task).sections.values(), TrainingSettings)
    for key, mark in cls.tunable().items()
]


def test_at_least_one_task_is_found() -> None:
    assert task_names()


def test_the_name_is_the_folders(task: SequenceTask) -> None:
    assert load_task(task.name) is task
    assert task.title and "\n" not in task.title
    assert task.default_data and task.baseline_title


@pytest.mark.parametrize("section,cls", SECTIONS)
def test_settings_round_trip(section: str, cls: type[Settings]) -> None:
    settings = cls()
    assert cls.model_validate_json(settings.model_dump_json()) == settings
    # As the command line gives them: every value a string.
    given = {
        key: ",".join(value) if isinstance(value, list) else str(value)
        for key, value in settings.model_dump().items()
        if value is not None
    }
    assert read_section(section, cls, given) == settings


@pytest.mark.parametrize("section,cls", SECTIONS)
def test_every_setting_is_described_and_its_default_is_within_bounds(
    section: str, cls: type[Settings]
) -> None:
    for key, kind, _, _, description in describe(cls):
        assert description.strip() and "\n" not in description, key
        assert kind, key
    # Defaults are not validated by pydantic itself.
    assert cls.model_validate(cls().model_dump()) == cls()
    for key, field in cls.model_fields.items():
        if isinstance(field.default, int) and field.annotation is float:
            pytest.fail(f"{section}.{key}: {field.default!r} is no float")


@pytest.mark.parametrize("section,cls", SECTIONS)
def test_an_unknown_setting_is_an_error(section: str, cls: type[Settings]) -> None:
    with pytest.raises(InputError, match=f"unknown setting '{section}.no_such_setting'"):
        read_section(section, cls, {"no_such_setting": 1})


@pytest.mark.parametrize("cls,key,mark", SEARCHED)
def test_what_the_tuner_may_try_is_valid(
    cls: type[Settings], key: str, mark: Range | Choice
) -> None:
    default = getattr(cls(), key)
    if isinstance(mark, Choice):
        values: list[Any] = list(mark.values)
        assert default in values
    else:
        assert mark.low < mark.high
        if default is None:  # It follows from the data.
            default = float(mark.low)
        assert mark.low <= default <= mark.high
        assert mark.low > 0 or not mark.log
        kind = type(default)
        values = [kind(mark.low), kind(mark.high)]
        assert values == [mark.low, mark.high]
        if mark.step and not mark.log:
            steps = (mark.high - mark.low) / mark.step
            assert steps == pytest.approx(round(steps))
    for value in values:
        assert getattr(cls.model_validate({key: value}), key) == value


@pytest.mark.parametrize("cls,key,mark", SEARCHED)
def test_bounds_are_no_tighter_than_the_range(
    cls: type[Settings], key: str, mark: Range | Choice
) -> None:
    for rule in cls.model_fields[key].metadata:
        if isinstance(mark, Range) and isinstance(rule, annotated_types.Ge):
            assert rule.ge <= mark.low  # type: ignore[operator]
        if isinstance(mark, Range) and isinstance(rule, annotated_types.Le):
            assert rule.le >= mark.high  # type: ignore[operator]


def imported(value: Any) -> Iterator[Imported]:
    """Every function that a task states by its import path."""
    if isinstance(value, Imported):
        yield value
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            yield from imported(getattr(value, field.name))
    elif isinstance(value, dict):
        for one in value.values():
            yield from imported(one)


def test_every_import_path_leads_to_something(task: SequenceTask) -> None:
    found = list(imported(task))
    assert len(found) >= 10
    for one in found:
        assert one.load().__name__ == one.path.rpartition(".")[2]


def test_raw_features_have_one_name_each_and_a_label(task: SequenceTask) -> None:
    raw = task.raw_features(task.data())
    names = [feature.name for feature in raw]
    assert len(set(names)) == len(names)
    assert any(feature.label for feature in raw)
    assert not all(feature.label for feature in raw)
    assert not any(feature.label and feature.key for feature in raw)


KINDS = {"bytes": str, "float": float, "int": int}


@pytest.mark.parametrize("records", ["samples", "toy"])
def test_records_fit_the_raw_features(records: str, task: SequenceTask) -> None:
    raw = task.raw_features(task.data())
    known = [f for f in raw if records == "toy" or not f.label]
    expected = {f.name: list if f.sequence else KINDS[f.kind] for f in known}
    make = task.toy if records == "toy" else lambda: task.samples(raw)
    found = make()
    assert len(found) >= 2
    assert repr(found) == repr(make())  # deterministic; NaN is equal to nothing
    for record in found:
        assert {name: type(value) for name, value in record.items()} == expected
        for feature in known:
            if feature.sequence:
                assert {type(one) for one in record[feature.name]} == {KINDS[feature.kind]}


def test_gates_are_not_empty_and_on_known_figures(task: SequenceTask) -> None:
    gates = task.evaluation.gates(task.gates())
    assert gates
    for gate in gates:
        assert gate.metric in task.evaluation.scalars
        assert {gate.at_least, gate.at_most, gate.max_loss} != {None}
    # One bound that a first model, without any before it, must hold.
    assert any(gate.at_least is not None or gate.at_most is not None for gate in gates)
    # And one against the last blessed model.
    assert any(gate.max_loss is not None for gate in gates)


def test_figures_shown_first_are_known(task: SequenceTask) -> None:
    evaluation = task.evaluation
    assert evaluation.headline
    assert set(evaluation.headline) <= set(evaluation.scalars)
    assert not set(evaluation.scalars) & set(evaluation.arrays)


def test_signatures_state_inputs_outputs_and_method(task: SequenceTask) -> None:
    for name, signature in task.signatures(task.raw_features(task.data())).items():
        assert name not in ("serving_default", "transform_features")
        assert signature.inputs and signature.outputs
        assert signature.method in {
            f"tensorflow/serving/{method}" for method in ("predict", "classify", "regress")
        }
        if signature.method == "tensorflow/serving/classify":
            assert set(signature.inputs) == {"inputs"}
            assert set(signature.outputs) <= {"classes", "scores"}
