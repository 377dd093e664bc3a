"""A long file to a signature of whole series: padding, masks, grids, long answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from tensorflow.core.framework import types_pb2

from tests.serving.client.scripted import FLOAT, INT64, STRING, Script, signature
from tests.serving.client.tables.long_files import STEPS, answers, sent
from tidegate.serving.client import Client
from tidegate.serving.client.tables.predicting import planned
from tidegate.serving.client.tables.quantiles import QuantileColumns
from tidegate.serving.client.tables.question import Question
from tidegate.tables.errors import InputError
from tidegate.tables.formats import FileFormat
from tidegate.tables.reads import SeriesReads
from tidegate.tables.roles import Input, Output, Roles
from tidegate.tables.time_grid import Step, parse_step

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
LONG = """shop,day,y,price,promotion,holiday,region
a,2020-01-01,1,,true,,north
 a ,2020-01-02,NA,2.5,false,easter,north
a,2020-01-03,3,3.5,true,,north
b,2020-01-01,4,1.5,false,,south
"""
ROLES = {"mask": "mask:y", "price_mask": "mask:price", "lengths": "length"}


@pytest.fixture
def script() -> Script:
    script = Script()
    script.signatures = {
        "all": signature(INPUTS, {"y": INPUTS["y"], "region": INPUTS["region"]}),
        "fixed": signature({"y": (FLOAT, [-1, 4])}, {"y": (FLOAT, [-1, 4])}),
        "steps": signature({"y": (FLOAT, STEPS)}, {"y": (FLOAT, STEPS)}),
        "named": signature(
            {"unique_id": (STRING, [-1]), "start": (INT64, [-1]), "y": (FLOAT, STEPS)},
            {"y": (FLOAT, STEPS)},
        ),
    }
    return script


def test_a_series_is_a_row_padded_on_the_right(
    client: Client, script: Script, tmp_path: Path
) -> None:
    script.echo = ("y", "region")
    found = answers(client, tmp_path, LONG, signature="all", roles=ROLES)
    assert len(script.requests) == 1
    inputs = sent(script)
    nan = np.nan
    np.testing.assert_array_equal(inputs["y"], [[1, nan, 3], [4, nan, nan]])
    np.testing.assert_array_equal(inputs["price"], [[nan, 2.5, 3.5], [1.5, nan, nan]])
    assert inputs["promotion"].tolist() == [[True, False, True], [False, False, False]]
    assert inputs["holiday"].tolist() == [[b"", b"easter", b""], [b"", b"", b""]]
    assert inputs["mask"].tolist() == [[1, 0, 1], [1, 0, 0]]
    assert inputs["price_mask"].tolist() == [[False, True, True], [True, False, False]]
    assert inputs["lengths"].tolist() == [3, 1]
    assert inputs["region"].tolist() == [b"north", b"south"]
    assert found == [
        ["shop", "step", "region", "y"],
        ["a", "1", "north", "1.0"],
        ["a", "2", "north", ""],
        ["a", "3", "north", "3.0"],
        ["b", "1", "south", "4.0"],
        ["b", "2", "south", ""],
        ["b", "3", "south", ""],
    ]


def test_series_are_batched_never_cut_and_in_the_files_order(
    client: Client, script: Script, tmp_path: Path
) -> None:
    rows = [f"s{9 - one},{step},{one * 10 + step}" for step in (3, 1, 0, 2) for one in range(7)]
    content = "\n".join(["shop,day,y", *rows, ""])
    found = answers(client, tmp_path, content, signature="steps", batch_size=3, in_flight=2)
    assert sorted(len(sent(script, number)["y"]) for number in range(3)) == [1, 3, 3]
    assert found[1:] == [
        [f"s{9 - one}", str(step + 1), f"{one * 10 + step}.0"]
        for one in range(7)
        for step in range(4)
    ]


def test_a_step_that_the_model_numbers_0_is_padding(
    client: Client, script: Script, tmp_path: Path
) -> None:
    content = "shop,day,y\na,1,1\na,2,2\nb,1,1\nb,2,0\n"
    assert len(answers(client, tmp_path, content, signature="steps")) == 5
    found = answers(client, tmp_path, content, signature="steps", roles={"y": "step"})
    assert found == [["shop", "step"], ["a", "1"], ["a", "2"], ["b", "1"]]


def test_a_model_of_rows_in_the_files_order_reads_no_times(
    client: Client, script: Script, tmp_path: Path
) -> None:
    script.roles = Roles(
        signature="steps",
        reads=SeriesReads(time="day", target="y", id="name", order="file"),
        inputs={"y": Input("values", "y")},
        outputs={"y": Output()},
        step=Step(index=1),
    ).to_json()
    content = "shop,day,y\na,2020-01-02,1\na,2020-01-01,2\na,2020-01-01,3\n"
    found = answers(client, tmp_path, content.replace("shop,", "name,", 1))
    assert [row[2] for row in found[1:]] == ["1.0", "2.0", "3.0"]


def test_a_fixed_number_of_steps(client: Client, script: Script, tmp_path: Path) -> None:
    answers(client, tmp_path, "shop,day,y\na,1,1\na,2,2\n", signature="fixed")
    np.testing.assert_array_equal(sent(script)["y"], [[1, 2, np.nan, np.nan]])
    with pytest.raises(InputError, match="a series has 5 steps, the input 'y' takes 4"):
        rows = "".join(f"a,{step},1\n" for step in range(5))
        answers(client, tmp_path, f"shop,day,y\n{rows}", signature="fixed")


@pytest.mark.parametrize(
    ("rows", "step", "said"),
    [
        ("a,1,x", "1", "long.csv:2: 'x'"),
        ("a,1,1\na,1,2", "1", "long.csv:3: series 'a' has 1 twice (also "),
        ("a,1,1\na,3,2\na,6,3", "2", "long.csv:4: series 'a': 6 is off the grid of one step each"),
        ("a,2024-01-01,1\na,2,2", "D", "long.csv:3: '2'"),
        ("a,1,1\na,2024-01-01,2", "1", "long.csv:3: '2024-01-01'"),
        ("a,31/01/2024,1", "D", "year first, whole seconds; else set --time-format)"),
        ("a,2024-01-01,1\na,2024-01-01 12:00,2", "D", "the step is the model's"),
        ("a,2024-01-05,1\na,2024-01-06,2", "B", "2024-01-06 00:00:00 is off the grid of one step"),
    ],
)
def test_rows_that_cannot_be_used_are_refused(
    rows: str, step: str, said: str, client: Client, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as caught:
        answers(client, tmp_path, f"shop,day,y\n{rows}\n", signature="steps", step=parse_step(step))
    assert said in str(caught.value) and len(str(caught.value).splitlines()) == 1
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize(
    ("rows", "step"),
    [
        (["a,2020-01-31,1", "a,2020-02-29,2", "a,2020-05-31,5"], "M"),
        (["a,2020-03-28,1", "a,2020-03-29,2", "a,2020-04-01,5"], "D"),
        # Thursday, Friday, and a Wednesday after two holidays.
        (["a,2024-03-28,1", "a,2024-03-29,2", "a,2024-04-03,5"], "B"),
        (["a,7,1", "a,9,2", "a,15,5"], "2"),
    ],
)
def test_rows_that_are_left_out_are_put_in_as_missing(
    rows: list[str], step: str, client: Client, script: Script, tmp_path: Path
) -> None:
    content = "\n".join(["shop,day,y", *rows, ""])
    answers(client, tmp_path, content, signature="steps", step=parse_step(step))
    nan = np.nan
    np.testing.assert_array_equal(sent(script)["y"], [[1, 2, nan, nan, 5]])


READS = SeriesReads(
    time="day",
    target="sold",
    id="shop",
    future=("promo",),
    static=("side",),
    how=FileFormat(delimiter=";", missing=("-",), time_format="%d.%m.%Y"),
)
TOLD = Roles(
    signature="forecast",
    reads=READS,
    inputs={
        "name": Input("name", "shop"),
        "begin": Input("start", "day"),
        "y": Input("values", "sold"),
        "there": Input("mask", of="y"),
        "promo": Input("future", "promo"),
        "side": Input("static", "side"),
    },
    outputs={
        "promo": Output("quantiles", levels=(0.025, 0.5, 0.975)),
        "begin": Output("time", column="day"),
    },
    step=Step(seconds=86_400),
    horizon=2,
)
SOLD = """shop;day;sold;promo;side
b;02.02.2024;2;0;south
b;31.01.2024;1;1;south
b;01.02.2024;;1;
b;03.02.2024;;1;south
b;04.02.2024;-;0;south
"""


@pytest.fixture
def telling(script: Script) -> Script:
    inputs: dict[str, tuple[int, list[int]]] = {
        "name": (STRING, [-1]), "begin": (INT64, [-1]), "y": (FLOAT, STEPS),
        "there": (types_pb2.DT_BOOL, STEPS), "promo": (FLOAT, STEPS), "side": (STRING, [-1]),
    }  # fmt: skip
    script.signatures = {
        "serving_default": signature({"examples": (STRING, [-1])}, {"y": (FLOAT, STEPS)}),
        "forecast": signature(inputs, {"y": (FLOAT, STEPS), "begin": (INT64, [-1])}),
    }
    script.roles = TOLD.to_json()
    script.echo = ("y", "begin")
    return script


def test_a_file_like_the_one_trained_on_needs_no_option(
    client: Client, telling: Script, tmp_path: Path
) -> None:
    found = answers(client, tmp_path, SOLD, id=None, time=None)
    inputs = sent(telling)
    nan = np.nan
    np.testing.assert_array_equal(inputs["y"], [[1, nan, 2, nan, nan]])
    np.testing.assert_array_equal(inputs["promo"], [[1, 1, 0, 1, 0]])
    assert inputs["there"].tolist() == [[True, False, True, False, False]]
    assert [inputs[name].tolist() for name in ("name", "begin", "side")] == [
        [b"b"], [1_706_659_200], [b"south"],
    ]  # fmt: skip
    assert found[:2] == [["shop", "step", "day", "y"], ["b", "1", "31.01.2024", "1.0"]]


def test_options_go_over_what_the_model_tells(
    client: Client, telling: Script, tmp_path: Path
) -> None:
    content = SOLD.replace(";", ",").replace("sold", "units").replace("day", "date")
    asked: dict[str, Any] = {"id": None, "time": "date", "how": {"delimiter": ","}}
    answers(client, tmp_path, content, columns={"y": "units"}, **asked)
    np.testing.assert_array_equal(sent(telling)["y"][0, :3], [1, np.nan, 2])
    with pytest.raises(InputError, match=r"no column 'sold'.*--column INPUT=COLUMN"):
        answers(client, tmp_path, content, **asked)


def test_a_covariate_that_is_not_known_ahead_is_refused(
    client: Client, telling: Script, tmp_path: Path
) -> None:
    for content in (SOLD.replace(";-;0;", ";-;;"), SOLD[: SOLD.index("b;04")]):
        with pytest.raises(InputError) as caught:
            answers(client, tmp_path, content, id=None, time=None)
        said = str(caught.value)
        assert "series 'b': the covariate 'promo' is not known at 1 of the 5 steps" in said
        assert "(first at 2024-02-04 00:00:00)" in said and "add rows with an empty 'sold'" in said


def test_a_frame_is_asked_about_as_a_file(client: Client, telling: Script) -> None:
    import pandas as pd

    rows = [line.split(";") for line in SOLD.splitlines()]
    frame = pd.DataFrame(rows[1:], columns=rows[0]).replace("", None)
    frame["promo"] = frame["promo"].astype(float)
    frame.loc[2, "sold"] = "5"
    with planned(client, Question("echo"), frame) as made:
        (rows,) = made.rows(client)
    np.testing.assert_array_equal(sent(telling)["y"], [[1, 5, 2, np.nan, np.nan]])
    assert [row["y"] for row in rows[:3]] == [1, 5, 2] and {row["shop"] for row in rows} == {"b"}


def test_roles_of_a_later_edition_are_refused(
    client: Client, telling: Script, tmp_path: Path
) -> None:
    telling.roles = TOLD.to_json().replace('"edition": 1', '"edition": 2')
    with pytest.raises(InputError, match=r"of edition 2; this tidegate reads up to 1"):
        answers(client, tmp_path, SOLD)
    telling.roles = '{"edition": 1}'
    with pytest.raises(InputError, match="not the roles of a model"):
        answers(client, tmp_path, SOLD)


def test_quantiles_are_columns() -> None:
    levels = (0.025, 0.1, 0.3, 0.5, 0.9, 0.975)
    made = QuantileColumns("quantiles", Output("quantiles", levels=levels))
    assert made.columns == ["median", "lo-95", "lo-80", "q-0.3", "hi-80", "hi-95"]
    row = made.row(np.array([1, 2, 2.5, 3, 4, 5], np.float32))
    assert row == {"lo-95": 1, "lo-80": 2, "q-0.3": 2.5, "median": 3, "hi-80": 4, "hi-95": 5}
    assert QuantileColumns("quantiles", Output("quantiles")).row(np.array(levels)) == {
        "quantiles": list(levels)
    }


def test_quantiles_that_are_asked_for() -> None:
    role = Output("quantiles", levels=(0.025, 0.1, 0.5, 0.9, 0.975))
    made = QuantileColumns("q", role, levels=(80, 90), quantiles=(0.975, 0.3))
    lo, hi = "lo-90-interpolated", "hi-90-interpolated"
    assert made.columns == ["median", lo, "lo-80", "q-0.3-interpolated", "hi-80", hi, "q-0.975"]
    row = made.row(np.array([0, 3, 11, 19, 22], np.float32))
    # Linear between the trained levels: 0.05 is a third of the way from 0.025 to 0.1.
    assert row == pytest.approx(
        {"median": 11, lo: 1, "lo-80": 3, "q-0.3-interpolated": 7, "hi-80": 19, hi: 21,
         "q-0.975": 22}
    )  # fmt: skip
    for how in ({"levels": (99,)}, {"quantiles": (0.01,)}):
        with pytest.raises(InputError, match=r"quantiles are 0\.025 to 0\.975, and nothing"):
            QuantileColumns("q", role, **how)


def test_levels_of_a_model_without_quantiles_are_refused(client: Client, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--level: the model does not say that it answers with"):
        answers(client, tmp_path, "shop,day,y\na,1,1\n", signature="steps", levels=(80,))


def test_columns_of_other_names(client: Client, script: Script, tmp_path: Path) -> None:
    content = "store,day,sold\na,2020-01-01,1\na,2020-01-02,2\nb,2020-01-01,3\n"
    asked: dict[str, Any] = {
        "columns": {"unique_id": "store", "start": "day", "y": "sold"},
        "roles": {"unique_id": "name", "start": "start"},
        "time": "day",
        "step": Step(seconds=86_400),
        "signature": "named",
    }
    found = answers(client, tmp_path, content, **asked)
    inputs = sent(script)
    assert inputs["unique_id"].tolist() == [b"a", b"b"]
    assert inputs["start"].tolist() == [1_577_836_800] * 2
    np.testing.assert_array_equal(inputs["y"], [[1, 2], [3, np.nan]])
    assert found[0][:2] == ["store", "step"] and [row[0] for row in found[1:]] == list("aabb")
    with pytest.raises(InputError, match="no column 'date'"):
        answers(client, tmp_path, content, **{**asked, "columns": {}, "time": "date"})


def test_a_file_without_names_is_one_series(client: Client, script: Script, tmp_path: Path) -> None:
    content = "day,y\n2020-01-01,1\n2020-01-03,3\n2020-01-04,4\n"
    roles = {"unique_id": "name", "start": "start"}
    step = Step(seconds=86_400)
    answers(client, tmp_path, content, signature="named", time="day", roles=roles, step=step)
    inputs = sent(script)
    # As the training calls it.
    assert inputs["unique_id"].tolist() == [b"series"]
    np.testing.assert_array_equal(inputs["y"], [[1, np.nan, 3, 4]])


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no time": ({"time": None}, "--id shop: a file of series has a column of times, too"),
    "several": ({"signature": None}, "several signatures take series: name one with --signature"),
    "no such role": ({"roles": {"y": "value s"}}, "role 'value s': Did you mean 'value"),
    "no such input": ({"roles": {"z": "start"}}, "has no input 'z'"),
    "no such output": ({"roles": {"z": "time"}}, "has no output 'z'"),
    "a mask of nothing": ({"roles": {"y": "mask"}}, "expected mask:INPUT"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_with_options_is_said(case: str, client: Client, tmp_path: Path) -> None:
    asked, said = WRONG[case]
    with pytest.raises(InputError) as caught:
        answers(client, tmp_path, "shop,day,y\na,1,1\n", **{"signature": "steps", **asked})
    assert said in str(caught.value)


def test_columns_that_no_signature_has_are_told_where_the_model_cannot_read_them(
    client: Client, script: Script, tmp_path: Path
) -> None:
    script.signatures = {
        "serving_default": signature({"examples": (STRING, [-1])}, {"examples": (STRING, [-1])}),
        "named": script.signatures["named"],
    }
    script.failures = [grpc.StatusCode.INVALID_ARGUMENT]
    expected = r"store, day, sold are not the inputs .*\(named: .*\): .*--column INPUT=COLUMN"
    with pytest.raises(InputError, match=expected):
        answers(client, tmp_path, "store,day,sold\na,2020-01-01,1\n")
