"""Other simple methods on the same windows: the last value, another season, ETS and ARIMA."""

import itertools
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tidegate.models.core.part import Part as JudgedPart
from tidegate.models.forecasting import backtest
from tidegate.models.forecasting.baseline import (
    STEPS,
    Part,
    Records,
    part_of,
    parts,
    repeated,
    rows_of,
    shaped,
    with_quantiles,
)
from tidegate.models.forecasting.settings import LEVELS, DataSettings, FeatureSettings
from tidegate.models.series.calendar import business_of
from tidegate.models.series.fitted import Method, arima, ets, filled
from tidegate.models.series.season import season_in

Judged = tuple[Iterable[tuple[None, np.ndarray]], JudgedPart | None]

# What the slow methods are given, by split and method. Counts and no clock decide it, so that the
# figures are the same on every machine: of the first series, the last windows of each and of all.
_MOST_SERIES = 20
_MOST_OF_A_SERIES = 12
_MOST_WINDOWS = 72
# Steps that a model is fitted to.
_MOST_HISTORY = 240
# The time of a fit grows with the steps of the season.
_LONGEST_SEASON = 24
# Examples of another split among which those of the judged series are looked for, the first: all
# splits have their series in the same order, but one may lack many of the other's.
_MOST_SEARCHED = 5_000
# Series of train in which a season is looked for.
_MOST_READ = 64


def rivals(
    records: Records, data: DataSettings, features: FeatureSettings
) -> dict[str, dict[str, Judged]]:
    """The last value, the season that train has, ETS and ARIMA.

    The last two are fitted, for each window, to its own history of at most 240 steps: on a few
    windows of the first series, the last ones. What lies before the judged example comes from the
    examples of the other splits, as far back as these leave no step out. Missing values are
    interpolated for the fit. A season above 24 steps is left out: its fits take too long.

    Args:
      records: by split, a function that yields its records.
      data: not used; part of the contract.
      features: the windows.

    Returns:
      By split other than train, and by method: chunks of None and predictions, NaN for the truth
      of what was not done; and which part was done, None for the whole split. A method without a
      single window is left out.
    """
    del data
    season = _season(records, features)
    found: dict[str, dict[str, Judged]] = {}
    for split, rows in records.items():
        if split == "train":
            continue
        judged = list(itertools.islice(rows(), _MOST_SERIES + 1))
        if not judged:
            continue
        whole = len(judged) <= _MOST_SERIES
        judged = judged[:_MOST_SERIES]
        methods: dict[str, Judged] = {"repeat-last": (_repeated(rows, features, 1), None)}
        if season is not None:
            title = f"the last {season} steps again"
            methods[title] = (_repeated(rows, features, season), None)
        earlier = _earlier(judged, [other for name, other in records.items() if name != split])
        part = part_of(judged, features)
        names = [str(one["unique_id"]) for one in judged]
        for title, method in (("ETS", ets), ("ARIMA", arima)):
            done = _judge(method, part, names, earlier, features, season, whole)
            if done is not None:
                methods[title] = done
        found[split] = methods
    return found


def _season(records: Records, features: FeatureSettings) -> int | None:
    """The season that train has, where it is not the usual one."""
    if "train" not in records:
        return None
    read = list(itertools.islice(records["train"](), _MOST_READ))
    if not read:
        return None
    found = season_in([np.ravel(one["y"]) for one in read])
    usual = int(part_of(read[:1], features)[0].season[0])
    return found if found not in (1, usual) else None


def _repeated(
    rows: Callable[[], Iterable[Mapping[str, Any]]], features: FeatureSettings, season: int
) -> Iterator[tuple[None, np.ndarray]]:
    return ((None, repeated(part, features, season)) for part in parts(rows, features))


