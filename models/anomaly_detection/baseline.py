"""What simple methods find on the same points, at the same promised rate of alarms."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from scipy.stats import norm

from tidegate.models.anomaly_detection.judged import (
    CHANNELS,
    LABEL,
    RAISED,
    RATE,
    SCORE,
    SECONDS,
    THRESHOLD,
    VALUE,
)
from tidegate.models.anomaly_detection.settings import DataSettings, FeatureSettings
from tidegate.models.layers.tails import MOST, TailTable, events, fit_tail, threshold_for
from tidegate.models.series.season import season_length

Record = Mapping[str, Any]
Records = Mapping[str, Callable[[], Iterable[Record]]]
# (record, features) to a score of each step, the higher the more unusual; NaN where there is none.
Method = Callable[[Record, FeatureSettings], np.ndarray]
STEPS = ("step_seconds", "step_months", "step_index", "step_business")
# Series that are judged at once, and points that a threshold or a forest is found on at most.
_CHUNK, _MOST = 64, 50_000
# Trees and rows of each (Liu, Ting and Zhou 2008, "Isolation forest").
_TREES, _ROWS = 100, 256


def baseline(
    records: Records, data: DataSettings, features: FeatureSettings
) -> dict[str, Iterator[tuple[None, np.ndarray]]]:
    """The windowed Gaussian: a value beside mean and deviation of the points before it.

    Args:
      records: by split, a function that yields its records; `train` gives the threshold.
      data: which column is the label.
      features: the window, and the promised alarms.

    Returns:
      By split other than train: None, and float32[series, judged_steps, 10] as `judged.judge` gives
      it for a model.
    """
    return _judged(records, data, features, windowed_gaussian)


def rivals(
    records: Records, data: DataSettings, features: FeatureSettings
) -> dict[str, dict[str, tuple[Iterator[tuple[None, np.ndarray]], str | None]]]:
    """The residual of the season before, and an isolation forest over the last values."""
    made = {
        "seasonal residual": _judged(records, data, features, seasonal_residual),
        "isolation forest": _judged(records, data, features, _forest(records, features)),
    }
    splits = next(iter(made.values()))
    return {
        split: {title: (chunks[split], None) for title, chunks in made.items()} for split in splits
    }


def windowed_gaussian(record: Record, features: FeatureSettings) -> np.ndarray:
    """-log10 of the two-sided tail probability under the normal distribution of the last points."""
    return _surprise(_values(record), features.reach)


def seasonal_residual(record: Record, features: FeatureSettings) -> np.ndarray:
    """The same of the differences from the season before, or from the value before."""
    season = int(season_length(*(tf.constant(int(record[one])) for one in STEPS)))
    values = _values(record)
    residual = np.full(len(values), np.nan)
    residual[season:] = values[season:] - values[:-season]
    return _surprise(residual, features.reach)


def _surprise(values: np.ndarray, window: int) -> np.ndarray:
    mean, deviation = _before(values, window)
    z = np.abs(values - mean) / np.maximum(deviation, 1e-9 + 1e-6 * np.abs(mean))
    return np.minimum(-(norm.logsf(z) + np.log(2)) / np.log(10), MOST)


def _before(values: np.ndarray, window: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation of the points before each; NaN with fewer than two."""
    there = np.isfinite(values)
    level = float(values[there][0]) if there.any() else 0.0
    moved = np.where(there, values - level, 0.0)
    ends = np.arange(len(values))
    begins = np.maximum(ends - window, 0)

    def sums(flat: np.ndarray) -> np.ndarray:
        total = np.concatenate([[0.0], np.cumsum(flat)])
        found: np.ndarray = total[ends] - total[begins]
        return found

    count = sums(there.astype(float))
    safe = np.maximum(count, 1.0)
    mean = sums(moved) / safe
    variance = np.maximum(sums(moved**2) / safe - mean**2, 0.0)
    enough = count >= 2
    return np.where(enough, level + mean, np.nan), np.where(enough, np.sqrt(variance), np.nan)


