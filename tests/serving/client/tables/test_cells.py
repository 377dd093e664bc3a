"""Cells to values of inputs."""

from __future__ import annotations

import datetime
import math
from typing import Any

import pytest

from tidegate.serving.client.messages import DATA_TYPES
from tidegate.serving.client.signatures import TensorSpec
from tidegate.serving.client.tables.cells import CellError, converter, feature
from tidegate.tables.formats import FileFormat


def spec(dtype: str, rank: int = 1) -> TensorSpec:
    return TensorSpec("x", dtype, (None,) * rank, DATA_TYPES[f"DT_{dtype}"])


@pytest.mark.parametrize(
    ("cell", "dtype", "expected"),
    [
        (" 1.5 ", "FLOAT", 1.5),
        ("1e3", "FLOAT", 1000.0),
        (3, "FLOAT", 3.0),
        (True, "FLOAT", 1.0),
        ("7", "INT64", 7),
        ("7.0", "INT64", 7),
        (7.0, "INT32", 7),
        ("9007199254740993", "INT64", 9007199254740993),
        ("yes", "BOOL", True),
        ("FALSE", "BOOL", False),
        (1, "BOOL", True),
        (1.0, "STRING", "1"),
        (True, "STRING", "true"),
        (None, "STRING", ""),
        (math.nan, "STRING", ""),
        (b"abc", "STRING", "abc"),
        (datetime.date(2020, 1, 2), "STRING", "2020-01-02"),
        ("0.5", "BFLOAT16", 0.5),
    ],
)
def test_cells(cell: Any, dtype: str, expected: Any) -> None:
    value = converter(spec(dtype))(cell)
    assert value == expected and type(value) is type(expected)


@pytest.mark.parametrize("cell", ["", "  ", None, math.nan, "NA", "null"])
def test_a_missing_cell_is_nan_where_there_is_one(cell: Any) -> None:
    assert math.isnan(converter(spec("FLOAT"))(cell))
    for dtype in ("INT64", "BOOL"):
        with pytest.raises(CellError, match="no value"):
            converter(spec(dtype))(cell)


@pytest.mark.parametrize(
    ("cell", "dtype", "said"),
    [
        ("oops", "FLOAT", "'oops' is not a number"),
        ([1.0], "FLOAT", "is not a number"),
        ("1.5", "INT64", "'1.5' is not an integer"),
        (1.5, "INT64", "'1.5' is not an integer"),
        ("inf", "INT64", "'inf' is not an integer"),
        ("maybe", "BOOL", "'maybe' is not true or false"),
        (2, "BOOL", "'2' is not true or false"),
    ],
)
def test_cells_that_do_not_fit(cell: Any, dtype: str, said: str) -> None:
    with pytest.raises(CellError) as caught:
        converter(spec(dtype))(cell)
    assert said in str(caught.value)


def test_inputs_of_more_dimensions_take_lists() -> None:
    assert converter(spec("FLOAT", 2))("[1, 2.5, null]")[:2] == [1.0, 2.5]
    assert converter(spec("FLOAT", 3))([[1], [2]]) == [[1.0], [2.0]]
    assert converter(spec("STRING", 2))(["a", None]) == ["a", ""]
    with pytest.raises(CellError, match="is a list, where one value is expected"):
        converter(spec("STRING", 1))(["a"])
    for cell, said in (("[1,", "not a JSON list"), (1.0, "is not a list"), ("3", "is not a list")):
        with pytest.raises(CellError, match=said):
            converter(spec("FLOAT", 2))(cell)


def test_features_of_examples() -> None:
    assert feature("3", None) == "3"
    assert feature("3", "int") == 3
    assert feature("3", "float") == 3.0
    assert feature(3, "text") == "3"
    assert feature("", "int") is None
    assert feature(math.nan, None) is None
    assert feature([1, None, 2], None) == [1, 2]
    assert feature(datetime.date(2020, 1, 2), None) == "2020-01-02"


def test_numbers_and_marks_as_the_file_writes_them() -> None:
    how = FileFormat(decimal=",", thousands=".", missing=("?",))
    to_float = converter(spec("FLOAT"), how)
    assert to_float("1.234,5") == 1234.5 and to_float(1.5) == 1.5 and math.isnan(to_float("?"))
    assert converter(spec("INT64"), how)("-1.234") == -1234
    assert feature("1.234", "int", how) == 1234 and feature("?", "float", how) is None
    with pytest.raises(CellError, match=r"'1\.5' is not a number"):
        to_float("1.5")
