"""Which model a candidate is compared with where ML Metadata cannot be asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tensorflow.core.protobuf import saved_model_pb2
from tfx.components.evaluator import executor as tfx_executor
from tfx.types import standard_artifacts

from tidegate.components.evaluator.component import Executor as EvaluatorExecutor
from tidegate.components.latest_model.pushed import Executor, latest_other
from tidegate.components.pusher.executor import Executor as PusherExecutor
from tidegate.components.pusher.versions import ROLLED_BACK
from tidegate.components.schema_gen.component import Executor as SchemaExecutor
from tidegate.components.schema_gen.component import SchemaGen

JUDGED = ("serving_default", "answer")
CONFIG = {
    "eval_config": json.dumps(
        {"model_specs": [{"signature_name": JUDGED[0], "prediction_key": JUDGED[1]}]}
    )
}


def saved_model(folder: Path, weights: str, answer: tuple[str, str] = JUDGED) -> Path:
    (folder / "variables").mkdir(parents=True)
    graph = saved_model_pb2.SavedModel()
    graph.meta_graphs.add().signature_def[answer[0]].outputs[answer[1]].name = "x:0"
    (folder / "saved_model.pb").write_bytes(graph.SerializeToString())
    (folder / "variables" / "variables.index").write_text("index")
    (folder / "variables" / "variables.data-00000-of-00001").write_text(weights)
    return folder


@pytest.mark.parametrize(
    ("versions", "expected"),
    [
        ({}, None),
        ({"5": "own"}, None),
        ({"5": "old"}, "5"),
        ({"5": "old", "6": "older"}, "6"),
        ({"9": "old", "10": "older"}, "10"),
        ({"5": "old", "6": "own"}, "5"),
        ({"5": "old", f"6{ROLLED_BACK}": "bad"}, "5"),
        ({".push-1": "half"}, None),
    ],
    ids=[
        "none",
        "run again",
        "one",
        "the newer of two",
        "by number, not by letter",
        "run again, one before",
        "rolled back",
        "half pushed",
    ],
)
def test_the_newest_that_is_another_model(
    versions: dict[str, str], expected: str | None, tmp_path: Path
) -> None:
    candidate = saved_model(tmp_path / "candidate", "own")
    folder = tmp_path / "models" / "name"
    for name, weights in versions.items():
        saved_model(folder / name, weights)
    found = latest_other(str(folder), str(candidate))
    assert found == (None if expected is None else str(folder / expected))


def artifact(kind: Any, folder: Path) -> Any:
    made = kind()
    made.uri = str(folder)
    folder.mkdir(parents=True, exist_ok=True)
    return made


def test_what_was_pushed_comes_back_as_a_model_that_the_evaluator_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = artifact(standard_artifacts.Model, tmp_path / "first")
    saved_model(tmp_path / "first" / "Format-Serving", "first")
    blessing = artifact(standard_artifacts.ModelBlessing, tmp_path / "blessing")
    blessing.set_int_custom_property("blessed", 1)
    place = {"models": str(tmp_path / "models"), "model_name": "name"}
    second = artifact(standard_artifacts.Model, tmp_path / "second")
    saved_model(tmp_path / "second" / "Format-Serving", "second")
    judged: list[list[Any]] = []
    monkeypatch.setattr(
        tfx_executor.Executor,
        "Do",
        lambda self, inputs, outputs, properties: judged.append(inputs["baseline_model"]),
    )

    def baseline(name: str) -> Any:
        found = artifact(standard_artifacts.Model, tmp_path / name)
        Executor().Do({"candidate": [second]}, {"model": [found]}, place)
        EvaluatorExecutor().Do({"baseline_model": [found]}, {}, CONFIG)
        return found

    before = baseline("before")
    assert list((tmp_path / "before").iterdir()) == []
    assert judged.pop() == []
    pushed = artifact(standard_artifacts.PushedModel, tmp_path / "pushed")
    PusherExecutor().Do(
        {"model": [first], "model_blessing": [blessing]}, {"pushed_model": [pushed]}, place
    )
    (version,) = (tmp_path / "models" / "name").iterdir()
    after = baseline("after")
    assert judged.pop() == [after] != [before]
    assert after.get_string_custom_property("pushed") == str(version)
    weights = Path(after.uri, "Format-Serving", "variables", "variables.data-00000-of-00001")
    assert weights.read_text() == "first"


@pytest.mark.parametrize("answer", [("serving_default", "another"), ("another", "answer")])
def test_a_model_that_answers_otherwise_is_not_compared_with(
    answer: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged: list[list[Any]] = []
    monkeypatch.setattr(
        tfx_executor.Executor,
        "Do",
        lambda self, inputs, outputs, properties: judged.append(inputs["baseline_model"]),
    )
    older = artifact(standard_artifacts.Model, tmp_path)
    saved_model(tmp_path / "Format-Serving", "older", answer)
    EvaluatorExecutor().Do({"baseline_model": [older]}, {}, CONFIG)
    assert judged == [[]]


def test_the_schema_is_written_as_it_was_given(tmp_path: Path) -> None:
    text = 'feature { name: "text" type: BYTES }\n'
    schema = artifact(standard_artifacts.Schema, tmp_path)
    SchemaExecutor().Do({}, {"schema": [schema]}, {"text": text})
    (path,) = tmp_path.iterdir()
    assert (path.name, path.read_text()) == ("schema.pbtxt", text)
    assert SchemaGen(text=text).exec_properties["text"] == text
