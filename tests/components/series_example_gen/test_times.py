"""Times of every kind reach the examples: months, integers, dates, zones, a given frequency."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tidegate.tables.errors import InputError

Generate = Callable[..., Any]
CONTEXT, HORIZON = 30, 6
WINDOW = {"context": CONTEXT, "horizon": HORIZON}
HOUR = 3600


def monthly(times: pd.DatetimeIndex) -> list[list[Any]]:
    return [["a", f"{time:%Y-%m-%d}", at] for at, time in enumerate(times)]


@pytest.mark.parametrize("alias", ["MS", pytest.param("M", marks=pytest.mark.slow)])
def test_months_with_a_gap(csv: Callable[..., Path], generate: Generate, alias: str) -> None:
    times = pd.date_range("1969-03-31", periods=60, freq=alias)
    seconds = [int(time.timestamp()) for time in times]
    rows = monthly(times)
    del rows[5]
    pieces = generate(csv(rows), **WINDOW).of("a")
    assert pieces["train"]["start"] == seconds[:1] and pieces["train"]["step_months"] == [1]
    assert math.isnan(pieces["train"]["y"][5]) and pieces["train"]["y"][6] == 6
    train = len(pieces["train"]["y"])
    assert pieces["valid"]["start"] == [seconds[train - CONTEXT]]


@pytest.mark.parametrize("text", ["{}", pytest.param("{}.0", marks=pytest.mark.slow)])
def test_integer_time_without_names_is_one_series(
    csv: Callable[..., Path], generate: Generate, text: str
) -> None:
    rows = [[text.format(5 * at), at] for at in range(-3, 60)]
    pieces = generate(csv(rows, "ds,y"), **WINDOW).of("series")
    assert pieces["train"]["start"] == [-15]
    assert pieces["train"]["step_index"] == [5]
    assert pieces["train"]["y"][:4] == [-3, -2, -1, 0]


def test_dates_without_dashes_are_dates(csv: Callable[..., Path], generate: Generate) -> None:
    rows = [
        [f"{time:%Y%m%d}", 1.0 * at] for at, time in enumerate(pd.date_range("2020", periods=70))
    ]
    pieces = generate(csv(rows, "ds,y"), **WINDOW).of("series")
    assert pieces["train"]["step_seconds"] == [86_400]


@pytest.mark.parametrize("kind", ["csv", pytest.param("parquet", marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("form", "times", "first", "step"),
    [
        (
            "yearmonth",
            [f"{1990 + at // 12}{at % 12 + 1:02d}" for at in range(70)],
            "1990-01-01",
            "1 month",
        ),
        (
            "isoweek",
            [f"{day:%G%V}" for day in pd.date_range("2020-01-06", periods=70, freq="W-MON")],
            "2020-01-06",
            "1 week",
        ),
    ],
)
def test_months_and_weeks_that_are_integers(
    generate: Generate,
    tmp_path: Path,
    form: str,
    times: list[str],
    first: str,
    step: str,
    kind: str,
) -> None:
    rows = pd.DataFrame({"ds": [int(time) for time in times], "y": np.arange(70.0)})
    path = tmp_path / f"rows.{kind}"
    rows.to_parquet(path) if kind == "parquet" else rows.to_csv(path, index=False)
    found = generate(path, **WINDOW, time_format=form)
    assert found.report["step"] == step and found.report["steps"] == found.report["rows"]
    assert found.of("series")["train"]["start"] == [int(pd.Timestamp(first).timestamp())]
    with pytest.raises(InputError, match=f"look like year and .*set data.time_format={form}"):
        generate(path, **WINDOW)
    with pytest.raises(InputError, match=f"data.time_format={form}: expected a step of {step[2:]}"):
        generate(path, **WINDOW, time_format=form, frequency="D")


def test_six_digits_are_no_cutoff_of_weeks(csv: Callable[..., Path], generate: Generate) -> None:
    with pytest.raises(InputError, match=r"data\.eval_from=202012: expected a time in ISO 8601"):
        generate(csv([[202001, 1.0]], "ds,y"), time_format="isoweek", eval_from="202012")


@pytest.mark.slow
def test_a_given_frequency_and_format(csv: Callable[..., Path], generate: Generate) -> None:
    # Every second hour alone: inferred, it would be a step of two hours.
    rows = [[f"{1 + at // 12:02d}.01.2020 {2 * at % 24:02d}h", at] for at in range(60)]
    path = csv(rows, "ds,y")
    arguments = {**WINDOW, "time_format": "%d.%m.%Y %Hh"}
    assert generate(path, **arguments).report["step"] == "2 hours"
    train = generate(path, frequency="h", **arguments).of("series")["train"]
    assert train["step_seconds"] == [HOUR]
    assert train["y"][:5:2] == [0, 1, 2] and all(math.isnan(y) for y in train["y"][1::2])


@pytest.mark.parametrize("kind", ["csv", pytest.param("parquet", marks=pytest.mark.slow)])
def test_days_of_a_zone_with_summer_time(generate: Generate, tmp_path: Path, kind: str) -> None:
    times = pd.date_range("2021-03-01", periods=80, freq="D", tz="Europe/Berlin")
    rows = pd.DataFrame({"ds": times, "y": np.arange(80.0)})
    path = tmp_path / f"rows.{kind}"
    rows.to_parquet(path) if kind == "parquet" else rows.to_csv(path, index=False)
    found = generate(path, **WINDOW)
    assert found.report["step"] == "1 day" and found.report["steps"] == found.report["rows"]
    if kind == "csv":
        assert any("data.timezone" in noted for noted in found.report["noted"])
        again = generate(path, **WINDOW, timezone="Europe/Berlin")
        assert not again.report["noted"] and again.of("series") == found.of("series")
    # The clock on the wall.
    assert found.of("series")["train"]["start"] == [int(pd.Timestamp("2021-03-01").timestamp())]


@pytest.mark.parametrize("kind", ["csv", pytest.param("parquet", marks=pytest.mark.slow)])
def test_hours_of_a_clock_on_the_wall_are_steps_of_absolute_time(
    generate: Generate, tmp_path: Path, kind: str
) -> None:
    times = pd.date_range("2021-10-29", periods=80, freq="H", tz="Europe/Berlin")
    rows = pd.DataFrame({"ds": times.tz_localize(None), "y": np.arange(80.0)})
    path = tmp_path / f"rows.{kind}"
    rows.to_parquet(path) if kind == "parquet" else rows.to_csv(path, index=False)
    found = generate(path, **WINDOW, timezone="Europe/Berlin", eval_from="2021-10-31T20:00")
    assert found.report["step"] == "1 hour" and found.report["steps"] == found.report["rows"]
    assert found.report["remarks"] == {
        "of the hour that clocks repeat, told apart by their order in the file "
        "(data.timezone=Europe/Berlin)": 2
    }
    assert found.of("series")["train"]["start"] == [int(times[0].timestamp())]
    # The cutoff is a time of that clock, and so is an answer.
    first = found.of("series")["eval"]
    cutoff = pd.Timestamp("2021-10-31T20:00", tz="Europe/Berlin")
    assert first["start"][0] + first["first_target"][0] * HOUR == int(cutoff.timestamp())
    with pytest.raises(InputError, match=r"2021-10-31 02:00:00 twice .*set data\.timezone"):
        generate(path, **WINDOW)
    with pytest.raises(InputError, match=r"a time after 2021-10-29 00:00:00 and not"):
        generate(path, **WINDOW, timezone="Europe/Berlin", eval_from="2021-12-01")


def test_hours_of_a_zone_are_those_of_utc(generate: Generate, tmp_path: Path) -> None:
    times = pd.date_range("2021-03-27", periods=80, freq="H", tz="Europe/Berlin")
    path = tmp_path / "rows.csv"
    pd.DataFrame({"ds": times, "y": np.arange(80.0)}).to_csv(path, index=False)
    found = generate(path, **WINDOW)
    assert found.report["steps"] == found.report["rows"]
    assert found.of("series")["train"]["start"] == [int(times[0].timestamp())]
