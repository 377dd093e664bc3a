"""Calendar features are those of pandas."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tidegate.models.series.calendar import (
    CALENDAR,
    business_of,
    calendar,
    civil,
    month_of,
    on_wall,
    seconds_of_business,
    seconds_of_month,
)

DAY = 86_400
LONG = tf.constant(10**9, tf.int64)


def features(
    stamps: pd.DatetimeIndex, seconds: int, span: tf.Tensor = LONG
) -> dict[str, np.ndarray]:
    times = stamps.values.astype("datetime64[s]").astype(np.int64)
    step = tf.constant(seconds, tf.int64)
    found = calendar(tf.constant(times), step, tf.constant(0, tf.int64), span)
    return dict(zip(CALENDAR, found.numpy().T, strict=True))


def test_dates_are_those_of_pandas() -> None:
    stamps = pd.date_range("1896-01-01", "2105-12-31", freq="D")
    days = stamps.values.astype("datetime64[D]").astype(np.int64)
    year, month, day = (one.numpy() for one in civil(tf.constant(days)))
    np.testing.assert_array_equal(year, stamps.year)
    np.testing.assert_array_equal(month, stamps.month)
    np.testing.assert_array_equal(day, stamps.day)


def test_hourly_features_are_those_of_pandas() -> None:
    stamps = pd.date_range("1999-12-20 05:30", "2001-03-05", freq="37min")
    found = features(stamps, 37 * 60)
    seconds = stamps.hour * 3600 + stamps.minute * 60
    for name, angle in (
        ("hour", seconds / DAY),
        ("weekday", (stamps.dayofweek + seconds / DAY) / 7),
        ("year", (stamps.dayofyear - 1 + seconds / DAY) / 365.25),
    ):
        np.testing.assert_allclose(found[f"{name}_sin"], np.sin(2 * np.pi * angle), atol=2e-6)
        np.testing.assert_allclose(found[f"{name}_cos"], np.cos(2 * np.pi * angle), atol=2e-6)
    np.testing.assert_allclose(found["month_day"], (stamps.day - 1) / 30 - 0.5, atol=1e-6)


@pytest.mark.parametrize(
    "seconds,constant",
    [
        (3600, set()),
        (DAY, {"hour"}),
        (7 * DAY, {"hour", "weekday"}),
        (28 * DAY, {"hour", "weekday", "month_day"}),
        (365 * DAY, {"hour", "month_day", "year"}),
    ],
)
def test_what_the_frequency_makes_constant_is_zero(seconds: int, constant: set[str]) -> None:
    stamps = pd.to_datetime(np.arange(100) * seconds + 12_345 * DAY + 7_200, unit="s")
    found = features(stamps, seconds)
    for name, values in found.items():
        is_constant = any(name.startswith(one) for one in constant)
        assert (not values.any()) == is_constant, name


@pytest.mark.parametrize(
    "days,unseen",
    [
        (1.9, {"hour", "weekday", "month_day", "year"}),
        (2, {"weekday", "month_day", "year"}),
        (14, {"month_day", "year"}),
        (60, {"year"}),
        (729, {"year"}),
        (730, set()),
    ],
)
def test_a_cycle_is_told_from_a_trend_by_its_second_time(days: float, unseen: set[str]) -> None:
    stamps = pd.date_range("2020-03-01", periods=500, freq="5h")
    found = features(stamps, 5 * 3600, tf.constant(int(days * DAY), tf.int64))
    for name, values in found.items():
        assert (not values.any()) == any(name.startswith(one) for one in unseen), name


def test_months_have_a_time_of_year_alone() -> None:
    months = np.arange(-30, 500)
    found = calendar(
        tf.constant(months), tf.constant(0, tf.int64), tf.constant(1, tf.int64), LONG
    ).numpy()
    stamps = pd.period_range("1967-07", periods=len(months), freq="M")
    angle = 2 * np.pi * (stamps.month - 1) / 12
    assert not found[:, :5].any()
    np.testing.assert_allclose(found[:, 5], np.sin(angle), atol=1e-6)
    np.testing.assert_allclose(found[:, 6], np.cos(angle), atol=1e-6)


@pytest.mark.parametrize("name", ["Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe"])
def test_the_clock_of_a_zone_is_that_of_pandas(name: str) -> None:
    utc = pd.date_range("1975-01-01", "2025-01-01", freq="7h7min", tz="UTC")
    times, clock = (
        one.tz_localize(None).to_numpy("datetime64[s]").astype(np.int64)
        for one in (utc, utc.tz_convert(name))
    )
    graph = tf.function(lambda times: on_wall(times, name))
    np.testing.assert_array_equal(graph(tf.constant(times[:, np.newaxis]))[:, 0], clock)


@pytest.mark.parametrize("months", [0, 12, 24])
def test_years_and_integer_time_have_none(months: int) -> None:
    step = max(months, 1)
    found = calendar(
        tf.range(0, 50 * step, step, dtype=tf.int64),
        tf.constant(0, tf.int64),
        tf.constant(months, tf.int64),
        LONG,
    )
    assert not found.numpy().any()


def test_months_there_and_back_like_pandas() -> None:
    days = pd.date_range("1899-12-01", "2101-02-01", freq="D")
    seconds = days.astype("int64").to_numpy() // 10**9
    months, day = month_of(tf.constant(seconds))
    np.testing.assert_array_equal(months, 12 * (days.year - 1970) + days.month - 1)
    np.testing.assert_array_equal(day, np.where(days.is_month_end, 31, days.day))
    np.testing.assert_array_equal(seconds_of_month(months, day), seconds)


def test_business_days_there_and_back_like_numpy() -> None:
    days = np.arange("1899-12-01", "2101-02-01", dtype="datetime64[D]")
    found = business_of(tf.constant(days.astype("datetime64[s]").astype(np.int64))).numpy()
    monday = np.datetime64("1969-12-29")
    kept = np.busday_offset(days, 0, roll="backward")  # A weekend's are its Friday's.
    np.testing.assert_array_equal(found, np.busday_count(monday, kept))
    back = seconds_of_business(tf.constant(found)).numpy().astype("datetime64[s]")
    np.testing.assert_array_equal(back.astype("datetime64[D]"), kept)


def test_a_short_month_gives_its_last_day() -> None:
    months = tf.constant([1, 2, 25, 13], tf.int64)
    found = seconds_of_month(months, tf.constant([31, 31, 30, 15], tf.int64))
    shown = [str(day.date()) for day in pd.to_datetime(found.numpy(), unit="s")]
    assert shown == ["1970-02-28", "1970-03-31", "1972-02-29", "1971-02-15"]
