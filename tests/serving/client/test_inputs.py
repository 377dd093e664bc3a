"""Inputs are checked against the signature before anything is sent."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.serving.client.scripted import FLOAT, INT64, STRING, Script, signature
from tidegate.serving.client import Client, InvalidArgumentError
from tidegate.serving.client.signatures import TensorSpec, as_array


@pytest.fixture
def script() -> Script:
    script = Script()
    both = {"text": (STRING, [-1]), "weight": (FLOAT, [-1, 2])}
    script.signatures = {
        "serving_default": signature(both, both),
        "ids": signature({"ids": (INT64, None)}, {"ids": (INT64, None)}),
        "lenient": signature(both, both, defaults={"weight": [[0.0, 0.0]]}),
    }
    return script


GOOD: dict[str, Any] = {"text": ["a", "b"], "weight": [[1, 2], [3, 4]]}


def test_answers_carry_values_and_who_gave_them(client: Client) -> None:
    answers = client.predict("echo", GOOD)
    assert answers["text"].tolist() == [b"a", b"b"]
    assert answers["weight"].dtype == np.float32
    assert answers["weight"].tolist() == [[1, 2], [3, 4]]
    assert (answers.model, answers.version, answers.signature) == ("echo", 3, "serving_default")


def test_an_input_with_a_default_may_be_left_out(client: Client) -> None:
    assert set(client.predict("echo", {"text": ["a"]}, signature="lenient")) == {"text"}


def test_only_the_outputs_asked_for_come_back(client: Client) -> None:
    assert set(client.predict("echo", GOOD, outputs=["text"])) == {"text"}


WRONG: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "unknown input": ({**GOOD, "txt": ["a"]}, {}, "no input 'txt'. Did you mean 'text'?"),
    "missing input": ({"text": ["a"]}, {}, "missing weight (float32[?, 2]); got text"),
    "text for numbers": ({**GOOD, "weight": [["1", "2"]]}, {}, "float32[?, 2], got text"),
    "numbers for text": ({**GOOD, "text": [1, 2]}, {}, "string[?], got a value of type int"),
    "no text": ({**GOOD, "text": [None]}, {}, "got a value of type NoneType"),
    "a bare text": ({**GOOD, "text": "a"}, {}, "string[?], got the shape []"),
    "rank": ({**GOOD, "weight": [1, 2]}, {}, "got the shape [2]"),
    "size": ({**GOOD, "weight": [[1, 2, 3]]}, {}, "got the shape [1, 3]"),
    "ragged": ({**GOOD, "weight": [[1, 2], [3]]}, {}, "inhomogeneous"),
    "float for integer": ({"ids": [1.5]}, {"signature": "ids"}, "int64[...], got float64"),
    "signature": (GOOD, {"signature": "idz"}, "no signature 'idz'. Did you mean 'ids'?"),
    "output": (GOOD, {"outputs": ["weights"]}, "no output 'weights'. Did you mean 'weight'?"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_does_not_fit_is_named_and_not_sent(case: str, client: Client, script: Script) -> None:
    inputs, how, said = WRONG[case]
    with pytest.raises(InvalidArgumentError) as caught:
        client.predict("echo", inputs, **how)
    assert said in caught.value.message
    assert "'echo'" in str(caught.value)
    assert (caught.value.model, caught.value.address) == ("echo", "")
    assert script.requests == []


@pytest.mark.parametrize(
    ("value", "dtype", "expected"),
    [
        (np.array([1, 2], np.int64), "float32", [1.0, 2.0]),
        (np.array([1, 2], np.int64), "int8", [1, 2]),
        (np.array([1, 2], np.uint64), "int32", [1, 2]),
        (np.array([True]), "float32", [1.0]),
        (np.array([0.5], np.float64), "float16", [0.5]),
        (np.array([0.5], np.float64), "bfloat16", [0.5]),
        (np.array([np.nan, np.inf]), "float32", [np.nan, np.inf]),
        ([], "int64", []),
        ([], "float32", []),
    ],
)
def test_types_change_where_nothing_is_lost(value: Any, dtype: str, expected: list[Any]) -> None:
    array = as_array(value, spec(dtype))
    assert array.dtype.name == dtype
    np.testing.assert_array_equal(array.astype(np.float64), np.array(expected, np.float64))


@pytest.mark.parametrize(
    ("value", "dtype", "said"),
    [
        ([300], "int8", "do not fit (300 to 300)"),
        ([-1], "uint32", "do not fit (-1 to -1)"),
        ([1e300], "float32", "floats that do not fit"),
        ([0.5], "bool", "got float64"),
        ([1], "bool", "got int64"),
        ([1j], "float32", "got complex128"),
        ([None], "float32", "values of type NoneType"),
        (np.array(["2020-01-01"], "datetime64[D]"), "int64", r"got datetime64[D]"),
    ],
)
def test_types_do_not_change_where_something_is_lost(value: Any, dtype: str, said: str) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        as_array(value, spec(dtype))
    assert said in str(caught.value)


def spec(dtype: str) -> TensorSpec:
    from tidegate.serving.client.messages import DATA_TYPES

    name = {"float32": "FLOAT", "float16": "HALF", "float64": "DOUBLE"}.get(dtype, dtype.upper())
    return TensorSpec("x", dtype, (None,), DATA_TYPES[f"DT_{name}"])


def test_signatures_are_those_of_the_metadata(client: Client) -> None:
    found = client.signatures("echo")
    assert set(found) == {"serving_default", "ids", "lenient"}
    assert found["lenient"].optional == {"weight"}
    assert found["ids"].inputs["ids"].shape is None
    assert str(found["serving_default"]) == (
        "serving_default(text: string[?], weight: float32[?, 2]) -> "
        "(text: string[?], weight: float32[?, 2])"
    )


def test_a_new_version_with_another_signature_is_asked_for_again(
    client: Client, script: Script
) -> None:
    client.predict("echo", GOOD)
    other = {"words": (STRING, [-1])}
    script.signatures, script.version = {"serving_default": signature(other, other)}, 4
    # What fits no longer the signature that is remembered fits the new one.
    assert client.predict("echo", {"words": ["a"]}).version == 4
    with pytest.raises(InvalidArgumentError, match="no input 'text'"):
        client.predict("echo", GOOD)
