"""Numbers with a decimal comma or marks between thousands, and advice about those not read."""

from __future__ import annotations

import numpy as np
import pyarrow
import pytest

from tidegate.tables import cells
from tidegate.tables.errors import InputError
from tidegate.tables.formats import PLAIN, FileFormat
from tidegate.tables.numerals import advised
from tidegate.tables.spikes import sentinel

COMMA = FileFormat(decimal=",")
GERMAN = FileFormat(decimal=",", thousands=".", missing=("-200",))
ENGLISH = FileFormat(thousands=",")
SPACED = FileFormat(decimal=",", thousands=" ")
NAN = float("nan")


@pytest.mark.parametrize(
    ("how", "column", "expected", "wrong"),
    [
        (COMMA, ["1,5", " -0,25 ", "3", ",5", "1e-3", ""], [1.5, -0.25, 3, 0.5, 0.001, NAN], []),
        (COMMA, ["1.5", "1,2,3", "inf", "1_0"], [NAN] * 4, [0, 1, 2, 3]),
        (GERMAN, ["1.234,5", "-1.234.567", "12", "-200"], [1234.5, -1234567, 12, NAN], []),
        (GERMAN, ["1.5", "12.34", "1234.567", "1,234.5", ".5"], [NAN] * 5, [0, 1, 2, 3, 4]),
        (GERMAN, ["-200,0", 1.5, -200, None], [NAN, 1.5, NAN, NAN], []),
        (GERMAN, pyarrow.array([1.5, -200.0]), [1.5, NAN], []),
        (GERMAN, pyarrow.array(["1.234", None]), [1234, NAN], []),
        (GERMAN, [b"1.234"], [1234], []),
        (ENGLISH, ["1,234.5", "12,34,567", "1,50", "0.5"], [1234.5, 1234567, NAN, 0.5], [2]),
        (SPACED, ["1\u202f234,5", "1\xa0234", "1 2"], [1234.5, 1234, NAN], [2]),
        (FileFormat(thousands="'"), ["1\u2019234.5", "1'234"], [1234.5, 1234], []),
    ],
)
def test_numbers(
    how: FileFormat, column: list[str], expected: list[float], wrong: list[int]
) -> None:
    values, rows, _ = cells.numbers(column, how)
    np.testing.assert_array_equal(values, expected)
    assert rows.tolist() == wrong


@pytest.mark.parametrize(
    ("how", "cell", "advice"),
    [
        (PLAIN, "1,5", "data.decimal=','"),
        (PLAIN, "1.234,56", "data.decimal=',' and data.thousands='.'"),
        (PLAIN, "1,234,567.8", "data.thousands=','"),
        (PLAIN, "1,234", "data.decimal=',' or data.thousands=','"),
        (PLAIN, "1 234", "data.thousands=' '"),
        (COMMA, "1.234", "data.decimal='.' or data.thousands='.'"),
        (FileFormat(by_options=True), "1,5", "--decimal=','"),
    ],
)
def test_the_advice_works_when_followed(how: FileFormat, cell: str, advice: str) -> None:
    assert list(advised([cell], 9, how)) == [f" ({advice} would read it)"]
    for settings in advice.split(" or "):
        given = dict(setting.split("=") for setting in settings.split(" and "))
        marks = {name.strip("-").removeprefix("data."): mark[1] for name, mark in given.items()}
        values, wrong, _ = cells.numbers([cell], FileFormat(**{"decimal": how.decimal, **marks}))
        assert not len(wrong) and not np.isnan(values).any()


def test_what_may_say_that_there_is_no_value() -> None:
    how = FileFormat(missing=("-",))
    found = list(advised(["?", "closed", "closed", "many", {}], 20, how))
    assert found == [
        " (if it says that there is no value: data.missing=-,?)",
        *2 * [" (if it says that there is no value: data.missing=-,closed)"],
        "",
        "",
    ]
    # Where most cells are such, the column is one of words.
    assert list(advised(["dog"] * 15, 20, how)) == [""] * 15


@pytest.mark.parametrize("marks", [{"decimal": "1"}, {"thousands": "."}, {"thousands": "-"}])
def test_marks_that_make_no_numbers(marks: dict[str, str]) -> None:
    with pytest.raises(InputError, match=f"data.{next(iter(marks))}="):
        FileFormat(**marks).check_marks()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([*range(10, 40), *[-200] * 6], (-200, 6)),
        ([*range(10, 40), *[9999] * 5, NAN], (9999, 5)),
        ([*range(10, 40), *[9999] * 4], None),
        ([*range(10, 40), *[0] * 9], None),
        ([*range(10, 40), *[45] * 9], None),
        ([*range(-20, 20), *[-25] * 9], None),
        ([5] * 30, None),
        ([], None),
    ],
)
def test_a_sentinel(values: list[float], expected: tuple[float, int] | None) -> None:
    assert sentinel(np.array(values, float)) == expected
