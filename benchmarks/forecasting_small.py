"""Airline, sunspots and daily temperatures: the network, seasonal naive, ETS and ARIMA.

    python -m benchmarks.forecasting_small --airline A.csv --sunspots S.csv --temperatures T.csv

Rolling origins over the last part of each series; every method sees the same origins. The network
is trained once, on what is before that part, and keeps its weights; ETS and ARIMA are fitted anew
at each origin to the history before it, of at most `--history` steps. MASE is scaled by the
seasonal naive error of the whole history before an origin. Prints one line of JSON for each series,
method and seed: MASE, its ratio to seasonal naive's, and the coverage of the intervals with its
standard error.
"""

import argparse
import csv
import json
import os
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Case:
    """A series and how it is judged.

    Attributes:
      name: of the series and of its argument.
      step: length of a step.
      horizon, context: of the windows.
      valid, test: steps at the end, `test` last.
      every: steps between two origins of the test part.
    """

    name: str
    step: dict[str, int]
    horizon: int
    context: int
    valid: int
    test: int
    every: int


CASES = (
    Case("airline", {"months": 1}, horizon=12, context=36, valid=24, test=48, every=1),
    Case("sunspots", {"months": 1}, horizon=12, context=144, valid=240, test=600, every=6),
    Case("temperatures", {"seconds": 86_400}, horizon=7, context=56, valid=365, test=730, every=7),
)

SHOWN = (
    *("mase", "relative_mase", "smape", "width_80"),
    *("coverage_80", "coverage_80_standard_error"),
    *("coverage_95", "coverage_95_standard_error"),
)


def read(path: Path, case: Case) -> tuple[np.ndarray, int]:
    """The values on their grid, NaN where a day is not there, and the first one's place in time.

    A place in time is in months or seconds since 1970, as `when` takes it.
    """
    with path.open(newline="") as file:
        rows = [(row[0], float(row[1])) for row in list(csv.reader(file))[1:] if len(row) > 1]
    unit = "M" if "months" in case.step else "s"
    length = case.step.get("months") or case.step["seconds"]
    times = np.array([when for when, _ in rows], f"datetime64[{unit}]").astype(int)
    places = (times - times[0]) // length
    values = np.full(places[-1] + 1, np.nan)
    values[places] = [value for _, value in rows]
    return values, int(times[0])


def when(case: Case, place: int) -> int:
    """Months or seconds since 1970, by the case's step, to seconds."""
    if "months" not in case.step:
        return place
    return int(np.datetime64(place, "M").astype("datetime64[s]").astype(int))


def by_method(
    method: Callable[..., tuple[np.ndarray, np.ndarray]],
    judged: np.ndarray,
    values: np.ndarray,
    places: np.ndarray,
    season: int,
    most: int,
) -> np.ndarray:
    """The same windows with a method's forecasts in place of the network's."""
    from tidegate.models.forecasting.backtest import MEAN
    from tidegate.models.forecasting.baseline import with_quantiles
    from tidegate.models.series.fitted import filled

    found = judged.copy()
    for row, origin in enumerate(places):
        history = filled(values[max(0, origin - most) : origin])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found[row, :, MEAN:] = with_quantiles(*method(history, season, judged.shape[1]))
    return found


def run(case: Case, path: Path, seeds: list[int], settings: list[str], most: int) -> None:
    """Prints the figures of all methods on a series."""
    from benchmarks.forecasting_task import figures, fit, record
    from tidegate.models.series.fitted import arima, ets

    values, start = read(path, case)
    border, end = len(values) - case.test, len(values)
    places = np.arange(border, end - case.horizon + 1, case.every)
    length = case.step.get("months") or case.step["seconds"]
    season = 12 if "months" in case.step else 7

    def tell(method: str, seed: int | None, judged: np.ndarray, seconds: float) -> None:
        all_figures = figures(judged[np.newaxis], case.every)
        found = {name: round(all_figures[name], 4) for name in SHOWN}
        line = {"series": case.name, "method": method, "seed": seed, "windows": len(places)}
        print(json.dumps({**line, **found, "seconds": round(seconds, 1)}), flush=True)

    def piece(begin: int, first: int, stop: int) -> dict[str, Any]:
        at = when(case, start + begin * length)
        return record(case.name, values[begin:stop], first - begin, case.step, at)

    judged = None
    for seed in seeds:
        begin = time.monotonic()
        fitted = fit(
            [piece(0, 0, border - case.valid)],
            [piece(border - case.valid - case.context, border - case.valid, border)],
            [
                f"features.horizon={case.horizon}",
                f"features.context={case.context}",
                f"training.seed={seed}",
                *settings,
            ],
        )
        seconds = time.monotonic() - begin
        judged = fitted.judged(piece(0, border, end), places)
        tell("tidegate", seed, judged, seconds)
    assert judged is not None
    naive = judged.copy()
    from tidegate.models.forecasting.backtest import MEAN, NAIVE

    naive[..., MEAN:] = naive[..., NAIVE : NAIVE + 1]
    tell("seasonal naive (intervals are points)", None, naive, 0.0)
    for title, method in (("ETS", ets), ("ARIMA", arima)):
        begin = time.monotonic()
        found = by_method(method, judged, values, places, season, most)
        tell(title, None, found, time.monotonic() - begin)


def main() -> None:
    """Runs the series that were given."""
    parser = argparse.ArgumentParser(description=__doc__)
    for case in CASES:
        parser.add_argument(f"--{case.name}", type=Path, help="its CSV file: time, value")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--history", type=int, default=600, help="steps for ETS and ARIMA")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="settings")
    given = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    for case in CASES:
        path = getattr(given, case.name)
        if path is not None:
            run(case, path, given.seeds, given.settings, given.history)


if __name__ == "__main__":
    main()
