"""A long file to a signature of whole series: padding, masks, order, long answers."""

from __future__ import annotations

import csv
import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import types_pb2

from serving.client import Client
from serving.client.tables.cells import CellError
from serving.client.tables.formats import TableError
from serving.client.tables.predicting import Question, predict_file
from serving.client.tables.reading import RowReader
from serving.client.tables.times import as_seconds, as_time, grid_places
from tests.serving.client.scripted import FLOAT, INT64, STRING, Script, signature

STEPS = [-1, -1]
INPUTS: dict[str, tuple[int, list[int] | None]] = {
    "y": (FLOAT, STEPS),
    "price": (FLOAT, STEPS),
    "promotion": (types_pb2.DT_BOOL, STEPS),
    "holiday": (STRING, STEPS),
    "mask": (FLOAT, STEPS),
    "price_mask": (types_pb2.DT_BOOL, STEPS),
    "lengths": (INT64, [-1]),
    "region": (STRING, [-1]),
}
LONG = """unique_id,ds,y,price,promotion,holiday,region
a,2020-01-01,1,,true,,north
a,2020-01-02,,2.5,false,easter,north
a,2020-01-03,3,3.5,true,,north
b,2020-01-01,4,1.5,false,,south
"""


@pytest.fixture
def script() -> Script:
    script = Script()
    script.signatures = {
        "serving_default": signature(INPUTS, {"y": INPUTS["y"], "region": INPUTS["region"]}),
        "fixed": signature({"y": (FLOAT, [-1, 4])}, {"y": (FLOAT, [-1, 4])}),
        "steps": signature({"y": (FLOAT, STEPS)}, {"y": (FLOAT, STEPS)}),
        "timed": signature(
            {
                "levels": (FLOAT, STEPS),
                "offsets": (INT64, STEPS),
                "times": (INT64, STEPS),
                "y": (FLOAT, STEPS),
                "start": (INT64, [-1]),
            },
            {
                "levels": (FLOAT, STEPS),
                "offsets": (INT64, STEPS),
                "times": (INT64, STEPS),
                "y": (FLOAT, STEPS),
            },
        ),
    }
    return script


def answers(client: Client, folder: Path, content: str, **asked: Any) -> list[list[str]]:
    (folder / "long.csv").write_text(content)
    with RowReader(str(folder / "long.csv")) as reader:
        predict_file(client, Question("echo", **asked), reader, str(folder / "out.csv"))
    return list(csv.reader((folder / "out.csv").open(newline="")))


def sent(script: Script, number: int = 0) -> dict[str, np.ndarray[Any, Any]]:
    inputs = script.requests[number].inputs
    return {name: tf.make_ndarray(value) for name, value in inputs.items()}


def test_a_series_is_a_row_padded_on_the_right(
    client: Client, script: Script, tmp_path: Path
) -> None:
    script.echo = ("y", "region")
    answers(client, tmp_path, LONG)
    assert len(script.requests) == 1
    found = sent(script)
    nan = np.nan
    np.testing.assert_array_equal(found["y"], [[1, nan, 3], [4, nan, nan]])
    np.testing.assert_array_equal(found["price"], [[nan, 2.5, 3.5], [1.5, nan, nan]])
    assert found["promotion"].tolist() == [[True, False, True], [False, False, False]]
    assert found["holiday"].tolist() == [[b"", b"easter", b""], [b"", b"", b""]]
    assert found["mask"].tolist() == [[1, 0, 1], [1, 0, 0]]
    assert found["price_mask"].tolist() == [[False, True, True], [True, False, False]]
    assert found["lengths"].tolist() == [3, 1]
    assert found["region"].tolist() == [b"north", b"south"]


def test_answers_are_long(client: Client, script: Script, tmp_path: Path) -> None:
    script.echo = ("y", "region")
    assert answers(client, tmp_path, LONG) == [
        ["unique_id", "step", "region", "y"],
        ["a", "1", "north", "1.0"],
        ["a", "2", "north", ""],
        ["a", "3", "north", "3.0"],
        ["b", "1", "south", "4.0"],
        ["b", "2", "south", ""],
        ["b", "3", "south", ""],
    ]


def test_series_are_batched_and_never_cut(client: Client, script: Script, tmp_path: Path) -> None:
    rows = "".join(f"s{one},{step},{one * 10 + step}\n" for one in range(7) for step in range(5))
    found = answers(
        client, tmp_path, f"unique_id,ds,y\n{rows}", signature="steps", batch_size=3, in_flight=2
    )
    assert sorted(len(sent(script, number)["y"]) for number in range(3)) == [1, 3, 3]
    assert found[1:] == [
        [f"s{one}", str(step + 1), f"{one * 10 + step}.0"] for one in range(7) for step in range(5)
    ]


