"""Rows of `benchmarks.worth` for series: a default run beside simple methods, on the same windows.

The file is split by tidegate's defaults; the last tenth, its test part, or the published test file,
is forecast by all: by the exported model, asked as a user asks it, and by methods that see the same
histories. Where series are few, from several origins; where they are many, from one. MASE is scaled
by the mean absolute seasonal difference of the whole history.
"""

import functools
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks import tidegate_run
from benchmarks.made_series import MADE


@dataclass(frozen=True)
class Case:
    """A set of series.

    Attributes:
      frame: `unique_id`, `ds`, `y` and covariates.
      horizon: steps to forecast.
      season: of the scale of MASE, and of the methods.
      test: the published continuation, one forecast of each; None for origins in the last tenth.
      every: of so many series one is judged: fits take long.
      settings: names of columns.
    """

    frame: pd.DataFrame
    horizon: int
    season: int
    test: pd.DataFrame | None = None
    every: int = 1
    settings: tuple[str, ...] = ()


SHARED = (*("airline", "sunspots", "temperatures", "m3_monthly", "m3_quarterly", "m4_weekly"),)
NAMES = (*SHARED, *MADE)
_ORIGINS = 6
# Steps that a fitted method sees.
_HISTORY = 240
_FEW = 20


def case(name: str, seed: int, shared: Path) -> Case:
    """A set by name; made ones are made anew for each seed."""
    if name in MADE:
        make, horizon = MADE[name]
        season = {"months": 12, "yearly": 1, "hours": 24}.get(name, 7)
        known = ("data.future=promotion,price",) if name == "promotions" else ()
        return Case(make(seed), horizon, season, settings=known)
    if name.startswith(("m3", "m4")):
        kind, _, part = name.partition("_")
        folder = shared / (name if kind == "m4" else kind)
        stem = "" if kind == "m4" else f"{part}_"
        train, test = (pd.read_csv(folder / f"{stem}{one}.csv.gz") for one in ("train", "test"))
        horizon, season = {"monthly": (18, 12), "quarterly": (8, 4), "weekly": (13, 1)}[part]
        return Case(train, horizon, season, test, every=6 if part == "monthly" else 4)
    path, horizon, season = {
        "airline": ("airline/airline-passengers.csv", 12, 12),
        "sunspots": ("sunspots/monthly-sunspots.csv", 12, 12),
        "temperatures": ("mintemp/daily-min-temperatures.csv", 7, 7),
    }[name]
    frame = pd.read_csv(shared / path)
    frame.columns = ["ds", "y"]
    return Case(frame.assign(unique_id="one"), horizon, season)


def row(name: str, seed: int, shared: Path) -> dict[str, float]:
    """A finished row: MASE of each method, tidegate's intervals, seconds, and whether pushed."""
    made = case(name, seed, shared)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        made.frame.to_csv(folder / "data.csv", index=False)
        test = None
        if made.test is not None:
            test = str(folder / "test.csv")
            made.test.to_csv(test, index=False)
        run = tidegate_run.run(
            str(folder / "data.csv"),
            folder / "out",
            home=folder / "home",
            task="forecasting",
            test=test,
            settings=[
                f"features.horizon={made.horizon}",
                f"training.seed={seed}",
                *made.settings,
            ],
        )
        found = _judged(made, folder / "out" / run.summary["candidate"])
    return {
        **found,
        "pushed": float(run.summary["pushed"] is not None),
        "seconds": run.seconds["total"],
        "training_seconds": run.summary["training"]["seconds"],
    }


