"""Files through a signature: the scripted server answers with its inputs."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.serving.client.scripted import FLOAT, INT64, STRING, Script, signature
from tidegate.serving.client import Client, ServingClientError
from tidegate.serving.client.signatures import Signature, TensorSpec
from tidegate.serving.client.tables.answers import AnswerColumns
from tidegate.serving.client.tables.predicting import planned, predict_file
from tidegate.serving.client.tables.question import Question
from tidegate.serving.client.tables.texts import alignment
from tidegate.tables.errors import InputError
from tidegate.tables.roles import Output

CLASSES = {"classes": (STRING, [-1, -1]), "probabilities": (FLOAT, [-1, -1])}


@pytest.fixture
def script() -> Script:
    script = Script()
    text, both = {"text": (STRING, [-1])}, {"x": (FLOAT, [-1]), "n": (INT64, [-1])}
    vector, examples = {"v": (FLOAT, [-1, -1])}, {"examples": (STRING, [-1])}
    script.signatures = {
        "serving_default": signature(examples, examples),
        "text": signature(text, text),
        "both": signature(both, both),
        "classes": signature(CLASSES, CLASSES),
        "vector": signature(vector, vector),
    }
    return script


def answers(
    client: Client, folder: Path, name: str, content: str, output: str = "out.csv", **asked: Any
) -> list[list[str]]:
    (folder / name).write_text(content)
    path = folder / output
    count, _ = predict_file(client, Question("echo", **asked), str(folder / name), str(path))
    if not output.endswith(".csv"):
        return []
    found = list(csv.reader(path.open(newline="")))
    assert count == len(found) - 1
    return found


def test_columns_are_matched_by_name_and_answers_stand_beside(
    client: Client, tmp_path: Path
) -> None:
    found = answers(client, tmp_path, "a.csv", "id,n,x\na,1,0.1\nb,2.0,\n")
    assert found == [
        ["id", "n", "x", "predicted_n", "predicted_x"],
        ["a", "1", "0.1", "1", "0.1"],
        ["b", "2.0", "", "2", ""],
    ]


def test_columns_are_matched_as_told(client: Client, tmp_path: Path) -> None:
    found = answers(client, tmp_path, "a.csv", "review\ngut\n", columns={"text": "review"})
    assert found == [["review", "text"], ["gut", "gut"]]


def test_what_a_request_need_not_say_is_said_for_all_rows(
    client: Client, script: Script, tmp_path: Path
) -> None:
    inputs = {"x": (FLOAT, [-1]), "n": (INT64, [-1]), "stop": (STRING, [-1, -1])}
    defaults: dict[str, Any] = {"n": [3], "stop": [["."]]}
    script.signatures["more"] = signature(inputs, inputs, defaults=defaults)
    asked = {"signature": "more", "options": {"n": "7", "stop": '["a", "b"]'}}
    found = answers(client, tmp_path, "a.csv", "x\n1\n2\n", **asked)
    assert found == [
        ["x", "n", "stop", "predicted_x"],
        ["1", "7", '["a", "b"]', "1.0"],
        ["2", "7", '["a", "b"]', "2.0"],
    ]
    for option, said in (
        ({"m": "7"}, "--option m=7: not an option of signature 'more'. "),
        ({"x": "7"}, "--option x=7: not an option of signature 'more'. "),
        ({"n": "7.5"}, "--option n=7.5: '7.5' is not an integer; expected int64"),
        ({"stop": "a"}, "--option stop=a: 'a' is not a JSON list; expected string"),
    ):
        with pytest.raises(InputError) as caught:
            answers(client, tmp_path, "a.csv", "x\n1\n", signature="more", options=option)
        assert str(caught.value).startswith(said)


def test_order_is_kept_over_many_requests(client: Client, script: Script, tmp_path: Path) -> None:
    script.seconds = 0.01
    lines = "\n".join(f"text {number}" for number in range(1000))
    found = answers(client, tmp_path, "a.csv", f"text\n{lines}\n", batch_size=30, in_flight=5)
    assert found[1:] == [[f"text {n}", f"text {n}"] for n in range(1000)]
    assert len(script.requests) == 34


def test_the_best_classes_are_columns_and_the_rest_lists(client: Client, tmp_path: Path) -> None:
    rows = [
        {"classes": ["a", "b", "c"], "probabilities": [0.25, 0.5, 0.125]},
        {"classes": ["a", "b", "c"], "probabilities": [0.5, 0.0, 0.25]},
    ]
    content = "\n".join(json.dumps(row) for row in rows)
    found = answers(client, tmp_path, "a.jsonl", content, top=2)
    beside = len(rows[0])
    assert found[0][beside:] == ["classes_1", "probabilities_1", "classes_2", "probabilities_2"]
    assert [row[beside:] for row in found[1:]] == [
        ["b", "0.5", "a", "0.25"],
        ["a", "0.5", "c", "0.25"],
    ]
    found = answers(client, tmp_path, "a.jsonl", content, top=0)
    assert found[1][beside:] == ['["a", "b", "c"]', "[0.25, 0.5, 0.125]"]
    found = answers(client, tmp_path, "b.csv", 'v\n"[1, 2.5]"\n"[3, 4]"\n')
    assert [row[1] for row in found] == ["predicted_v", "[1.0, 2.5]", "[3.0, 4.0]"]


def test_fewer_classes_than_columns() -> None:
    asked = Signature(
        "s",
        "predict",
        {},
        {
            "classes": TensorSpec("classes", "string", (None, None), 7),
            "scores": TensorSpec("scores", "float32", (None, 2), 1),
        },
    )
    assert AnswerColumns(asked, {}, [], top=3).columns == [
        "classes_1", "scores_1", "classes_2", "scores_2",
    ]  # fmt: skip
    wide = {**asked.outputs, "scores": TensorSpec("scores", "float32", (None, None), 1)}
    made = AnswerColumns(Signature("s", "predict", {}, wide), {}, [], top=3)
    outputs = {
        "classes": np.array([[b"a", b"b"]], object),
        "scores": np.array([[0.25, 0.5]], np.float32),
    }
    assert made.rows(outputs, 1) == [
        {
            "classes_1": "b", "scores_1": 0.5, "classes_2": "a", "scores_2": 0.25,
            "classes_3": None, "scores_3": None,
        }
    ]  # fmt: skip


def test_roles_say_which_outputs_are_classes() -> None:
    outputs = {
        "names": TensorSpec("names", "string", (None, 2), 7),
        "tags": TensorSpec("tags", "string", (None, 2), 7),
        "chances": TensorSpec("chances", "float32", (None, 2), 1),
    }
    asked = Signature("s", "predict", {}, outputs)
    roles = {"names": Output("classes"), "chances": Output("scores", of="names")}
    assert AnswerColumns(asked, roles, [], top=1).columns == ["tags", "names_1", "chances_1"]
    # Two lists of texts: which of them names the classes, nothing says.
    assert AnswerColumns(asked, {}, [], top=1).columns == ["names", "tags", "chances"]


def test_a_frame_is_a_file(client: Client) -> None:
    import pandas as pd

    frame = pd.DataFrame({"id": ["a", "b"], "n": [1, 2], "x": [0.5, None]})
    with planned(client, Question("echo"), frame) as made:
        assert made.layout.columns == ["id", "n", "x", "predicted_n", "predicted_x"]
        (rows,) = made.rows(client)
    assert [row["predicted_n"] for row in rows] == [1, 2]
    assert rows[0]["predicted_x"] == 0.5 and np.isnan(rows[1]["predicted_x"])


def test_what_all_classes_have_is_no_column_beside_the_best() -> None:
    outputs = {
        "classes": TensorSpec("classes", "string", (None, 2), 7),
        "scores": TensorSpec("scores", "float32", (None, 2), 1),
        "scores_all": TensorSpec("scores_all", "float32", (None, 2), 1),
    }
    roles = {
        "classes": Output("classes"),
        "scores": Output("scores", of="classes"),
        "scores_all": Output("scores", names=("a", "b")),
    }
    answers = {
        "classes": np.array([[b"b", b"a"]], object),
        "scores": np.array([[0.75, 0.25]], np.float32),
        # In the order of their names.
        "scores_all": np.array([[0.25, 0.75]], np.float32),
    }
    asked = Signature("s", "predict", {}, outputs)
    best = AnswerColumns(asked, roles, [], top=1).rows(answers, 1)
    assert best == [{"classes_1": "b", "scores_1": 0.75}]
    (every,) = AnswerColumns(asked, roles, [], top=0).rows(answers, 1)
    assert every["scores_all"] == [0.25, 0.75]


def test_examples_are_made_of_all_columns(client: Client, script: Script, tmp_path: Path) -> None:
    answers(
        client, tmp_path, "a.csv", "a,b,c\nx,1,2.5\n", kinds={"b": "int", "c": "float"},
        columns={"size": "c"}, signature="serving_default", output="out.jsonl",
    )  # fmt: skip
    (request,) = script.requests
    (serialized,) = request.inputs["examples"].string_val
    features = tf.train.Example.FromString(serialized).features.feature
    assert set(features) == {"a", "b", "size"}
    assert list(features["a"].bytes_list.value) == [b"x"]
    assert list(features["b"].int64_list.value) == [1]
    assert list(features["size"].float_list.value) == [2.5]


def test_parquet_in_and_out(client: Client, tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.table({"n": pyarrow.array([1, 2], pyarrow.int32()), "x": [0.1, None]})
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    predict_file(client, Question("echo"), str(tmp_path / "a.parquet"), str(tmp_path / "o.parquet"))
    found = pyarrow.parquet.read_table(tmp_path / "o.parquet")
    types = dict(zip(found.schema.names, map(str, found.schema.types), strict=True))
    assert types == {
        "n": "int32", "x": "double", "predicted_n": "int64", "predicted_x": "float",
    }  # fmt: skip
    assert found["predicted_n"].to_pylist() == [1, 2]
    assert found["predicted_x"][0].as_py() == pytest.approx(0.1)


WRONG: dict[str, tuple[str, dict[str, Any], str]] = {
    "no column": ("txt\na\n", {"signature": "text"}, "no column 'text' for the input 'text'"),
    "nearest": ("txt\na\n", {"signature": "text"}, "Did you mean 'txt'?"),
    "no such input": ("text\na\n", {"columns": {"txt": "text"}, "signature": "text"}, "--column"),
    "no such column": ("text\na\n", {"columns": {"text": "tex"}, "signature": "text"}, "'tex'"),
    "two signatures": ("text,x,n\na,1,1\n", {}, "several signatures take these columns"),
    "bad cells": ("x,n\n1,one\n", {}, "a.csv:2: n: 'one' is not an integer"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_leaves_no_output(case: str, client: Client, tmp_path: Path) -> None:
    content, asked, said = WRONG[case]
    with pytest.raises(InputError) as caught:
        answers(client, tmp_path, "a.csv", content, **asked)
    assert said in str(caught.value)
    assert os.listdir(tmp_path) == ["a.csv"]


def test_a_server_that_fails_half_way_leaves_the_former_output(
    client: Client, script: Script, tmp_path: Path
) -> None:
    (tmp_path / "out.csv").write_text("mine")
    lines = "\n".join(str(number) for number in range(100))
    script.fail_after = 5
    with pytest.raises(ServingClientError, match="scripted INTERNAL"):
        answers(client, tmp_path, "a.csv", f"text\n{lines}\n", batch_size=10)
    assert len(script.requests) > 5
    assert (tmp_path / "out.csv").read_text() == "mine"
    assert sorted(os.listdir(tmp_path)) == ["a.csv", "out.csv"]


def test_an_alignment_names_what_each_token_looks_at_most() -> None:
    weights = np.array([[0.75, 0.25, 0], [0.1, 0.4, 0.5], [0, 1, 0], [0.3, 0.3, 0.4]])
    lines = list(alignment([" the", " gate", "\n", ""], ["das", " Tor", ""], weights))
    bars = [line.count("█") for line in lines]
    assert bars == [15, 10, 20]
    assert [line.replace("█", "").split() for line in lines] == [
        ["the", "das"],
        ["gate", "(end)"],
        ["'\\n'", "Tor"],
    ]
