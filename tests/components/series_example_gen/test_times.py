"""Times of every kind reach the examples: months, integers, dates, zones, a given frequency."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

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
    # The clock on the wall.
    assert found.of("series")["train"]["start"] == [int(pd.Timestamp("2021-03-01").timestamp())]


def test_hours_of_a_zone_are_those_of_utc(generate: Generate, tmp_path: Path) -> None:
    times = pd.date_range("2021-03-27", periods=80, freq="H", tz="Europe/Berlin")
    path = tmp_path / "rows.csv"
    pd.DataFrame({"ds": times, "y": np.arange(80.0)}).to_csv(path, index=False)
    found = generate(path, **WINDOW)
    assert found.report["steps"] == found.report["rows"]
    assert found.of("series")["train"]["start"] == [int(times[0].timestamp())]
