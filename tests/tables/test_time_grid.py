"""Steps and time stamps, against pandas."""

from __future__ import annotations

import pandas as pd
import pytest

from tidegate.tables.time_grid import Step, parse_step, parse_timestamp


@pytest.mark.parametrize(
    "alias", ["S", "30S", "min", "T", "15min", "H", "6H", "D", "7D", "W", "W-MON", "2W"]
)
def test_fixed_steps_are_as_long_as_pandas_says(alias: str) -> None:
    first, second = pd.date_range("2020-01-01", periods=2, freq=alias)
    assert parse_step(alias) == Step(seconds=int((second - first).total_seconds()))


@pytest.mark.parametrize(
    "alias", ["M", "MS", "2MS", "Q", "QS", "Q-NOV", "QS-FEB", "A", "AS", "Y", "YS", "2YS", "A-JUN"]
)
def test_steps_of_months_are_as_long_as_pandas_says(alias: str) -> None:
    first, second = pd.date_range("2020-01-01", periods=2, freq=alias)
    months = 12 * (second.year - first.year) + second.month - first.month
    assert parse_step(alias) == Step(months=months)


@pytest.mark.parametrize(
    ("new", "old"), [("h", "H"), ("ME", "M"), ("QE", "Q"), ("YE", "A"), ("s", "S"), ("d", "D")]
)
def test_names_of_newer_pandas(new: str, old: str) -> None:
    assert parse_step(new) == parse_step(old)


def test_an_integer_step() -> None:
    assert parse_step("5") == Step(index=5)


@pytest.mark.parametrize("text", ["", "0", "-1", "ms", "L", "N", "hourly", "0D", "1.5h", "m"])
def test_what_is_no_step(text: str) -> None:
    with pytest.raises(ValueError, match="expected a pandas offset alias"):
        parse_step(text)


def test_business_days() -> None:
    assert parse_step("2B") == Step(business=2) and str(parse_step("B")) == "1 business day"
    for text, advice in (("BM", "write each as the month"), ("BMS", "such as"), ("C", "set B")):
        with pytest.raises(ValueError, match=advice):
            parse_step(text)


@pytest.mark.parametrize(
    ("step", "text"),
    [
        (Step(seconds=900), "15 minutes"),
        (Step(seconds=7 * 86_400), "1 week"),
        (Step(seconds=90), "90 seconds"),
        (Step(months=3), "3 months"),
        (Step(months=24), "2 years"),
        (Step(index=4), "4 of integer time"),
    ],
)
def test_a_step_as_a_person_reads_it(step: Step, text: str) -> None:
    assert str(step) == text


def test_a_step_is_one_of_three() -> None:
    for given in ({}, {"seconds": 1, "months": 1}, {"index": -1}):
        with pytest.raises(ValueError, match="expected one of"):
            Step(**given)


@pytest.mark.parametrize(
    "text",
    [
        "2024-02-29",
        "2024-02-29 13:45",
        "2024-02-29T13:45:59",
        "2024-02-29T13:45:59.000",
        "2024-02-29T13:45:59Z",
        "2024-02-29 13:45:59+05:30",
        "2024-02-29T13:45:59-0800",
        "2024/02/29",
        "20240229",
        "2024-02",
        "2024",
        "2024Q3",
        "1700-01-01",
        "1969-12-31 23:59:59",
    ],
)
def test_time_stamps_are_those_of_pandas(text: str) -> None:
    expected = pd.Timestamp(text)
    ahead = int(expected.utcoffset().total_seconds()) if expected.tzinfo else 0
    assert parse_timestamp(text) == (int(expected.timestamp()), ahead)


def test_times_that_pandas_cannot_hold() -> None:
    seconds, _ = parse_timestamp("1066-10-14")
    assert seconds < pd.Timestamp.min.timestamp()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "31.01.2024",
        "01/31/2024",
        "2024-13-01",
        "2023-02-29",
        "2024-01-01 24:00",
        "2024-01-01T10:00:00.5",
        "2024-01 10:00",
        "2024-01/01",
        "NaT",
    ],
)
def test_what_is_no_time_stamp(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        parse_timestamp(text)


def test_another_format() -> None:
    day = int(pd.Timestamp("2024-01-31").timestamp())
    assert parse_timestamp("31/01/2024", "%d/%m/%Y") == (day, 0)
    assert parse_timestamp("31.1.2024 01:00+0100", "%d.%m.%Y %H:%M%z") == (day, 3600)
    with pytest.raises(ValueError, match="does not match"):
        parse_timestamp("2024-01-31", "%d/%m/%Y")