def test_a_fixed_number_of_steps(client: Client, script: Script, tmp_path: Path) -> None:
    answers(client, tmp_path, "unique_id,ds,y\na,1,1\na,2,2\n", signature="fixed")
    np.testing.assert_array_equal(sent(script)["y"], [[1, 2, np.nan, np.nan]])
    with pytest.raises(TableError, match="a series has 5 steps, the input 'y' takes 4"):
        rows = "".join(f"a,{step},1\n" for step in range(5))
        answers(client, tmp_path, f"unique_id,ds,y\n{rows}", signature="fixed")


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("a,1,1\nb,1,1\na,2,1\n", "long.csv:4: the series 'a' goes on after another one"),
        ("a,10,1\na,9,1\n", "long.csv:3: the time '9' comes before that of the row above"),
        ("a,2020-02-01,1\na,2020-01-01,1\n", "the time '2020-01-01' comes before"),
        ("a,1,x\n", "long.csv:2: y: 'x' is not a number"),
    ],
)
def test_series_out_of_order_are_refused(
    rows: str, said: str, client: Client, tmp_path: Path
) -> None:
    with pytest.raises(TableError) as caught:
        answers(client, tmp_path, f"unique_id,ds,y\n{rows}", signature="steps")
    assert said in str(caught.value)
    assert not (tmp_path / "out.csv").exists()


def test_times_that_cannot_be_compared_are_taken_as_they_are(
    client: Client, tmp_path: Path
) -> None:
    rows = "unique_id,ds,y\na,31/12/2020,1\na,01/01/2021,2\n"
    assert len(answers(client, tmp_path, rows, signature="steps")) == 3


def test_start_is_the_first_time_and_times_become_dates_again(
    client: Client, script: Script, tmp_path: Path
) -> None:
    script.echo = ("y", "times", "offsets", "levels")
    content = (
        "unique_id,ds,y,times,offsets,levels\na,1970-01-02,1,172800,1,0.5\n"
        "a,1970-01-03,2,259200,2,0.9\nb,2000-01,5,0,1,0.5\nb,2000-02,,0,2,0.9\n"
    )
    found = answers(client, tmp_path, content, signature="timed")
    assert sent(script)["start"].tolist() == [86_400, 946_684_800]
    assert found == [
        ["unique_id", "step", "ds", "levels", "y"],
        ["a", "1", "1970-01-03", "[0.5, 0.9]", "1.0"],
        ["a", "2", "1970-01-04", "[0.5, 0.9]", "2.0"],
        ["b", "1", "1970-01-01", "[0.5, 0.9]", "5.0"],
        ["b", "2", "1970-01-01", "[0.5, 0.9]", ""],
    ]


UTC_2 = datetime.timezone(datetime.timedelta(hours=2))


@pytest.mark.parametrize(
    ("cell", "seconds", "again"),
    [
        ("17", 17, 17),
        (17, 17, 17),
        ("-3", -3, -3),
        ("1970-01-02", 86_400, "1970-01-02"),
        ("1970-02", 2_678_400, "1970-02-01"),
        ("1970-01-01T01:00:00Z", 3_600, "1970-01-01T01:00:00"),
        ("1970-01-01 00:00", 0, "1970-01-01 00:00:00"),
        ("1970-01-01T00:00+02:00", -7_200, "1969-12-31T22:00:00"),
        (datetime.datetime(1970, 1, 1, 1), 3_600, "1970-01-01 01:00:00"),
        (datetime.date(1969, 12, 31), -86_400, "1969-12-31"),
        (datetime.datetime(1970, 1, 1, 3, tzinfo=UTC_2), 3_600, "1970-01-01 01:00:00"),
    ],
)
def test_times_there_and_back(cell: Any, seconds: int, again: Any) -> None:
    assert as_seconds(cell) == seconds
    assert as_time(seconds, cell) == again


@pytest.mark.parametrize("cell", ["soon", "1970-13-01", "", None])
def test_what_is_no_time_is_told(cell: Any) -> None:
    with pytest.raises(CellError, match=r"n(either|ot) an ISO 8601 date"):
        as_seconds(cell)


def test_rows_that_are_left_out_are_put_in_as_missing(
    client: Client, script: Script, tmp_path: Path
) -> None:
    script.echo = ("y", "times", "offsets", "levels")
    rows = ["a,2020-01-31,1", "a,2020-02-29,2", "a,2020-05-31,5", "b,7,1", "b,9,2", "b,15,5"]
    content = "\n".join(["unique_id,ds,y,times,offsets,levels", *(f"{row},0,1,1" for row in rows)])
    answers(client, tmp_path, content + "\n", signature="timed")
    nan = np.nan
    np.testing.assert_array_equal(sent(script)["y"], [[1, 2, nan, nan, 5], [1, 2, nan, nan, 5]])


@pytest.mark.parametrize(
    ("times", "places"),
    [
        (["2020-01-01", "2020-01-02", "2020-01-05"], [0, 1, 4]),
        (["2020-01-31", "2020-02-29", "2020-03-31", "2020-06-30"], [0, 1, 2, 5]),
        (["2020-01-15", "2020-02-15", "2020-04-15"], [0, 1, 3]),
        (["2019-01-01", "2020-01-01", "2023-01-01"], [0, 1, 4]),
        (["2020-01-06", "2020-01-13", "2020-01-27"], [0, 1, 3]),
        (["2020-01-01 00:00", "2020-01-01 00:15", "2020-01-01 01:00"], [0, 1, 4]),
        ([3, 5, 11], [0, 1, 4]),
    ],
)
def test_places_on_the_grid(times: list[Any], places: list[int]) -> None:
    assert grid_places(times) == places


@pytest.mark.parametrize(
    ("times", "problem"),
    [
        (["2020-01-01", "2020-01-03", "2020-01-06"], "'2020-01-06' is not on the grid"),
        ([1, 2, 2], "two rows of the same time"),
    ],
)
def test_times_off_the_grid_are_told(times: list[Any], problem: str) -> None:
    with pytest.raises(CellError, match=problem):
        grid_places(times)
