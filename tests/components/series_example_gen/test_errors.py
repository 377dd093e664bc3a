"""Each kind of data that cannot be learnt from is refused in one line, with series and place."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

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
        slow(with_cell(7, 2, "inf"), "PATH:9: 'inf': no number in column 'y'"),
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
    assert "business days" in refused(csv(days))


@pytest.mark.parametrize("horizon", [40, pytest.param(400, marks=pytest.mark.slow)])
def test_a_horizon_longer_than_the_data(csv: Csv, refused: Refused, horizon: int) -> None:
    message = refused(csv([*hours(40), *hours(30, "b")]), horizon=horizon)
    assert f"features.horizon={horizon} is too long" in message
    assert "the longest, 'a', has 40" in message


@pytest.mark.slow
def test_a_horizon_that_leaves_no_split_for_the_gates(csv: Csv, refused: Refused) -> None:
    message = refused(csv(hours(40)), horizon=20)
    assert "no series has 20 steps for the split 'valid'" in message


def test_a_split_shorter_than_the_horizon(csv: Csv, refused: Refused) -> None:
    message = refused(csv(hours(40)), horizon=6, eval_size=4)
    assert message.startswith("data.eval_size=4 is shorter than features.horizon=6")


@pytest.mark.slow
def test_a_cutoff_behind_the_data(csv: Csv, refused: Refused) -> None:
    message = refused(csv(hours(40)), eval_from="2020-03-01")
    assert "for the split 'eval'" in message and "data.eval_from" in message


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


@pytest.mark.slow
def test_a_test_file_that_begins_before_the_training_data_ends(csv: Csv, refused: Refused) -> None:
    train = csv([*hours(20), *hours(20, first=21)])
    test = csv(hours(1, first=20), name="test.csv")
    message = refused(train, test=test)
    assert message.startswith(f"{test}:2: series 'a': a test row is before PATH:22")
