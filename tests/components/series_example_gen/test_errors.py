"""Each kind of data that cannot be learnt from is refused in one line, with series and place."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

Csv = Callable[..., Path]
Refused = Callable[..., str]
slow = functools.partial(pytest.param, marks=pytest.mark.slow)  # one of a kind is fast


def hours(count: int, name: str = "a", first: int = 0) -> list[list[Any]]:
    """Rows of an hourly series; the value is the number of the step."""
    return [
        [name, f"2020-01-{1 + at // 24:02d} {at % 24:02d}:00", float(at)]
        for at in range(first, first + count)
    ]


def with_cell(row: int, column: int, value: Any) -> list[list[Any]]:
    rows = hours(40)
    rows[row][column] = value
    return rows


@pytest.mark.parametrize(
    ("header", "data", "message"),
    [
        ("unique_id,time,y", {}, "PATH: no column 'ds'."),
        (
            "unique_id,ds,sales",
            {"target_column": "sale"},
            "no column 'sale'. Did you mean 'sales'?",
        ),
        ("id,ds,y", {"id_column": "ids"}, "no column 'ids'. Did you mean 'id'?"),
        ("unique_id,ds,y", {"historic": "heat"}, "PATH: no column 'heat'."),
    ],
)
def test_a_missing_column(
    csv: Csv, refused: Refused, header: str, data: dict[str, str], message: str
) -> None:
    assert message in refused(csv(hours(40), header), **data)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (with_cell(4, 1, "soon"), "PATH:6: 'soon': no time stamp (ISO 8601"),
        slow(with_cell(4, 1, "2020-02-30"), "PATH:6: '2020-02-30': no time stamp"),
        slow(with_cell(4, 1, ""), "PATH:6: no value in column 'ds'"),
        (with_cell(7, 2, "many"), "PATH:9: 'many': no number"),
        (with_cell(7, 2, "?"), "PATH:9: '?': no number in column 'y' (if it says that there is no"),
        slow(with_cell(7, 2, "inf"), "PATH:9: 'inf': no number in column 'y'"),
        slow(with_cell(7, 2, "-2e15"), "PATH:9: '-2e15': a number beyond 1e+15 in column 'y'"),
        slow(with_cell(9, 0, ""), "PATH:11: no value in column 'unique_id'"),
        (with_cell(9, 2, "1,2"), "PATH:11: 4 fields where the header has 3"),
    ],
)
def test_a_row_that_cannot_be_read(
    csv: Csv, refused: Refused, rows: list[list[Any]], message: str
) -> None:
    found = refused(csv(rows))
    assert found.startswith(message)
    assert "data.max_bad_share" in found


def test_bad_rows_up_to_a_share_are_left_out_and_counted(csv: Csv, generate: Any) -> None:
    found = generate(csv(with_cell(4, 2, "many")), max_bad_share=0.05)
    assert found.report["bad"] == {"no number in column 'y'": 1}
    assert found.report["places"]["no number in column 'y'"][0].endswith("series.csv:6: 'many'")
    assert found.of("a")["train"]["y"][4] != found.of("a")["train"]["y"][4]


def test_too_many_bad_rows(csv: Csv, refused: Refused) -> None:
    message = refused(csv(with_cell(4, 2, "many")), max_bad_share=0.02)
    assert message.startswith("PATH: 2.5% of the rows cannot be used, more than")


def test_a_time_twice(csv: Csv, refused: Refused) -> None:
    rows = [*hours(40), *hours(40, "b"), *hours(1, "b", 5)]
    assert refused(csv(rows)).startswith(
        "PATH:82: series 'b' has 2020-01-01 05:00:00 twice (also PATH:47); expected one row"
    )


@pytest.mark.slow
def test_a_time_twice_where_the_names_were_not_read(csv: Csv, refused: Refused) -> None:
    rows = [*hours(40), *hours(40, "b")]
    message = refused(csv(rows, "shop,ds,y"))
    assert "data.id_column should name" in message
    assert "Else if they are parts of one value, data.duplicates=sum" in message


@pytest.mark.slow
def test_a_time_twice_where_the_names_are_there(csv: Csv, refused: Refused) -> None:
    message = refused(csv([*hours(40), *hours(1)]))
    assert message.endswith(
        "expected one row per series and time; if they are parts of one value, "
        "data.duplicates=sum adds them up (mean and last are the others)"
    )


@pytest.mark.parametrize(
    ("header", "sunday"),
    [
        ("unique_id,ds,y", "2020-10-25"),
        slow("shop,ds,y", "2020-10-25"),
        slow("unique_id,ds,y", "2020-10-26"),  # A Monday.
    ],
)
def test_an_hour_that_the_clocks_repeat(
    csv: Csv, refused: Refused, header: str, sunday: str
) -> None:
    rows = [["a", f"{sunday} {hour:02d}:00", hour] for hour in (0, 1, 2, *range(2, 24))]
    message = refused(csv(rows, header))
    assert f"has {sunday} 02:00:00 twice" in message
    assert ("that clocks repeat in autumn" in message) == (sunday == "2020-10-25")


def test_a_time_off_the_grid(csv: Csv, refused: Refused) -> None:
    rows = with_cell(10, 1, "2020-01-01 10:20")
    assert refused(csv(rows)).startswith(
        "PATH:12: series 'a': 2020-01-01 10:20:00 is off the grid of one step each 1 hour"
    )


def test_mixed_frequencies_name_two_series(csv: Csv, refused: Refused) -> None:
    days = [["b", f"2020-01-{day:02d}", 1.0 * day] for day in range(1, 20)]
    message = refused(csv([*hours(40), *days]))
    assert message.startswith("PATH:42: series 'b' has a step of 1 day, but series 'a' (PATH:2)")
    assert "one of 1 hour" in message


def test_business_days(csv: Csv, refused: Refused) -> None:
    # 2020-01-06 was a Monday.
    days = [["a", f"2020-01-{day:02d}", day] for day in range(6, 31) if (day - 6) % 7 < 5]
    weekend = [["a", "2020-02-01", 1]]
    assert refused(csv([*days, *weekend]), frequency="B").startswith(
        f"PATH:{len(days) + 2}: series 'a': 2020-02-01 00:00:00 is off the grid of one step each 1 "
        "business day (beside it: 2020-01-30 00:00:00); mend the time, or set data.frequency=D"
    )


@pytest.mark.parametrize("horizon", [40, pytest.param(400, marks=pytest.mark.slow)])
def test_a_horizon_longer_than_the_data(csv: Csv, refused: Refused, horizon: int) -> None:
    message = refused(csv([*hours(40), *hours(30, "b")]), horizon=horizon)
    assert f"features.horizon={horizon} is too long" in message
    assert "the longest, 'a', has 40" in message


@pytest.mark.slow
def test_a_horizon_that_leaves_no_split_for_the_gates(csv: Csv, refused: Refused) -> None:
    assert refused(csv(hours(40)), horizon=20) == (
        "PATH: no series is long enough for the split 'valid': with features.horizon=20 and "
        "data.valid_size=0.1 and data.eval_size=0.1 it must have 80 steps (40 for train, 20 for "
        "valid, 20 for eval); the longest, 'a', has 40 in all. Lower one of these settings"
    )


def test_a_split_shorter_than_the_horizon(csv: Csv, refused: Refused) -> None:
    message = refused(csv(hours(40)), horizon=6, eval_size=4)
    assert message.startswith("data.eval_size=4 is shorter than features.horizon=6")


FIRST, LAST = "2020-01-01 00:00:00", "2020-01-02 15:00:00"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            {"eval_from": "2030-01-01"},
            "PATH: data.eval_from=2030-01-01 is after the last time of the data; expected a time "
            f"after {FIRST} and not after {LAST}",
        ),
        slow(
            {"eval_from": "1990-01-01"},
            "PATH: data.eval_from=1990-01-01 is not after the first time of the data; expected a "
            f"time after {FIRST} and not after {LAST}",
        ),
        slow(
            {"eval_from": "1990", "test_from": "2020-01-02"},
            "PATH: data.eval_from=1990 is not after the first time of the data; expected",
        ),
        slow(
            {"eval_from": "2020-01-01 02:00"},
            "PATH: no series has 3 steps before data.eval_from=2020-01-01 02:00 to train on",
        ),
        slow(
            {"eval_from": "2020-01-02 15:00"},
            "PATH: no series has 2 steps, a horizon, from data.eval_from=2020-01-02 15:00 to",
        ),
        slow(
            {"eval_from": "2020-01-01 05:00"},
            "PATH: no series is long enough for the split 'valid': with features.horizon=2 and "
            "data.valid_size=0.1 it must have 8 steps before data.eval_from=2020-01-01 05:00 (4 "
            "for train, 4 for valid); the longest, 'a', has 40 in all",
        ),
        slow(
            {"valid_size": 100},
            "PATH: no series is long enough for the split 'valid': with features.horizon=2 and "
            "data.valid_size=100 and data.eval_size=0.1 it must have 108 steps (4 for train",
        ),
    ],
)
def test_splits_that_find_no_steps(
    csv: Csv, refused: Refused, data: dict[str, Any], message: str
) -> None:
    assert refused(csv(hours(40)), **data).startswith(message)


def test_a_cutoff_that_is_a_time_for_integers(csv: Csv, refused: Refused) -> None:
    rows = [["a", at, at] for at in range(40)]
    assert refused(csv(rows), eval_from="2024-01-01") == (
        "data.eval_from=2024-01-01: expected an integer, as column 'ds' of PATH holds integers"
    )


@pytest.mark.slow
def test_a_cutoff_that_is_an_integer_for_time_stamps(csv: Csv, refused: Refused) -> None:
    expected = "data.eval_from=120: expected a time in ISO 8601, such as 2024-01-31, as "
    path = csv(hours(40))
    assert refused(path, eval_from="120") == f"{expected}column 'ds' of PATH holds time stamps"
    assert refused(path, eval_from="120", frequency="h") == (
        f"{expected}data.frequency=h is for time stamps"
    )


@pytest.mark.slow
def test_a_split_whose_steps_have_no_value(csv: Csv, refused: Refused) -> None:
    rows = [*hours(40), ["a", "2020-02-20 00:00", 1.0]]
    assert refused(csv(rows)) == (
        "PATH: no series has a value in the steps of the split 'valid'; a gap of more steps than "
        "the series has values; is a time wrong? (a: 1160 steps between 2020-01-02 15:00:00 and "
        "2020-02-20 00:00:00)"
    )


@pytest.mark.parametrize(
    ("gone", "message"),
    [
        (range(38, 40), "PATH:40: series 'a': future covariate 'promo' is missing in this row"),
        slow(range(12, 13), "PATH:14: series 'a': future covariate 'promo' is missing in this row"),
    ],
)
def test_a_future_covariate_that_is_missing(
    csv: Csv, refused: Refused, gone: range, message: str
) -> None:
    rows = [[*row, "" if at in gone else 1] for at, row in enumerate(hours(40))]
    assert refused(csv(rows, "unique_id,ds,y,promo"), future="promo").startswith(message)


def test_a_future_covariate_in_a_gap(csv: Csv, refused: Refused) -> None:
    rows = [[*row, 1] for row in hours(40)]
    del rows[10:13]
    message = refused(csv(rows, "unique_id,ds,y,promo"), future="promo")
    assert message.startswith("PATH:11: series 'a': future covariate 'promo' is missing after")
    assert "3 of 40 steps" in message


def test_a_static_column_that_changes(csv: Csv, refused: Refused) -> None:
    rows = [[*row, "north" if at < 9 else "south"] for at, row in enumerate(hours(40))]
    message = refused(csv(rows, "unique_id,ds,y,side"), static="side")
    assert message.startswith("PATH:11: series 'a': static column 'side' changes from 'north'")


def test_only_missing_values(csv: Csv, refused: Refused) -> None:
    rows = [[name, time, ""] for name, time, _ in hours(40)]
    assert refused(csv(rows)) == "PATH: no series has a value in column 'y'"


@pytest.mark.slow
def test_only_single_rows(csv: Csv, refused: Refused) -> None:
    rows = [[f"s{at}", time, y] for at, (_, time, y) in enumerate(hours(40))]
    assert refused(csv(rows)).startswith("PATH: every series has a single row")


def test_an_absurd_time(csv: Csv, refused: Refused) -> None:
    rows = [*hours(40), ["a", "2999-01-01 00:00", 1.0]]
    message = refused(csv(rows))
    assert "is a time wrong" in message and "series 'a' has 41 rows" in message


LISTS = {
    "y": (3.0, "no number in column 'y'"),
    "heat": (3.0, "no number in column 'heat'"),
    "ds": (
        "2020-01-01",
        "no time stamp (ISO 8601, year first, whole seconds; else set "
        "data.time_format) in column 'ds'",
    ),
    "unique_id": ("a", "no name in column 'unique_id'"),
    "side": ("north", "no text in column 'side'"),
}


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
@pytest.mark.parametrize("column", ["y", *(slow(column) for column in LISTS if column != "y")])
def test_a_column_of_lists(tmp_path: Path, refused: Refused, column: str, kind: str) -> None:
    rows = pd.DataFrame(hours(40), columns=["unique_id", "ds", "y"])
    rows = rows.assign(heat=1.0, side="north")
    value, message = LISTS[column]
    rows[column] = [[value]] * 40
    path = tmp_path / f"rows.{kind}"
    if kind == "jsonl":
        rows.to_json(path, orient="records", lines=True)
    else:
        rows.to_parquet(path)
    found = refused(path, historic="heat", static="side")
    assert found.startswith(f"PATH:1: {str([value])!r}: {message} (and 39 more rows)")


@pytest.mark.parametrize("content", ["", "unique_id,ds,y\n"])
def test_an_empty_file(tmp_path: Path, refused: Refused, content: str) -> None:
    path = tmp_path / "series.csv"
    path.write_text(content)
    assert refused(path).startswith("PATH: ")


def test_a_test_file_that_holds_a_time_of_the_training_data(
    csv: Csv, refused: Refused, tmp_path: Path
) -> None:
    test = csv(hours(1, first=20), name="test.csv")
    message = refused(csv(hours(40)), test=test)
    assert message.startswith(f"{test}:2: series 'a' has 2020-01-01 20:00:00 twice (also PATH:22)")
    message = refused(csv(hours(40)), test=test, duplicates="sum")
    assert message.endswith("data.duplicates=sum merges no test row with one of training")


@pytest.mark.slow
def test_a_test_file_that_begins_before_the_training_data_ends(csv: Csv, refused: Refused) -> None:
    train = csv([*hours(20), *hours(20, first=21)])
    test = csv(hours(1, first=20), name="test.csv")
    message = refused(train, test=test)
    assert message.startswith(f"{test}:2: series 'a': a test row is before PATH:22")