def _judged(made: Case, model: Path) -> dict[str, float]:
    import tidegate

    series = {name: one.reset_index(drop=True) for name, one in made.frame.groupby("unique_id")}
    judged = list(series)[:: made.every]
    totals: dict[str, list[float]] = {}

    def add(method: str, value: float) -> None:
        if np.isfinite(value):
            totals.setdefault(method, []).append(value)

    with tidegate.load(model) as loaded:
        for back in range(_ORIGINS if made.test is None and len(series) <= _FEW else 1):
            asked, histories, truths = [], {}, {}
            for name in judged:
                one = series[name]
                if made.test is not None:
                    end, truth = len(one), made.test.y[made.test.unique_id == name].to_numpy()
                else:
                    room = max(round(0.1 * len(one)) - made.horizon, 0)
                    count = min(_ORIGINS, room + 1)
                    if back >= count:
                        continue
                    end = len(one) - made.horizon - back * room // max(count - 1, 1)
                    truth = one.y.to_numpy()[end : end + made.horizon]
                rows = one.iloc[:end]
                if made.settings:  # What is known ahead.
                    rows = one.iloc[: end + made.horizon].copy()
                    rows.loc[end:, "y"] = np.nan
                asked.append(rows)
                histories[name], truths[name] = one.y.to_numpy()[:end], truth
            if not asked:
                continue
            answers = loaded.predict(pd.concat(asked, ignore_index=True), level=(80, 95))
            by_name = {str(key): some for key, some in answers.groupby("unique_id")}
            for name, history in histories.items():
                _add_errors(made, history, truths[name], by_name[str(name)], add)
    return {method: float(np.mean(values)) for method, values in totals.items()}


def _add_errors(
    made: Case,
    history: np.ndarray,
    truth: np.ndarray,
    answer: pd.DataFrame,
    add: Callable[[str, float], None],
) -> None:
    """The errors of all methods on one window."""
    scale = np.nan
    for season in (made.season, 1):
        if not scale > 0 and len(history) > season:
            scale = float(np.nanmean(np.abs(history[season:] - history[:-season])))
    if not scale > 0:
        return
    forecasts = {"tidegate": answer["mean"].to_numpy(), "median": answer["median"].to_numpy()}
    forecasts |= simple(tuple(history), made.season, made.horizon)
    for method, forecast in forecasts.items():
        add(method, float(np.nanmean(np.abs(forecast[: len(truth)] - truth)) / scale))
    low, high = answer["lo-95"].to_numpy(), answer["hi-95"].to_numpy()
    missed = np.maximum(low - truth, 0) + np.maximum(truth - high, 0)
    add("msis", float(np.nanmean(high - low + 2 / 0.05 * missed) / scale))
    size = np.abs(truth) + np.abs(forecasts["tidegate"])
    add("smape", float(np.nanmean(200 * np.abs(truth - forecasts["tidegate"]) / size)))
    for share in (80, 95):
        inside = (answer[f"lo-{share}"] <= truth) & (truth <= answer[f"hi-{share}"])
        add(f"coverage_{share}", float(inside.mean()))


@functools.cache
def simple(history: tuple[float, ...], season: int, horizon: int) -> dict[str, np.ndarray]:
    """By title, the forecasts of the simple methods; one that has no solution is not there.

    They are the same for all seeds of a set, which follow each other.
    """
    from statsmodels.tsa.forecasting.theta import ThetaModel

    from tidegate.models.series.fitted import arima, ets, filled

    y = filled(np.array(history))
    last = y[-season:] if len(y) >= season else y[-1:]
    found = {"repeat-last": np.full(horizon, y[-1]), "seasonal naive": np.resize(last, horizon)}
    y = y[-_HISTORY:]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for title, method in (("ETS", ets), ("ARIMA", arima)):
            try:
                found[title], _ = method(y, season, horizon)
            except (ValueError, np.linalg.LinAlgError):  # Too short, or no solution.
                continue
        if len(y) > max(2 * season, 6):
            theta = ThetaModel(y, period=season, deseasonalize=season > 1, use_test=season > 1)
            found["Theta"] = np.asarray(theta.fit().forecast(horizon))
    return {title: one for title, one in found.items() if np.isfinite(one).all()}
