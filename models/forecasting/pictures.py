"""Pictures of forecasts: a few series with their intervals, and the errors by step."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from matplotlib import rc_context
from matplotlib.figure import Figure

from tidegate.models.core.shown import Table
from tidegate.models.forecasting.backtest import MEAN, QUANTILES, TRUTH, origins
from tidegate.models.forecasting.evaluation import INTERVALS, statistics, summarise
from tidegate.models.forecasting.settings import DataSettings, FeatureSettings
from tidegate.models.series.calendar import (
    DAY,
    business_of,
    month_of,
    seconds_of_business,
    seconds_of_month,
)

Judged = Callable[[], Iterator[tuple[Mapping[str, Any], np.ndarray]]]
# Forecasts of a series that are drawn at most, and how many horizons of history before them.
_FORECASTS = 3
_HISTORY = 4
# Series of the table at most.
_WORST = 20
# The ids of series may be in any script, for which matplotlib's own font has no glyphs; the first
# of these that a machine has fills in.
_FONTS = [
    "DejaVu Sans", "Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei", "Microsoft YaHei", "PingFang SC", "Hiragino Sans GB", "SimHei",
    "Arial Unicode MS",
]  # fmt: skip


def pictures(
    judged: Judged, data: DataSettings, features: FeatureSettings, names: Sequence[str] = ()
) -> Iterator[tuple[str, Figure | Table]]:
    """What is shown of a split.

    Args:
      data: the time zone.
      judged: gives (record, float[windows, horizon, 4 + levels] as `backtest` gives it) of each
        series, anew at each call.
      features: windows and horizon.
      names: not used; part of the contract.

    Returns:
      ``forecasts``: the series of the lowest, the middle and the highest MASE, and the first one
      that has no MASE, as its history does not move. ``errors``: MASE and coverage by step of the
      horizon, where a series has one. ``series``: those of the highest MASE, where there are
      several. Nothing where no series could be judged.
    """
    del names
    sums: dict[str, np.ndarray] = {}
    scores: dict[int, float] = {}
    still: list[int] = []
    called: dict[int, str] = {}
    for number, (record, prediction) in enumerate(judged()):
        own = statistics(None, prediction)
        sums = {name: sums.get(name, 0) + value for name, value in own.items()}
        score = float(summarise(own)["mase"])
        if np.isfinite(score):
            scores[number], called[number] = score, str(record["unique_id"])
        elif np.isfinite(prediction[..., TRUTH]).any():
            still.append(number)
    titles = _titles(scores, still)
    if not titles:
        return
    with rc_context({"font.family": _installed(_FONTS)}):
        yield "forecasts", _forecasts(judged, data, features, titles)
    if scores:
        yield "errors", _errors(summarise(sums), len(scores))
    if len(scores) > 1:
        worst = sorted(scores, key=lambda number: -scores[number])[:_WORST]
        yield (
            "series",
            Table(
                "The series with the largest errors",
                ("series", "MASE"),
                tuple((called[number], scores[number]) for number in worst),
                f"{len(scores):,} series have a MASE, half of them at most "
                f"{float(np.median(list(scores.values()))):.3f}",
            ),
        )


def _titles(scores: Mapping[int, float], still: Sequence[int]) -> dict[int, str]:
    """The series that are drawn, by number, and why; their names go where the {} is."""
    titles: dict[int, str] = {}
    ranked = sorted(scores, key=lambda number: scores[number])
    if ranked:
        places = {"best": ranked[0], "median": ranked[(len(ranked) - 1) // 2], "worst": ranked[-1]}
        for title, number in places.items():
            shown = title if len(ranked) > 1 else "the series"
            titles.setdefault(number, f"{shown}: {{}}, MASE {scores[number]:.2f}")
    if still:
        more = f", one of {len(still)} such series" if len(still) > 1 else ""
        titles[still[0]] = f"no MASE, as its history does not move: {{}}{more}"
    return titles


def _installed(fonts: list[str]) -> list[str]:
    """Those that this machine has: matplotlib warns of each that it has not."""
    from matplotlib import font_manager

    known = set(font_manager.get_font_names())
    return [font for font in fonts if font in known]


def _forecasts(
    judged: Judged,
    data: DataSettings,
    features: FeatureSettings,
    titles: Mapping[int, str],
) -> Figure:
    """The last forecasts of the chosen series, as far as they do not overlap."""
    found = {number: one for number, one in enumerate(judged()) if number in titles}
    figure = Figure(figsize=(9.0, 2.9 * len(titles)), layout="constrained")
    axes = figure.subplots(len(titles), 1, squeeze=False)[:, 0]
    for axis, (number, title) in zip(axes, titles.items(), strict=True):
        record, prediction = found[number]
        _series(axis, record, prediction, features)
        _tell_zone(axis, record, data.timezone)
        # A name may hold dollars, which are no formula.
        axis.set_title(title.format(record["unique_id"]), loc="left", parse_math=False)
    axes[0].legend(loc="upper left", fontsize="small")
    return figure


def _series(
    axis: Any, record: Mapping[str, Any], prediction: np.ndarray, features: FeatureSettings
) -> None:
    y = np.asarray(record["y"], float)
    times = _times(record, len(y) + features.horizon)
    found = origins(np.array([len(y)]), np.array([record["first_target"]]), features)
    starts, there = (np.asarray(one)[0] for one in found)
    drawn: list[int] = []
    for window in np.argsort(-starts, kind="stable"):
        begin = int(starts[window])
        apart = not drawn or begin + features.horizon <= int(starts[drawn[-1]])
        if bool(there[window]) and apart and len(drawn) < _FORECASTS:
            drawn.append(int(window))
    first = int(starts[drawn[-1]])
    shown = slice(max(0, first - _HISTORY * features.horizon), len(y))
    axis.plot(times[shown], y[shown], color="black", linewidth=1, label="observed")
    there = np.isfinite(np.pad(y[shown], 1, constant_values=np.nan))
    alone = there[1:-1] & ~there[:-2] & ~there[2:]  # Which no line reaches.
    axis.plot(times[shown][alone], y[shown][alone], ".", color="black", markersize=3)
    for place, window in enumerate(drawn):
        begin = int(starts[window])
        when = times[begin : begin + features.horizon]
        forecast = prediction[window]
        for share, (low, high) in INTERVALS.items():
            axis.fill_between(
                when,
                forecast[:, QUANTILES + low],
                forecast[:, QUANTILES + high],
                alpha=0.2,
                color="C0",
                linewidth=0,
                label=f"{share} % interval" if not place else None,
            )
        mark = "." if features.horizon == 1 else None
        label = "forecast" if not place else None
        axis.plot(when, forecast[:, MEAN], color="C0", marker=mark, label=label)
        axis.axvline(times[begin], color="grey", linestyle=":", linewidth=1)


def _tell_zone(axis: Any, record: Mapping[str, Any], timezone: str | None) -> None:
    """Says whose clock the times of an axis are of, and shows them so."""
    if record["step_index"]:
        return
    if record["step_seconds"] % DAY:  # Such steps are counted in UTC.
        axis.set_xlabel(timezone or "UTC", fontsize="small")
        axis.xaxis_date(timezone)
    elif timezone:
        axis.set_xlabel(timezone, fontsize="small")


def _times(record: Mapping[str, Any], steps: int) -> np.ndarray:
    """The times of a series' steps: dates, or integers where its time has no calendar.

    Args:
      record: of the series; `start` on the last day of a month makes every step of months one.
      steps: how many.

    Returns:
      datetime64[s] or int64, [steps].
    """
    places, start = np.arange(steps), int(record["start"])
    if record["step_index"]:
        return start + places * int(record["step_index"])
    if record["step_months"]:
        month, day = month_of(tf.constant(start, tf.int64))
        dates = seconds_of_month(month + places * int(record["step_months"]), day).numpy()
        seconds = dates + start % DAY
    elif record["step_business"]:
        first = business_of(tf.constant(start, tf.int64))
        days = seconds_of_business(first + places * int(record["step_business"])).numpy()
        seconds = days + start % DAY
    else:
        seconds = start + places * int(record["step_seconds"])
    return seconds.astype("datetime64[s]")


def _errors(figures: Mapping[str, Any], series: int) -> Figure:
    """MASE beside seasonal naive's, and the intervals' coverage, by step of the horizon."""
    figure = Figure(figsize=(9.0, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    steps = np.arange(1, len(figures["mase_by_step"]) + 1)
    left.plot(steps, figures["mase_by_step"], marker=".", label="forecast")
    left.plot(steps, figures["naive_mase_by_step"], marker=".", label="seasonal naive")
    left.set(title=f"MASE, {series} series", xlabel="steps ahead")
    left.set_ylim(bottom=0)
    for place, share in enumerate(INTERVALS):
        color = f"C{place}"
        right.plot(
            steps, 100 * figures[f"coverage_{share}_by_step"], marker=".", color=color,
            label=f"{share} % interval",
        )  # fmt: skip
        right.axhline(share, linestyle=":", color=color)
    right.set(title="values inside the intervals, %", xlabel="steps ahead", ylim=(0, 103))
    left.legend()
    right.legend()
    return figure
