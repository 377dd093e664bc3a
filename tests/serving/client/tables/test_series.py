"""A long file to a signature of whole series: padding, masks, order, long answers."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import types_pb2

from tests.serving.client.scripted import FLOAT, INT64, STRING, Script, signature
from tidegate.components.series_example_gen.reading import ONLY_SERIES
from tidegate.serving.client import Client
from tidegate.serving.client.tables.formats import TableError
from tidegate.serving.client.tables.predicting import Question, predict_file
from tidegate.serving.client.tables.reading import RowReader

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
        "named": signature(
            {"unique_id": (STRING, [-1]), "start": (INT64, [-1]), "y": (FLOAT, STEPS)},
            {"y": (FLOAT, STEPS)},
        ),
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
        ["b", "1", "1970-01", "[0.5, 0.9]", "5.0"],
        ["b", "2", "1970-01", "[0.5, 0.9]", ""],
    ]


@pytest.mark.parametrize(
    "rows",
    [
        ["a,2020-01-31,1", "a,2020-02-29,2", "a,2020-05-31,5"],
        ["a,2020-03-28,1", "a,2020-03-29,2", "a,2020-04-01,5"],
        ["a,7,1", "a,9,2", "a,15,5"],
    ],
)
def test_rows_that_are_left_out_are_put_in_as_missing(
    rows: list[str], client: Client, script: Script, tmp_path: Path
) -> None:
    script.echo = ("y", "times", "offsets", "levels")
    content = "\n".join(["unique_id,ds,y,times,offsets,levels", *(f"{row},0,1,1" for row in rows)])
    answers(client, tmp_path, content + "\n", signature="timed")
    nan = np.nan
    np.testing.assert_array_equal(sent(script)["y"], [[1, 2, nan, nan, 5]])


def timed(client: Client, folder: Path, cells: list[tuple[str, str, int]]) -> list[str]:
    """The column `ds` of the answers, whose times are the column `times`; (series, ds, times)."""
    rows = [f"{name},{time},1,{answer},1,1" for name, time, answer in cells]
    content = "\n".join(["unique_id,ds,y,times,offsets,levels", *rows])
    found = answers(client, folder, content + "\n", signature="timed")
    return [row[2] for row in found[1:]]


def test_days_of_a_zone_are_those_of_its_clock(
    client: Client, script: Script, tmp_path: Path
) -> None:
    script.echo = ("y", "times", "offsets", "levels")
    cells = [
        ("a", "2024-03-30 00:00:00+01:00", 1_711_929_600),  # 2024-04-01 00:00
        ("a", "2024-03-31 00:00:00+01:00", 1_712_016_000),
        ("b", "2024-04-01 00:00:00+02:00", 1_712_102_400),
    ]
    found = timed(client, tmp_path, cells)
    assert sent(script)["start"].tolist() == [1_711_756_800, 1_711_929_600]
    assert found[:2] == ["2024-04-01 00:00:00+01:00", "2024-04-02 00:00:00+01:00"]
    assert found[2] == "2024-04-03 00:00:00+02:00"


def test_hours_of_a_zone_are_in_order_where_its_clock_goes_back(
    client: Client, script: Script, tmp_path: Path
) -> None:
    script.echo = ("y", "times", "offsets", "levels")
    cells = [
        ("a", "2024-10-27T01:00+02:00", 1_729_994_400),  # 2024-10-27 02:00 UTC
        ("a", "2024-10-27T02:00+02:00", 1_729_998_000),
        ("a", "2024-10-27T02:00+01:00", 1_730_001_600),
    ]
    found = timed(client, tmp_path, cells)
    assert sent(script)["start"].tolist() == [1_729_983_600]
    assert found == [f"2024-10-27T{hour:02d}:00+01:00" for hour in (3, 4, 5)]


@pytest.mark.parametrize(
    ("first", "second", "start"),
    [
        ("20231126", "20231127", 1_700_956_800),
        ("2023/9/9", "2023/9/10", 1_694_217_600),
        ("20240000", "20240001", 20_240_000),
    ],
)
def test_the_first_time_says_what_all_are(
    first: str, second: str, start: int, client: Client, script: Script, tmp_path: Path
) -> None:
    timed(client, tmp_path, [("a", first, 0), ("a", second, 0)])
    assert sent(script)["start"].tolist() == [start]


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (["31/01/2024"], "long.csv:2: ds: '31/01/2024' is no time stamp (ISO 8601, year first,"),
        (["2024-01-01", "2"], "long.csv:3: ds: '2' is no time stamp"),
        (["1", "2024-01-01"], "long.csv:3: ds: '2024-01-01' is no integer, as the first time is"),
        (["1", "1"], "series 'a': ds: two rows of the same time, '1'"),
        (["1", "3", "6"], "series 'a': ds: '6' is not on the grid of the other times"),
    ],
)
def test_times_that_cannot_be_used_are_told(
    cells: list[str], said: str, client: Client, tmp_path: Path
) -> None:
    with pytest.raises(TableError) as caught:
        timed(client, tmp_path, [("a", cell, 0) for cell in cells])
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_columns_of_other_names(client: Client, script: Script, tmp_path: Path) -> None:
    content = "store,day,sold\na,2020-01-01,1\na,2020-01-02,2\nb,2020-01-01,3\n"
    columns = {"unique_id": "store", "ds": "day", "y": "sold"}
    found = answers(client, tmp_path, content, signature="named", columns=columns)
    inputs = sent(script)
    assert inputs["unique_id"].tolist() == [b"a", b"b"]
    assert inputs["start"].tolist() == [1_577_836_800] * 2
    np.testing.assert_array_equal(inputs["y"], [[1, 2], [3, np.nan]])
    assert found[0][:2] == ["unique_id", "step"] and [row[0] for row in found[1:]] == list("aabb")
    with pytest.raises(TableError, match="no column 'date', named by --column ds=date"):
        answers(client, tmp_path, content, signature="named", columns={**columns, "ds": "date"})


def test_a_file_without_names_is_one_series(client: Client, script: Script, tmp_path: Path) -> None:
    content = "ds,y\n2020-01-01,1\n2020-01-03,3\n2020-01-04,4\n"
    answers(client, tmp_path, content, signature="named")
    inputs = sent(script)
    # As the training calls it.
    assert inputs["unique_id"].tolist() == [ONLY_SERIES.encode()]
    np.testing.assert_array_equal(inputs["y"], [[1, np.nan, 3, 4]])


def test_what_a_file_of_series_lacks_is_named(
    client: Client, script: Script, tmp_path: Path
) -> None:
    taken = script.signatures
    script.signatures = {
        "serving_default": signature({"examples": (STRING, [-1])}, {"y": (FLOAT, STEPS)}),
        "named": taken["named"],
    }
    with pytest.raises(TableError, match=r"no column 'y' for the input 'y' .*Known: ds, "):
        answers(client, tmp_path, "unique_id,ds,sold\na,2020-01-01,1\n")


def test_columns_that_no_signature_has_are_told_where_the_model_cannot_read_them(
    client: Client, script: Script, tmp_path: Path
) -> None:
    script.signatures = {
        "serving_default": signature({"examples": (STRING, [-1])}, {"examples": (STRING, [-1])}),
        "named": script.signatures["named"],
    }
    script.failures = [grpc.StatusCode.INVALID_ARGUMENT]
    expected = r"store, day, sold are not the inputs .*\(named: ds, .*\): .*--column INPUT=COLUMN"
    with pytest.raises(TableError, match=expected):
        answers(client, tmp_path, "store,day,sold\na,2020-01-01,1\n")
