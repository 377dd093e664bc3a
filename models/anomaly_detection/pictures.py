"""Pictures of alarms: series with misses and false alarms, and recall against their number."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from tidegate.models.anomaly_detection.evaluation import CURVE, statistics, summarise
from tidegate.models.anomaly_detection.judged import (
    EXPECTED,
    HIGH,
    LABEL,
    LOW,
    RAISED,
    SCORE,
    THRESHOLD,
    VALUE,
)
from tidegate.models.anomaly_detection.nab import windows_of
from tidegate.models.anomaly_detection.settings import DataSettings, FeatureSettings
from tidegate.models.core.shown import Table

Judged = Callable[[], Iterator[tuple[Mapping[str, Any], np.ndarray]]]
# Series that are drawn, and rows of the table, at most.
_DRAWN, _ROWS = 3, 20


def pictures(
    judged: Judged, data: DataSettings, features: FeatureSettings, names: Sequence[str] = ()
) -> Iterator[tuple[str, Figure | Table]]:
    """What is shown of a split.

    Args:
      judged: gives (record, float[steps, channels] as `judged.judge` gives it) of each series, anew
        at each call.
      data: not used; part of the contract.
      features: the promised alarms.
      names: not used; part of the contract.

    Returns:
      ``series``: those with the most misses and false alarms, with interval, score, threshold,
      alarms and labels. ``curve``: recall against false alarms, where there are labels.
      ``alarms``: the missed windows and the false alarms of the highest scores.
    """
    del data, names
    sums: dict[str, np.ndarray] = {}
    wrong: dict[int, float] = {}
    rows: list[tuple[str, str, int, float]] = []
    for number, (record, points) in enumerate(judged()):
        own = statistics(None, points[None])
        sums = {name: sums.get(name, 0) + value for name, value in own.items()}
        name = str(record["unique_id"])
        wrong[number] = float((own["windows"] - own["hits"] + own["false"])[0])
        rows += _rows(name, points)
    if not wrong:
        return
    chosen = sorted(wrong, key=lambda number: -wrong[number])[:_DRAWN]
    yield "series", _series(judged, chosen)
    figures = summarise(sums)
    if figures["windows"]:
        yield "curve", _curve(figures, features)
    # Misses first, then false alarms by their scores.
    rows.sort(key=lambda row: (row[1] != "missed", -row[3]))
    if rows:
        yield (
            "alarms",
            Table(
                "Misses and false alarms",
                ("series", "what", "step", "highest score"),
                tuple(rows[:_ROWS]),
                f"{len(rows):,} in all; steps are counted from the first one that is judged",
            ),
        )


def _rows(name: str, points: np.ndarray) -> Iterator[tuple[str, str, int, float]]:
    points = points[np.isfinite(points[:, SCORE])]
    windows = windows_of(points[:, LABEL])
    raised = points[:, RAISED] > 0
    for first, last in windows:
        if not raised[first : last + 1].any():
            yield name, "missed", first, float(points[first : last + 1, SCORE].max())
    for step in np.flatnonzero(raised):
        if not any(first <= step <= last for first, last in windows):
            yield name, "false alarm", int(step), float(points[step, SCORE])


def _series(judged: Judged, chosen: Sequence[int]) -> Figure:
    figure = Figure(figsize=(11, 4 * len(chosen)), layout="constrained")
    axes = figure.subplots(2 * len(chosen), 1, squeeze=False, height_ratios=[2, 1] * len(chosen))
    place = 0
    for number, (record, points) in enumerate(judged()):
        if number not in chosen:
            continue
        points = points[np.isfinite(points[:, SCORE])]
        above, below = axes[2 * place, 0], axes[2 * place + 1, 0]
        steps = np.arange(len(points))
        above.fill_between(
            steps, points[:, LOW], points[:, HIGH], alpha=0.25, label="98 % interval"
        )
        above.plot(steps, points[:, EXPECTED], linewidth=0.6, label="expected")
        above.plot(steps, points[:, VALUE], linewidth=0.9, color="black", label="value")
        # An interval behind an anomaly may be as wide as the anomaly: the values say what is shown.
        values = points[np.isfinite(points[:, VALUE]), VALUE]
        if values.size:
            room = 0.1 * (values.max() - values.min()) + 1e-9
            above.set_ylim(values.min() - room, values.max() + room)
        below.plot(steps, points[:, SCORE], linewidth=0.7, label="score")
        below.plot(steps, points[:, THRESHOLD], linestyle=":", label="threshold")
        raised = np.flatnonzero(points[:, RAISED] > 0)
        below.plot(raised, points[raised, SCORE], "rv", label="alarm")
        for first, last in windows_of(points[:, LABEL]):
            for one in (above, below):
                one.axvspan(first - 0.5, last + 0.5, color="orange", alpha=0.25)
        above.set_title(str(record["unique_id"]), parse_math=False)
        above.legend(loc="upper left", fontsize=7)
        below.legend(loc="upper left", fontsize=7)
        place += 1
    return figure


def _curve(figures: Mapping[str, Any], features: FeatureSettings) -> Figure:
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    false, recall = figures["false_alarms_by_threshold"], figures["recall_by_threshold"]
    axes.plot(false, recall, marker=".")
    for place in range(0, CURVE.size, 4):
        axes.annotate(f"{CURVE[place]:g}", (false[place], recall[place]), fontsize=7)
    axes.axvline(features.false_alarms, linestyle=":", color="black")
    axes.set(
        title="recall by threshold of the score",
        xlabel="false alarms in 1,000 points",
        ylabel="share of labelled windows",
        ylim=(0, 1.03),
    )
    return figure
