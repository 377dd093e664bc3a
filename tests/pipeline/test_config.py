"""Settings from a file and from `--set`: types, precedence, errors."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tidegate.models.core.task import load_task, task_names
from tidegate.pipeline.config import (
    RunConfig,
    assigned,
    make_config,
    parse_assignments,
    read_file,
    section_types,
)
from tidegate.tables.errors import InputError

TASK = load_task("text_classification")


def config_of(*assignments: str) -> RunConfig:
    return make_config(TASK, parse_assignments(assignments))


def write(folder: Path, content: str | bytes) -> str:
    path = folder / "settings.yaml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


@pytest.mark.parametrize("task", task_names())
def test_settings_survive_a_round_trip_through_json(task: str) -> None:
    config = make_config(load_task(task), {"training": {"steps": 7}, "beam": {"options": {"a": 1}}})
    read = make_config(load_task(task), json.loads(json.dumps(config.as_dict())))
    assert read.sections == config.sections
    assert read.training.steps == 7
    assert sorted(config.as_dict()) == sorted(section_types(load_task(task)))


@pytest.mark.parametrize(
    "value",
    [
        *("text", "1", "a, b", "[x", '"', "'", "\t", "", "null", "~", " a", "{b", "日本"),
        *(7, 0.002, True, None, [], ["a,b", "null", 'c"'], {"a": {"b": None, "c": True}}),
    ],
)
def test_a_value_is_assigned_and_read_back(value: Any) -> None:
    read = parse_assignments([f"model.x={assigned(value)}"])["model"]["x"]
    # Numbers and truth values are read by the setting's type.
    assert read == (assigned(value) if isinstance(value, int | float) else value)


def test_a_later_layer_goes_over_an_earlier_one_key_by_key(tmp_path: Path) -> None:
    dataset = {"data": {"text_column": "of the data set", "label_column": "of the data set"}}
    path = write(tmp_path, "data: {text_column: of the file}\nmodel: {units: 32, layers: 2}\n")
    assigned = parse_assignments(["model.units=48", "model.units=64"])
    config = make_config(TASK, dataset, read_file(path), assigned)
    assert (config.data.text_column, config.data.label_column) == ("of the file", "of the data set")
    assert (config.model.units, config.model.layers) == (64, 2)


@pytest.mark.parametrize(
    ("assignment", "value"),
    [
        ("model.units=48", 48),
        ("features.vocabulary_size=20_000", 20_000),
        ("training.learning_rate=1e-3", 0.001),
        ("training.learning_rate=1", 1.0),
        ("training.mixed_precision=false", False),
        ("training.steps=null", None),
        ("training.steps=", None),
        ("training.steps=12", 12),
        ("data.label_column=0", "0"),
        ("data.label_column=007", "007"),
        ("data.label_column=yes", "yes"),
        ("data.label_column=null", "null column"),
        ("data.label_column='null'", "null"),
        ("data.label_column=a = b # c: d", "a = b # c: d"),
        ("data.label_column=#id", "#id"),
        ("data.label_column=类", "类"),
        ("data.delimiter=,", ","),
        ("data.delimiter=;", ";"),
        ("data.delimiter=|", "|"),
        ("data.delimiter=:", ":"),
        ('data.delimiter="\\t"', "\t"),
        ("features.tokenizer=chars", "chars"),
        ("beam.options={region: west}", {"region": "west"}),
    ],
)
def test_a_value_becomes_the_settings_type(assignment: str, value: Any) -> None:
    if value == "null column":  # A text that is not optional cannot be null; quotes mend it.
        with pytest.raises(InputError, match=r"data\.label_column"):
            config_of(assignment)
        return
    section, key = re.split(r"[.=]", assignment)[:2]
    found = getattr(config_of(assignment).sections[section], key)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "assignment", ["model.units", "units=3", "model=3", ".=3", "model.=3", "", "="]
)
def test_what_is_no_assignment_is_shown_with_the_form_expected(assignment: str) -> None:
    with pytest.raises(InputError) as caught:
        config_of(assignment)
    assert assignment in str(caught.value)
    assert "section.key=value" in str(caught.value) or "unknown section" in str(caught.value)


@pytest.mark.parametrize(
    ("assignment", "said"),
    [
        ("modle.units=3", "unknown section 'modle'. Did you mean 'model'?"),
        ("zzz.units=3", "unknown section 'zzz'. Known: baseline, beam, data, "),
        ("model.unit=3", "unknown setting 'model.unit'. Did you mean 'units'?"),
        ("model.a.b=3", "unknown setting 'model.a.b'. "),
        ("training.Epochs=3", "unknown setting 'training.Epochs'. Did you mean 'epochs'?"),
        ("model.units=many", "model.units='many': expected int ("),
        ("model.units=1.5", "model.units='1.5': expected int ("),
        ("model.units=0", "model.units='0': expected int (Input should be greater than"),
        ("model.units=", "model.units=None: expected int ("),
        ("training.steps=x", "training.steps='x': expected int | none ("),
        ("features.tokenizer=word", "features.tokenizer='word': expected auto | words |"),
        ("data.eval_share=0.5", "data.eval_share='0.5': expected float ("),
        ("model.pooling=maximum", "model: pooling='maximum': expected last, max, mean"),
        ("beam.options=3", "beam.options='3': expected "),
    ],
)
def test_a_wrong_setting_says_what_came_and_what_is_expected(assignment: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        config_of(assignment)
    message = str(caught.value)
    assert message.startswith(said)
    assert len(message.splitlines()) == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("model:\n  units: [3\n", ":3: not YAML: "),
        ("model:\n\tunits: 3\n", ":2: not YAML: "),
        ("a: b: c\n", ":1: not YAML: "),
        ("model: {units: 3\0}\n", ": not YAML: "),
        (b"model: {units: \xff}\n", ": cannot be read: "),
        ("- model\n", ": expected sections of settings"),
        ("model:\n", ": expected sections of settings"),
        ("units: 64\n", ": expected sections of settings"),
        ("1: {units: 64}\n", ": expected sections of settings"),
        ("model: {1: 64}\n", ": expected sections of settings"),
        ("!!python/object:os.system {}\n", ":1: not YAML: "),
    ],
)
def test_a_wrong_file_is_named_with_its_line(
    tmp_path: Path, content: str | bytes, said: str
) -> None:
    path = write(tmp_path, content)
    with pytest.raises(InputError) as caught:
        read_file(path)
    assert str(caught.value).startswith(path + said)
    assert len(str(caught.value).splitlines()) == 1


def test_a_file_that_is_not_there_or_a_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"no such configuration file: {tmp_path}/x.yaml"):
        read_file(f"{tmp_path}/x.yaml")
    with pytest.raises(InputError, match=f"{tmp_path}: cannot be read: "):
        read_file(str(tmp_path))


def test_an_empty_file_changes_nothing(tmp_path: Path) -> None:
    config = make_config(TASK, read_file(write(tmp_path, "# nothing\n")))
    assert config.sections == make_config(TASK).sections


def test_beams_arguments_follow_from_its_settings() -> None:
    beam = config_of("beam.direct_num_workers=3", "beam.options={temp_location: gs://b/t}").beam
    given, own = beam.arguments()[:-1], beam.arguments()[-1]
    assert given[:4] == [
        "--runner=DirectRunner",
        "--direct_running_mode=in_memory",
        "--direct_num_workers=3",
        "--allow_unsafe_triggers",
    ]
    assert own == "--temp_location=gs://b/t"
    assert config_of("beam.runner=FlinkRunner").beam.arguments()[0] == "--runner=FlinkRunner"


def test_a_section_that_is_not_there_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="nothing"):
        _ = config_of().nothing
