"""Plain values as tf.Examples, read back by TensorFlow."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.serving.client.scripted import FLOAT, STRING, Script, signature
from tidegate.serving.client import Client, InvalidArgumentError, Score
from tidegate.serving.client.examples import rows_of, serialize


@pytest.fixture
def script() -> Script:
    script = Script()
    text = {"examples": (STRING, [-1])}
    script.signatures = {
        "serving_default": signature(text, text),
        "scores": signature({"inputs": (STRING, [-1])}, {"inputs": (STRING, [-1])}, "classify"),
        "raw": signature({"x": (FLOAT, [-1])}, {"x": (FLOAT, [-1])}),
    }
    return script


ROW: dict[str, Any] = {
    "text": "水闸",
    "raw": b"a\x00",
    "count": 3,
    "flag": np.bool_(True),
    "size": 1.5,
    "history": np.array([1.0, 2.0], np.float32),
    "mixed": [1, 2.5],
    "absent": None,
    "empty": [],
}


def test_a_row_is_what_tensorflow_parses() -> None:
    parsed = tf.io.parse_single_example(
        serialize([ROW])[0],
        {
            "text": tf.io.FixedLenFeature([], tf.string),
            "raw": tf.io.FixedLenFeature([], tf.string),
            "count": tf.io.FixedLenFeature([], tf.int64),
            "flag": tf.io.FixedLenFeature([], tf.int64),
            "size": tf.io.FixedLenFeature([], tf.float32),
            "history": tf.io.FixedLenFeature([2], tf.float32),
            "mixed": tf.io.FixedLenFeature([2], tf.float32),
            "absent": tf.io.FixedLenFeature([], tf.float32, -1.0),
            "empty": tf.io.FixedLenFeature([], tf.float32, -2.0),
        },
    )
    values = {name: value.numpy() for name, value in parsed.items()}
    assert values["text"].decode() == "水闸"
    assert values["raw"] == b"a\x00"
    assert (values["count"], values["flag"], values["size"]) == (3, 1, 1.5)
    assert (values["absent"], values["empty"]) == (-1, -2)
    assert values["history"].tolist() == [1, 2]
    assert values["mixed"].tolist() == [1, 2.5]


def test_columns_are_rows() -> None:
    assert rows_of({"a": [1, 2], "b": ["x", "y"]}) == [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"a": [1], "b": [1, 2]}, "columns of one length, got {'a': 1, 'b': 2}"),
        ({"text": "a"}, "column 'text': expected a list"),
        ([{"a": 1}, {"a": object()}], "row 1: feature 'a': expected text, integers or floats"),
        ([{"a": ["x", 1]}], r"got ['int', 'str']"),
        ([{"a": 2**64}], "more than 64 bits"),
    ],
)
def test_what_no_feature_holds(given: Any, said: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        serialize(rows_of(given))
    assert said in str(caught.value)


def test_a_signature_of_serialized_examples_takes_plain_values(client: Client) -> None:
    for rows in ({"text": ["a", "b"]}, [{"text": "a"}, {"text": "b"}]):
        (answer,) = client.predict_examples("echo", rows).values()
        parsed = [tf.train.Example.FromString(one) for one in answer]
        values = [one.features.feature["text"].bytes_list.value for one in parsed]
        assert [list(value) for value in values] == [[b"a"], [b"b"]]
    answer = client.predict_examples("echo", [{"text": "a"}], signature="scores")["inputs"]
    assert tf.train.Example.FromString(answer[0]).features.feature["text"]
    with pytest.raises(InvalidArgumentError, match=r"takes no tf\.Examples: use predict"):
        client.predict_examples("echo", [{"x": 1.0}], signature="raw")


def test_classify_and_regress(client: Client) -> None:
    rows: list[dict[str, Any]] = [{"a": ["x", "y"]}, {"a": "x", "b": "y"}]
    assert client.classify("echo", rows) == [
        [Score("a", 2.0)],
        [Score("a", 1.0), Score("b", 1.0)],
    ]
    answer = client.regress("echo", {"x": [[1.0, 2.0], [0.5, 0.25]]})
    assert (answer.dtype, answer.tolist()) == (np.float32, [3.0, 0.75])