def _forest(records: Records, features: FeatureSettings) -> Method:
    """An isolation forest over what the last values are like."""
    from sklearn.ensemble import IsolationForest

    rows = [_described(record, features) for record in _first(records["train"])]
    known = np.concatenate(rows)
    known = known[np.isfinite(known).all(axis=1)]
    forest = IsolationForest(
        n_estimators=_TREES, max_samples=min(_ROWS, len(known)), random_state=0
    )
    forest.fit(known)
    # Scores of a forest lie close together: as the tail of what train has, in which an alarm ends.
    tail = TailTable(1)
    tail.build((None, 1))
    tail.table.assign(fit_tail(-forest.score_samples(known))[None])

    def score(record: Record, features: FeatureSettings) -> np.ndarray:
        described = _described(record, features)
        there = np.isfinite(described).all(axis=1)
        found = np.full(len(described), np.nan)
        if there.any():
            found[there] = np.ravel(tail(-forest.score_samples(described[there])[:, None]))
        return found

    return score


def _described(record: Record, features: FeatureSettings) -> np.ndarray:
    """float[steps, 4]: the last value, its change, mean and deviation of the recent ones.

    In units of the points before. A forest cuts one column at a time and no further than train
    reaches: a spike in one of many lagged values is lost among the others.
    """
    values = _values(record)
    mean, deviation = _before(values, features.reach)
    steps = np.arange(len(values))
    lags = steps[:, None] - np.arange(features.recent)
    last = np.where(lags >= 0, values[np.maximum(lags, 0)], np.nan)
    scale = np.maximum(deviation, 1e-9 + 1e-6 * np.abs(mean))
    z = np.clip((last - mean[:, None]) / scale[:, None], -1e3, 1e3)
    columns = [z[:, 0], z[:, 0] - z[:, 1], z.mean(axis=1), z.std(axis=1)]
    return np.stack(columns, axis=1)


def _judged(
    records: Records, data: DataSettings, features: FeatureSettings, method: Method
) -> dict[str, Iterator[tuple[None, np.ndarray]]]:
    """A method's scores, with the threshold that promises as many alarms on train."""
    scores = [method(record, features) for record in _first(records["train"])]
    threshold = threshold_for(
        np.concatenate(scores), features.rate, features.hysteresis, features.distance
    )

    def chunks(rows: Callable[[], Iterable[Record]]) -> Iterator[tuple[None, np.ndarray]]:
        taken = iter(rows())
        while some := list(itertools.islice(taken, _CHUNK)):
            points = [_points(record, data, features, method, threshold) for record in some]
            yield None, np.stack(points).astype(np.float32)

    return {split: chunks(rows) for split, rows in records.items() if split != "train"}


def _points(
    record: Record, data: DataSettings, features: FeatureSettings, method: Method, threshold: float
) -> np.ndarray:
    found = np.full((features.judged_steps, CHANNELS), np.nan)
    values = _values(record)
    first = max(int(np.ravel(record["first_target"])[0]), len(values) - features.judged_steps)
    score = method(record, features)
    own = slice(features.judged_steps - (len(values) - first), None)
    labels = np.full(len(values), np.nan)
    if data.label_column is not None:
        labels = np.ravel(record[data.label_column])
    found[own, VALUE] = values[first:]
    found[own, SCORE] = np.nan_to_num(score[first:])
    found[own, THRESHOLD] = threshold
    found[own, RAISED] = events(score[first:], threshold, features.hysteresis, features.distance)[0]
    found[own, LABEL] = labels[first:]
    found[own, RATE] = features.rate
    found[own, SECONDS] = int(np.ravel(record["step_seconds"])[0])
    return found


def _values(record: Record) -> np.ndarray:
    return np.ravel(record["y"]).astype(float)


def _first(rows: Callable[[], Iterable[Record]]) -> Iterator[Record]:
    """The first records, of enough points."""
    points = 0
    for record in rows():
        yield record
        points += len(_values(record))
        if points >= _MOST:
            return
