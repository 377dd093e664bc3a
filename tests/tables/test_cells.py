"""Cells of every kind that files hold, as texts, numbers and times."""

from __future__ import annotations

import decimal
from datetime import date, datetime, timezone
from typing import Any

import numpy as np
import pandas as pd
import pyarrow
import pytest

from tidegate.tables import cells
from tidegate.tables.cells import is_integer_time
from tidegate.tables.formats import PLAIN

NAN = float("nan")
DAY = 86_400


def named(column: Any) -> list[str]:
    codes, found, wrong = cells.texts(column)
    assert not len(wrong)
    assert len(set(found)) == len(found)
    return found[codes].tolist()


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (["b", " a", "a ", "", "b"], ["b", "a", "a", "", "b"]),
        ([1, "1", 1.0, True, None, NAN], ["1", "1", "1", "true", "", ""]),
        (pyarrow.array([3, None, 3]), ["3", "", "3"]),
        (pyarrow.array([3.0, None, 2.5]), ["3", "", "2.5"]),
        (pyarrow.array(["x", None, "y", "x"]).dictionary_encode(), ["x", "", "y", "x"]),
        (pyarrow.array(["x", None], pyarrow.large_string()), ["x", ""]),
    ],
)
def test_names(column: Any, expected: list[str]) -> None:
    assert named(column) == expected


@pytest.mark.parametrize(
    ("column", "expected", "wrong"),
    [
        (["1", " 2.5 ", "-3e2"], [1, 2.5, -300], []),
        (["1", "", "NaN", "null", "NA", "None"], [1, NAN, NAN, NAN, NAN, NAN], []),
        (["1", "x", "1,5", "2"], [1, NAN, NAN, 2], [1, 2]),
        ([1, None, 2.5, "3"], [1, NAN, 2.5, 3], []),
        (["inf", "1"], [NAN, 1], [0]),
        (["1e999", "", "x"], [NAN, NAN, NAN], [0, 2]),
        ([[1], {}], [NAN, NAN], [0, 1]),
        ([[1], [2]], [NAN, NAN], [0, 1]),  # As many numbers in each as in a matrix.
        ([3, [3]], [3, NAN], [1]),
        (pyarrow.array([[1.0], [2.0]]), [NAN, NAN], [0, 1]),
        (pyarrow.array([[1], None]), [NAN, NAN], [0]),
        (pyarrow.array([1, None, 3]), [1, NAN, 3], []),
        (pyarrow.array([1.5, NAN, float("inf")]), [1.5, NAN, NAN], [2]),
        (pyarrow.array([True, False, None]), [1, 0, NAN], []),
        (pyarrow.array([decimal.Decimal("1.50"), None]), [1.5, NAN], []),
        (pyarrow.array(["1", "x", None]), [1, NAN, NAN], [1]),
    ],
)
def test_numbers(column: Any, expected: list[float], wrong: list[int]) -> None:
    values, rows, beyond = cells.numbers(column)
    np.testing.assert_array_equal(values, np.array(expected))
    assert values.dtype == np.float64 and rows.tolist() == wrong and not len(beyond)


@pytest.mark.parametrize(
    "column",
    [
        ["1e15", "-1.1e15", "1e39", "x"],
        [1e15, 1e16, -(10**400), "x"],
        [10**15, -(10**16), 10**400, {}],
        pyarrow.array([1e15, -1e16, 3e38, float("inf")]),
    ],
)
def test_numbers_whose_squares_have_no_sum_in_float32(column: Any) -> None:
    values, wrong, beyond = cells.numbers(column)
    np.testing.assert_array_equal(values, np.array([1e15, NAN, NAN, NAN]))
    kept = values[:1].astype(np.float32)
    assert np.isfinite(np.square(np.repeat(kept, 100_000)).sum(dtype=np.float32))
    assert wrong.tolist() == [3] and beyond.tolist() == [1, 2]


@pytest.mark.parametrize(
    "column",
    [
        [["a"], "b", {"c": 1}],
        pyarrow.array([["a"], None, ["c"]]),
        pyarrow.array([{"a": 1}, None, {"a": 2}]),
    ],
)
def test_lists_and_records_are_no_text_and_no_time(column: Any) -> None:
    codes, found, wrong = cells.texts(column)
    assert found[codes][[0, 2]].tolist() == ["", ""] and wrong.tolist() == [0, 2]
    assert cells.integers(column).tolist() == [cells.NOT_READ] * 3
    assert cells.timestamps(column, PLAIN)[0].tolist() == [cells.NOT_READ] * 3


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (["1", "-7", "3.0", 4, 5.0], [1, -7, 3, 4, 5]),
        (["1.5", "x", "", None, NAN, "9" * 30], [cells.NOT_READ] * 6),
        (pyarrow.array([1, None]), [1, cells.NOT_READ]),
    ],
)
def test_integers(column: Any, expected: list[int]) -> None:
    assert cells.integers(column).tolist() == expected


@pytest.mark.parametrize(
    ("column", "expected", "ahead"),
    [
        (["1970-01-02", "1970-01-02T01:00+01:00"], [DAY, DAY], [0, 3600]),
        (["1970-01-02", "", None, "x"], [DAY, *[cells.NOT_READ] * 3], [0, 0, 0, 0]),
        (pyarrow.array([date(1970, 1, 2), None]), [DAY, cells.NOT_READ], [0, 0]),
        (pyarrow.array([datetime(1970, 1, 2)], pyarrow.timestamp("ns")), [DAY], [0]),
        (pyarrow.array([datetime(1969, 12, 31)], pyarrow.timestamp("ms")), [-DAY], [0]),
        # Finer than a second.
        (pyarrow.array([1_500], pyarrow.timestamp("ms")), [cells.NOT_READ], [0]),
        (
            pyarrow.array(
                [datetime(2021, 7, 1, tzinfo=timezone.utc), datetime(2021, 1, 1), None],
                pyarrow.timestamp("us", "Europe/Berlin"),
            ),
            [1_625_097_600, 1_609_459_200, cells.NOT_READ],
            [7200, 3600, 3600],
        ),
        (pyarrow.array(["1970-01-02"]).dictionary_encode(), [DAY], [0]),
    ],
)
def test_time_stamps(column: Any, expected: list[int], ahead: list[int]) -> None:
    times, offsets, _ = cells.timestamps(column, PLAIN)
    assert times.tolist() == expected and offsets.tolist() == ahead


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("17", True),
        (1700, True),
        ("1700.0", True),
        ("-3", True),
        (20_210_101, False),  # A date.
        ("20211301", True),
        ("1.5", False),
        ("2021-01-01", False),
        (pd.Timestamp("2021-01-01"), False),
    ],
)
def test_which_times_are_numbers(cell: Any, expected: bool) -> None:
    assert is_integer_time(cell) == expected
