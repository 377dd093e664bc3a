"""Pictures of forecasts: which series, which windows, which numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from matplotlib.dates import num2date

from tidegate.models.core.shown import Table
from tidegate.models.forecasting.backtest import CHANNELS, MEAN, NAIVE, QUANTILES, SCALE, TRUTH
from tidegate.models.forecasting.pictures import pictures
from tidegate.models.forecasting.settings import LEVELS, DataSettings, FeatureSettings

FEATURES = FeatureSettings(horizon=4, context=12, backtest_windows=3, backtest_step=4)
STEPS = {"step_seconds": 0, "step_months": 1, "step_index": 0, "step_business": 0}


def series(name: str, error: float, **others: Any) -> tuple[dict[str, Any], np.ndarray]:
    """A series of 40 steps, its last 12 judged, whose forecasts are all off by `error`."""
    y = np.arange(40.0)
    judged = np.zeros((3, 4, CHANNELS))
    for window, origin in enumerate((36, 32, 28)):
        judged[window, :, TRUTH] = y[origin : origin + 4]
    judged[..., NAIVE] = judged[..., TRUTH] + 2
    judged[..., SCALE] = 1.0
    judged[..., MEAN] = judged[..., TRUTH] + error
    judged[..., QUANTILES:] = judged[..., MEAN, np.newaxis] + np.arange(len(LEVELS)) - 3
    record = {"unique_id": name, "start": 0, "y": y, "first_target": 28, **STEPS, **others}
    return record, judged


def drawn(*rows: tuple[dict[str, Any], np.ndarray], timezone: str | None = None) -> dict[str, Any]:
    """The figures by name, each drawn to see that it can be."""

    def judged() -> Iterator[tuple[Mapping[str, Any], np.ndarray]]:
        return iter(rows)

    found = dict(pictures(judged, DataSettings(timezone=timezone), FEATURES))
    for shown in found.values():
        if not isinstance(shown, Table):
            shown.canvas.draw()
    return found


def titles(figures: dict[str, Any]) -> list[str]:
    return [axis.get_title(loc="left") for axis in figures["forecasts"].axes]


def test_best_median_and_worst_series_are_shown_with_their_mase() -> None:
    rows = [series(name, error) for name, error in zip("dbaec", (3, 1, 0.5, 8, 2), strict=True)]
    found = drawn(*rows)
    assert titles(found) == [
        "best: a, MASE 0.50",
        "median: c, MASE 2.00",
        "worst: e, MASE 8.00",
    ]
    names, errors = zip(*found["series"].rows, strict=True)
    assert names == tuple("edcba")
    assert errors == pytest.approx((8, 3, 2, 1, 0.5))
    assert found["series"].note == "5 series have a MASE, half of them at most 2.000"
    assert "series" not in drawn(rows[0])


def test_windows_stand_where_they_were_forecast() -> None:
    (axis,) = drawn(series("one", 1.0))["forecasts"].axes
    assert axis.get_title(loc="left") == "the series: one, MASE 1.00"
    observed, *others = axis.get_lines()
    # 28 steps before the first window are not there: the history is shown from the begin.
    np.testing.assert_array_equal(observed.get_ydata(), np.arange(12.0, 40.0))
    forecasts = [line for line in others if len(line.get_ydata()) == 4]
    assert [line.get_ydata()[0] for line in forecasts] == [37.0, 33.0, 29.0]
    months = np.asarray(forecasts[0].get_xdata(orig=True), "datetime64[M]")
    assert months.tolist() == (np.datetime64("1970-01") + np.arange(36, 40)).tolist()


def test_time_in_seconds_and_in_integers() -> None:
    days = {"step_months": 0, "step_seconds": 86_400}
    (axis,) = drawn(series("days", 1.0, **days))["forecasts"].axes
    assert axis.get_lines()[0].get_xdata(orig=True)[-1] == np.datetime64("1970-02-09")
    # From Friday 1970-01-02, four o'clock.
    business = {"step_months": 0, "step_business": 1, "start": 100_800}
    (axis,) = drawn(series("business", 1.0, **business))["forecasts"].axes
    shown = axis.get_lines()[0].get_xdata(orig=True)
    expected = np.busday_offset("1970-01-02", np.arange(12, 40)).astype("datetime64[s]")
    np.testing.assert_array_equal(shown, expected + np.timedelta64(4, "h"))
    whole = {"step_months": 0, "step_index": 2, "start": 10}
    (axis,) = drawn(series("whole", 1.0, **whole))["forecasts"].axes
    assert axis.get_lines()[0].get_xdata(orig=True)[-1] == 10 + 2 * 39


@pytest.mark.parametrize(
    "start,expected",
    [
        ("2019-01-31", ["2020-01-31", "2020-02-29", "2020-03-31", "2020-04-30"]),
        ("2020-02-29", ["2021-02-28", "2021-03-31", "2021-04-30", "2021-05-31"]),
        ("2019-01-30", ["2020-01-30", "2020-02-29", "2020-03-30", "2020-04-30"]),
        ("2019-12-15", ["2020-12-15", "2021-01-15", "2021-02-15", "2021-03-15"]),
    ],
)
def test_month_ends_stay_month_ends(start: str, expected: list[str]) -> None:
    begin = int(np.datetime64(start, "s").astype(np.int64))
    (axis,) = drawn(series("ends", 1.0, start=begin))["forecasts"].axes
    # The history is shown from its thirteenth month.
    shown = np.asarray(axis.get_lines()[0].get_xdata(orig=True), "datetime64[D]")
    assert shown[:4].astype(str).tolist() == expected


def test_errors_by_step_beside_seasonal_naive() -> None:
    left, right = drawn(series("a", 1.0), series("b", 3.0))["errors"].axes
    assert left.get_title() == "MASE, 2 series"
    own, naive = left.get_lines()
    np.testing.assert_allclose(own.get_ydata(), [2.0] * 4)
    np.testing.assert_allclose(naive.get_ydata(), [2.0] * 4)
    # Off by 1 the truth is inside both intervals, off by 3 inside the wider alone.
    covered = [line.get_ydata()[0] for line in right.get_lines() if len(line.get_ydata()) == 4]
    assert covered == [50.0, 100.0]


def test_an_observation_that_no_line_reaches_is_a_point() -> None:
    record, judged = series("gaps", 1.0)
    record["y"][[13, 15, 39]] = np.nan
    points = drawn((record, judged))["forecasts"].axes[0].get_lines()[1]
    assert points.get_marker() == "." and points.get_ydata().tolist() == [12.0, 14.0]


def test_a_series_without_a_scale_has_a_panel_that_says_so() -> None:
    record, judged = series("still", 1.0)
    judged[..., SCALE] = np.nan
    assert titles(drawn((record, judged))) == ["no MASE, as its history does not move: still"]
    rows = (series("a", 1.0), (record, judged), (record, judged))
    assert titles(drawn(*rows)) == [
        "the series: a, MASE 1.00",
        "no MASE, as its history does not move: still, one of 2 such series",
    ]
    assert titles(drawn(series(r"$\x$", 1.0)))[0].startswith(r"the series: $\x$")


@pytest.mark.parametrize("timezone", [None, "Asia/Kolkata", "Europe/Berlin"])
def test_the_axis_shows_and_names_the_clock_of_the_zone(timezone: str | None) -> None:
    # 2021-10-30 12:00 UTC, the day before Berlin's clocks are put back.
    hours = {"step_months": 0, "step_seconds": 3600, "start": 1_635_595_200}
    (axis,) = drawn(series("hours", 1.0, **hours), timezone=timezone)["forecasts"].axes
    assert axis.get_xlabel() == (timezone or "UTC")
    ticks = zip(num2date(axis.get_xticks(), "UTC"), axis.get_xticklabels(), strict=True)
    clock = ZoneInfo(timezone or "UTC")
    for tick, label in ticks:
        assert label.get_text() == f"{tick.astimezone(clock):%m-%d %H}"
    (axis,) = drawn(series("months", 1.0))["forecasts"].axes
    assert axis.get_xlabel() == ""


def test_a_series_that_could_not_be_judged_is_passed_over() -> None:
    record, judged = series("empty", 1.0)
    judged[..., TRUTH] = np.nan
    assert drawn((record, judged)) == {}
    (axis,) = drawn((record, judged), series("a", 1.0))["forecasts"].axes
    assert axis.get_title(loc="left").startswith("the series: a")


def test_no_font_is_looked_for_in_vain(recwarn: pytest.WarningsRecorder) -> None:
    drawn(series("plain", 1.0))
    assert not [one for one in recwarn if "font" in str(one.message).lower()]