def _earlier(
    judged: Sequence[Mapping[str, Any]], others: Iterable[Callable[[], Iterable[Mapping[str, Any]]]]
) -> list[np.ndarray]:
    """What other splits hold of some series, just before the first step of their own examples.

    Args:
      judged: examples of one split.
      others: the examples of each other split.

    Returns:
      For each judged example float[steps], the values of the steps that end just before its
      first; as many, up to 240, as the other examples hold without leaving one out.
    """
    places = {one["unique_id"]: place for place, one in enumerate(judged)}
    values = np.full((len(judged), _MOST_HISTORY), np.nan)
    held = np.zeros(values.shape, bool)
    for rows in others:
        sought = set(places)
        for one in itertools.islice(rows(), _MOST_SEARCHED):
            name = one["unique_id"]
            if name in sought:
                place, y = places[name], np.ravel(one["y"])
                # The judged example begins just behind the last column.
                first = _MOST_HISTORY + _steps_to(judged[place], one)
                begin, end = max(first, 0), min(first + y.size, _MOST_HISTORY)
                if begin < end:
                    values[place, begin:end] = y[begin - first : end - first]
                    held[place, begin:end] = True
                sought.remove(name)
            if not sought:
                break
    begins = [np.flatnonzero(~one).max(initial=-1) + 1 for one in held]
    return [one[begin:] for one, begin in zip(values, begins, strict=True)]


def _steps_to(one: Mapping[str, Any], other: Mapping[str, Any]) -> int:
    """Steps from the start of an example to that of another one of the same series."""
    seconds, months, index, business = (int(one[name]) for name in STEPS)
    begin, end = (int(example["start"]) for example in (one, other))
    if months:
        # Months differ in length, and a short one moves the day.
        begin, end = (
            int(np.datetime64(time, "s").astype("datetime64[M]").astype(int))
            for time in (begin, end)
        )
    elif business:
        begin, end = (int(business_of(tf.constant(time, tf.int64))) for time in (begin, end))
    return (end - begin) // (seconds or months or index or business)


def _judge(
    method: Method,
    part: Part,
    names: Sequence[str],
    earlier: Sequence[np.ndarray],
    features: FeatureSettings,
    other: int | None,
    whole: bool,
) -> Judged | None:
    """A method's predictions of the last windows of each series.

    Args:
      method: that is fitted to each window's history.
      part: the series and their windows.
      names: the series' ids.
      earlier: by series float[steps], the values that lead to the first one of `part`.
      features: the windows.
      other: a season of train's beside the usual one.
      whole: whether these are all series of the split.

    Returns:
      As `rivals`, of one split and method; None where no window has a solution.
    """
    series, origins, judged = part
    rows, flat = rows_of(origins), tf.reshape(origins, (-1,))
    truth = backtest.truth(series, rows, flat, features).numpy()
    starts, there = origins.numpy(), judged.numpy()
    truth = truth.reshape(*starts.shape, *truth.shape[1:])
    forecasts = np.full((*truth.shape[:-1], 1 + len(LEVELS)), np.nan)
    usual = int(series.season[0])
    if other is not None and (usual == 1 or usual > _LONGEST_SEASON):
        usual = other
    season = usual if usual <= _LONGEST_SEASON else 1
    y, begins = series.y.numpy(), series.starts.numpy()
    most = min(_MOST_OF_A_SERIES, max(_MOST_WINDOWS // len(starts), 1))
    done: dict[str, list[int]] = {}
    failed = 0
    for row, place in np.argwhere(there[:, :most]):
        own = y[begins[row] : begins[row] + starts[row, place]]
        history = np.concatenate([earlier[row], own])[-_MOST_HISTORY:]
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                mean, deviation = method(filled(history), season, features.horizon)
        except (ValueError, np.linalg.LinAlgError):  # Too short, or no solution.
            failed += 1
            continue
        if not (np.isfinite(mean).all() and np.isfinite(deviation).all()):
            failed += 1
            continue
        forecasts[row, place] = with_quantiles(mean, deviation)
        done.setdefault(names[row], []).append(int(place))
    if not done:
        return None
    # What was not done is not judged.
    truth[~np.isfinite(forecasts[..., 0]).all(axis=-1), :, backtest.TRUTH] = np.nan
    count = sum(map(len, done.values()))
    if whole and count == there.sum() and season == usual:
        return [(None, shaped(truth, forecasts, there, features))], None
    note = f"{count} of {there.sum()} windows of the first {len(starts)} series"
    if failed:
        note += f", {failed} without a solution"
    if season != usual:
        note += f", without the season of {usual} steps"
    judged_part = JudgedPart(note, "unique_id", done)
    return [(None, shaped(truth, forecasts, there, features))], judged_part
