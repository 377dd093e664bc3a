"""Times that are numbers: values by hand, of the standard library and of Excel, there and back."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

from tidegate.tables.stamps import Manner
from tidegate.tables.time_forms import FORMS, read_form
from tidegate.tables.time_grid import parse_timestamp

EPOCH = datetime(1970, 1, 1)


@pytest.mark.parametrize(
    ("form", "number", "time"),
    [
        ("epoch_s", 1_609_459_200, "2021-01-01"),
        ("epoch_s", -1, "1969-12-31 23:59:59"),
        ("epoch_ms", 1_609_459_201_000, "2021-01-01 00:00:01"),
        ("epoch_us", 1_609_459_200_000_000, "2021-01-01"),
        ("epoch_ns", 1_609_459_200_000_000_000, "2021-01-01"),
        ("excel", 44197, "2021-01-01"),
        ("excel", 44197.75, "2021-01-01 18:00"),
        ("excel", 44197.041666666664, "2021-01-01 01:00"),
        ("excel", 1, "1900-01-01"),
        ("excel", 59, "1900-02-28"),
        ("excel", 61, "1900-03-01"),
        ("excel", 25569, "1970-01-01"),
        ("excel", 2958465, "9999-12-31"),
        ("yearmonth", 202012, "2020-12-01"),
        ("isoweek", 202053, "2020-12-28"),
        ("isoweek", 202101, "2021-01-04"),
    ],
)
def test_numbers_are_times(form: str, number: float, time: str) -> None:
    seconds = int((datetime.fromisoformat(time) - EPOCH).total_seconds())
    assert parse_timestamp(str(number), form) == (seconds, 0)
    assert Manner("x", form).written(seconds, 0) == number


def test_weeks_are_those_of_the_standard_library() -> None:
    for year in range(1990, 2060):
        for week in range(1, 54):
            try:
                day = date.fromisocalendar(year, week, 1)
            except ValueError:
                with pytest.raises(ValueError):
                    read_form(f"{year}{week:02d}", "isoweek")
                continue
            seconds = read_form(f"{year}{week:02d}", "isoweek")
            assert (EPOCH + timedelta(seconds=seconds)).date() == day
            assert Manner("x", "isoweek").written(seconds, 0) == year * 100 + week


@pytest.mark.parametrize(
    ("text", "form"),
    [("202012.0", "yearmonth"), ("1606780800.000", "epoch_s"), ("1.6067808e+12", "epoch_ms"),
     (" 44166.0 ", "excel"), ("44165.9999999", "excel")],
)  # fmt: skip
def test_spellings_of_floats(text: str, form: str) -> None:
    assert parse_timestamp(text, form)[0] == 1_606_780_800


@pytest.mark.parametrize(
    ("text", "form"),
    [
        *((text, form) for form in FORMS for text in ("", "x", "2020-12-01", "nan", "1e99", "1_0")),
        ("1606780800.5", "epoch_s"), ("1606780800001", "epoch_ms"), ("1606780800000", "epoch_s"),
        ("0", "excel"), ("60", "excel"), ("60.5", "excel"), ("2958466", "excel"),
        ("202013", "yearmonth"), ("202000", "yearmonth"), ("202012.5", "yearmonth"),
        ("2012", "yearmonth"), ("202153", "isoweek"), ("202000", "isoweek"),
    ],
)  # fmt: skip
def test_what_is_no_such_time(text: str, form: str) -> None:
    with pytest.raises(ValueError):
        parse_timestamp(text, form)


def test_an_epoch_is_of_utc_where_the_clock_is_ahead() -> None:
    assert Manner("x", "epoch_s").written(1_606_780_800 + 3600, 3600) == 1_606_780_800
