"""The step of a data set is found from its times, against pandas' own ranges of dates."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tidegate.tables.errors import InputError
from tidegate.tables.frequency import (
    Distances,
    infer,
    month_and_day,
    off_day,
)
from tidegate.tables.series import Series, Table
from tidegate.tables.time_grid import DAY, Step, parse_timestamp

FILES = ("a.csv",)


def series(times: pd.DatetimeIndex | np.ndarray, name: str = "a") -> Series:
    """A series of ones at these times."""
    if isinstance(times, np.ndarray):
        time, ahead = times.astype(np.int64), np.zeros(len(times), np.int32)
    else:
        wall = times.tz_localize(None).to_numpy("datetime64[s]").astype(np.int64)
        utc = times.tz_convert("UTC").tz_localize(None) if times.tz is not None else times
        time = utc.to_numpy("datetime64[s]").astype(np.int64)
        ahead = (wall - time).astype(np.int32)
    rows = len(time)
    return Series(
        name,
        Table(
            ids=np.array([name], object),
            series=np.zeros(rows, np.int32),
            time=time,
            ahead=ahead,
            doubt=np.zeros(rows, np.int8),
            numbers=np.ones((rows, 1), np.float32),
            names=np.empty((rows, 0), object),
            file=np.zeros(rows, np.int32),
            row=np.arange(2, rows + 2),
        ),
    )


def step_of(*some: Series, integer: bool = False) -> Step:
    distances = Distances()
    for one in some:
        distances.add_series(one, FILES, integer)
    return infer(distances, "a.csv")


@pytest.mark.parametrize(
    ("alias", "step"),
    [
        ("S", Step(seconds=1)),
        ("15min", Step(seconds=900)),
        ("H", Step(seconds=3600)),
        ("D", Step(seconds=86_400)),
        ("W", Step(seconds=7 * 86_400)),
        ("W-WED", Step(seconds=7 * 86_400)),
        ("28D", Step(seconds=28 * 86_400)),
        ("365D", Step(seconds=365 * 86_400)),
        ("MS", Step(months=1)),
        ("M", Step(months=1)),
        ("2MS", Step(months=2)),
        ("QS", Step(months=3)),
        ("Q-NOV", Step(months=3)),
        ("AS", Step(months=12)),
        ("A", Step(months=12)),
    ],
)
def test_pandas_frequencies(alias: str, step: Step) -> None:
    times = pd.date_range("2019-12-31", periods=60, freq=alias)
    assert step_of(series(times)) == step
    # The commonest distance: a third of the rows may be missing.
    assert step_of(series(times.delete(range(20, 40)))) == step


def test_the_fifteenth_of_each_month_and_the_thirtieth() -> None:
    starts = pd.date_range("2020-01-01", periods=30, freq="MS")
    assert step_of(series(starts + pd.Timedelta(days=14))) == Step(months=1)
    thirtieth = [min(30, start.days_in_month) for start in starts]
    times = pd.DatetimeIndex(
        [start.replace(day=day) for start, day in zip(starts, thirtieth, strict=True)]
    )
    assert step_of(series(times)) == Step(months=1)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Asia/Kolkata"])
def test_summer_time_changes_neither_days_nor_hours(zone: str) -> None:
    days = pd.date_range("2020-01-01", periods=300, freq="D", tz=zone)
    assert step_of(series(days)) == Step(seconds=86_400)
    months = pd.date_range("2020-01-01", periods=30, freq="MS", tz=zone)
    assert step_of(series(months)) == Step(months=1)
    hours = pd.date_range("2020-03-01", periods=2000, freq="H", tz=zone)
    assert step_of(series(hours)) == Step(seconds=3600)


def test_integer_time() -> None:
    assert step_of(series(np.arange(0, 100, 5)), integer=True) == Step(index=5)


def test_a_few_rows_far_apart_do_not_make_another_frequency() -> None:
    hours = pd.date_range("2020-01-01", periods=50, freq="H")
    sparse = series(hours[[0, 5, 9, 20]], "b")
    assert step_of(series(hours), sparse) == Step(seconds=3600)


def test_series_of_another_step_are_named_by_name_and_place() -> None:
    hours = series(pd.date_range("2020-01-01", periods=50, freq="H"), "h")
    days = [series(pd.date_range("2020-01-01", periods=9, freq="D"), name) for name in "zd"]
    with pytest.raises(InputError, match=r"a.csv:2: series 'd' has a step of 1 day, .*'h'.*1 hour"):
        step_of(hours, *days)


def test_business_days_are_seen() -> None:
    days = pd.date_range("2020-01-01", periods=50, freq="B", tz="Asia/Tokyo")
    assert step_of(series(days)) == Step(business=1)
    # A holiday is a gap, and one Saturday makes days of them.
    assert step_of(series(days.delete([7, 8, 20]))) == Step(business=1)
    saturday = pd.date_range("2020-02-01", periods=1, tz="Asia/Tokyo")
    assert step_of(series(days.union(saturday))) == Step(seconds=86_400)
    assert step_of(series(pd.date_range("2020-01-06", periods=5, freq="D"))) == Step(seconds=86_400)


def test_integers_that_are_months_are_refused_and_numbers_are_not() -> None:
    months = np.array([202010, 202011, 202012, 202101, 202102])
    quarters = np.array([202006, 202009, 202012, 202103, 202106])
    for times in (months, quarters):
        with pytest.raises(
            InputError, match=r"data\.time_format=yearmonth \(isoweek where they are"
        ):
            step_of(series(times), integer=True)
    # One number that is no month says that none is.
    assert step_of(series(months), series(np.arange(202000, 202015), "b"), integer=True) == Step(
        index=1
    )
    assert step_of(series(np.arange(202001, 202013)), integer=True) == Step(index=1)


DAYS = pd.date_range("2019-06-01", periods=800, freq="D")
WEEKS = [day.isocalendar()[:2] for day in pd.date_range("2019-12-02", periods=80, freq="W-MON")]
LOOK_LIKE_STAMPS = {
    "isoweek": np.array([year * 100 + week for year, week in WEEKS]),
    "epoch_s": DAYS.to_numpy("datetime64[s]").astype(np.int64),
    "epoch_ms": DAYS.to_numpy("datetime64[ms]").astype(np.int64),
    "epoch_us": DAYS.to_numpy("datetime64[us]").astype(np.int64),
    "epoch_ns": DAYS.to_numpy("datetime64[ns]").astype(np.int64),
    "%Y%m%d%H": np.array([int(f"{day:%Y%m%d}06") for day in DAYS]),
    "%Y%m%d%H%M%S": np.array([int(f"{day:%Y%m%d}235959") for day in DAYS]),
}


@pytest.mark.parametrize("form", LOOK_LIKE_STAMPS)
def test_integers_that_look_like_time_stamps(form: str) -> None:
    times = LOOK_LIKE_STAMPS[form]
    with pytest.raises(InputError) as caught:
        step_of(series(times), integer=True)
    said = f"; set data.time_format={form}, or data.time_format=integer where they are plain"
    assert said in str(caught.value)
    distances = Distances()
    distances.add_series(series(times), FILES, True)
    assert infer(distances, "a.csv", plain=True).index
    fitting = {one for one, rows in distances.speaking.items() if rows} - {*+distances.against}
    assert fitting == {form}
    # The advice works when followed.
    read = [parse_timestamp(str(time), form)[0] for time in times.tolist()]
    assert set(np.diff(read)) == ({7 * DAY} if form == "isoweek" else {DAY})


@pytest.mark.parametrize(
    "times",
    [
        np.arange(0, 6000, 60),
        np.arange(44_197, 44_300),  # Serials of Excel, or numbers.
        np.arange(202_001, 202_101),
        np.arange(202_000, 203_000, 50),
        np.arange(1_600_000_000, 1_600_000_100),
        np.arange(1_600_000_000, 1_600_002_000, 25),
        np.arange(2_020_010_100, 2_020_010_200),
        np.arange(0, 10**15, 10**13),
    ],
)
def test_plain_integers_are_no_time_stamps(times: np.ndarray) -> None:
    assert step_of(series(times), integer=True) == Step(index=int(np.diff(times)[0]))


def test_parts_of_the_data_add_up() -> None:
    some = [
        series(pd.date_range("2020-01-01", periods=20 + at, freq="H"), f"s{at}") for at in range(6)
    ]
    whole, left, right = Distances(), Distances(), Distances()
    for at, one in enumerate(some):
        whole.add_series(one, FILES, False)
        (left if at % 2 else right).add_series(one, FILES, False)
    left.add(right)
    assert left == whole


def test_months_and_days_are_those_of_pandas() -> None:
    times = pd.date_range("1899-11-05", periods=900, freq="53D")
    months, day, length = month_and_day(times.to_numpy("datetime64[s]").astype(np.int64))
    assert months.tolist() == ((times.year - 1970) * 12 + times.month - 1).tolist()
    assert day.tolist() == times.day.tolist()
    assert length.tolist() == times.days_in_month.tolist()


def test_the_one_row_on_another_day_is_found() -> None:
    times = list(pd.date_range("2020-01-01", periods=12, freq="MS"))
    times[5] = times[5].replace(day=9)
    rows, day = off_day(pd.DatetimeIndex(times).to_numpy("datetime64[s]").astype(np.int64))
    assert rows.tolist() == [5] and day == 1
