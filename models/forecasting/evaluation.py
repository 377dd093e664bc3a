"""How forecasts are judged: sums over windows by step, and the figures that follow from them."""

from collections.abc import Mapping

import numpy as np

from tidegate.models.core.task import Gate
from tidegate.models.forecasting.backtest import MEAN, NAIVE, QUANTILES, SCALE, TRUTH
from tidegate.models.forecasting.settings import LEVELS, GateSettings

# Places, among the levels, of the ends of the intervals whose coverage is reported.
INTERVALS = {
    share: (LEVELS.index((100 - share) / 200), LEVELS.index((100 + share) / 200))
    for share in (80, 95)
}
_BY_STEP = ("mase", "smape", "rmse", "mae", "coverage_80", "coverage_95")


def statistics(targets: np.ndarray | None, predictions: np.ndarray) -> dict[str, np.ndarray]:
    """The sums of a batch; those of two parts of the data add up to those of both.

    Args:
      targets: not used: the predictions hold the truth.
      predictions: float[..., windows, horizon, 4 + levels], as `backtest` gives them.

    Returns:
      Sums over the windows, [horizon] each (`pinball` [horizon, levels]), of what was forecast and
      observed: `count`; absolute and squared errors, of the forecast and of the seasonal naive
      one; the same absolute errors divided by the scale, with `scaled_count`; symmetric
      percentage errors; |truth|; covered values and widths of the intervals; `windows` [1];
      `squares` [3], over the windows, of their scaled errors s and counts c: s², s c and c²; and
      `unanswered` [1], windows that the seasonal naive forecast has an answer for, and the forecast
      none.
    """
    del targets
    rows = np.asarray(predictions, np.float64).reshape(-1, *predictions.shape[-2:])
    truth, naive, scale = rows[..., TRUTH], rows[..., NAIVE], rows[..., SCALE]
    mean, quantiles = rows[..., MEAN], rows[..., QUANTILES:]
    answered = np.isfinite(mean) & np.isfinite(quantiles).all(axis=-1)
    seen = np.isfinite(truth) & answered
    without = np.isfinite(truth) & np.isfinite(naive) & ~answered

    def total(values: np.ndarray, where: np.ndarray = seen) -> np.ndarray:
        found: np.ndarray = np.where(where, values, 0.0).sum(axis=0)
        return found

    scaled = seen & (scale > 0) & np.isfinite(naive)
    safe = np.where(scaled, scale, 1.0)
    error = truth[..., np.newaxis] - quantiles
    levels = np.asarray(LEVELS)
    pinball = np.maximum(levels * error, (levels - 1) * error)
    off = np.where(scaled, np.abs(truth - mean) / safe, 0.0)
    by_window, counts = off.sum(axis=1), scaled.sum(axis=1).astype(float)
    sums = {
        "squares": np.array([by_window @ by_window, by_window @ counts, counts @ counts]),
        "windows": np.array([float(seen.any(axis=1).sum())]),
        "unanswered": np.array([float(without.any(axis=1).sum())]),
        "count": seen.sum(axis=0).astype(float),
        "absolute": total(np.abs(truth - mean)),
        "squared": total((truth - mean) ** 2),
        "symmetric": total(_symmetric(truth, mean)),
        "scaled_count": scaled.sum(axis=0).astype(float),
        "scaled": off.sum(axis=0),
        "truth": total(np.abs(truth)),
        "pinball": total(pinball, seen[..., np.newaxis]),
        "naive_pinball": total(2 * pinball.mean(axis=-1), seen & np.isfinite(naive)),
        "naive_count": (seen & np.isfinite(naive)).sum(axis=0).astype(float),
        "naive_absolute": total(np.abs(truth - naive), seen & np.isfinite(naive)),
        "naive_squared": total((truth - naive) ** 2, seen & np.isfinite(naive)),
        "naive_symmetric": total(_symmetric(truth, naive), seen & np.isfinite(naive)),
        "naive_scaled": total(np.abs(truth - naive) / safe, scaled),
    }
    for share, (low, high) in INTERVALS.items():
        inside = (quantiles[..., low] <= truth) & (truth <= quantiles[..., high])
        sums[f"covered_{share}"] = total(inside.astype(float))
        sums[f"widths_{share}"] = total(quantiles[..., high] - quantiles[..., low])
    return sums


def _symmetric(truth: np.ndarray, forecast: np.ndarray) -> np.ndarray:
    """200 |y - f| / (|y| + |f|), 0 where both are 0."""
    size = np.abs(truth) + np.abs(forecast)
    return np.divide(200 * np.abs(truth - forecast), size, out=np.zeros_like(truth), where=size > 0)


def summarise(sums: Mapping[str, np.ndarray]) -> dict[str, float | np.ndarray]:
    """Sums to figures.

    Args:
      sums: as `statistics` gives them, added up.

    Returns:
      Means over all windows and steps that were forecast and observed. `mase`: absolute errors
      divided by the history's own seasonal naive error (Hyndman and Koehler 2006), over the
      windows that have one; `smape` in per cent, 0 to 200 (Makridakis 1993, as in M4); `rmse`,
      `mae`; `wql`, twice the sum of the pinball losses over the sum of |truth|, averaged over the
      levels (Salinas et al. 2020); `coverage_80`, `coverage_95`, the share of values inside the
      intervals; `coverage_80_error`, `coverage_95_error`, how far that is from 0.8 and 0.95;
      `width_80`, `width_95`, their mean widths in the data's units; `naive_...`, the
      figures of the seasonal naive forecast of the same windows; `relative_mase`, mase over
      naive_mase, with `relative_mase_uncertainty`, and `relative_mae`; `relative_wql`, wql over
      that of the seasonal naive forecast taken for certain, whose quantiles are all the same:
      endless intervals cover everything, and are worse;
      `windows`, how many; `unanswered`, windows with a seasonal naive forecast and none of the
      network's. Arrays [horizon]: the same by step. NaN where nothing was judged.
    """
    found: dict[str, float | np.ndarray] = {}
    ratios = {
        "mase": ("scaled", "scaled_count"),
        "smape": ("symmetric", "count"),
        "mae": ("absolute", "count"),
        "rmse": ("squared", "count"),
        "naive_mase": ("naive_scaled", "scaled_count"),
        "naive_smape": ("naive_symmetric", "naive_count"),
        "naive_mae": ("naive_absolute", "naive_count"),
        "naive_rmse": ("naive_squared", "naive_count"),
        **{f"coverage_{share}": (f"covered_{share}", "count") for share in INTERVALS},
        **{f"width_{share}": (f"widths_{share}", "count") for share in INTERVALS},
    }
    for name, (above, below) in ratios.items():
        root = name.endswith("rmse")
        value = _ratio(sums[above].sum(), sums[below].sum())
        found[name] = float(np.sqrt(value) if root else value)
        if name.removeprefix("naive_") in _BY_STEP:
            steps = _ratio(sums[above], sums[below])
            found[f"{name}_by_step"] = np.sqrt(steps) if root else steps
    for share in INTERVALS:
        found[f"coverage_{share}_error"] = abs(float(found[f"coverage_{share}"]) - share / 100)
    pinball = sums["pinball"].mean(axis=1)
    found["wql"] = float(2 * _ratio(pinball.sum(), sums["truth"].sum()))
    found["wql_by_step"] = 2 * _ratio(pinball, sums["truth"])
    found["relative_mase"] = float(_ratio(found["mase"], found["naive_mase"]))
    found["relative_mase_uncertainty"] = float(_ratio(_uncertainty(sums), found["naive_mase"]))
    found["relative_mae"] = float(_ratio(found["mae"], found["naive_mae"]))
    # The levels lie evenly around a half: the mean pinball loss of one value is half its error.
    found["relative_wql"] = float(_ratio(sums["naive_pinball"].sum(), sums["naive_absolute"].sum()))
    for name in ("windows", "unanswered"):
        found[name] = float(sums[name][0])
    return found


def _uncertainty(sums: Mapping[str, np.ndarray]) -> float:
    """The standard error of `mase`, a ratio of sums over windows (Cochran 1977, 6.3).

    Before any window a mean of errors is as uncertain as it is large, which counts as one more:
    two or three windows that happen to agree, often as they overlap, do not make it sure.
    """
    count = sums["scaled_count"].sum()
    mase = _ratio(sums["scaled"].sum(), count)
    errors, both, counts = sums["squares"]
    squares = max(errors - 2 * mase * both + mase**2 * counts, 0.0)
    one = mase**2 * counts / max(sums["windows"][0], 1.0)
    return float(_ratio(np.sqrt(squares + one), count))


def _ratio(above: np.ndarray | float, below: np.ndarray | float) -> np.ndarray:
    above, below = np.asarray(above, float), np.asarray(below, float)
    above, below = np.broadcast_arrays(above, below)
    return np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)


def gates(settings: GateSettings) -> tuple[Gate, ...]:
    """The bounds a model must hold.

    Those beside seasonal naive move with the best of the simple methods, whose forecasts are taken
    for certain in the quantile loss, too.
    """
    return (
        Gate(
            "relative_mase",
            at_most=settings.relative_mase,
            times_baseline="relative_mase",
            higher_is_better=False,
        ),
        Gate(
            "relative_wql",
            at_most=settings.relative_wql,
            times_baseline="relative_mae",
            higher_is_better=False,
        ),
        Gate("unanswered", at_most=0.0, higher_is_better=False),
        Gate("coverage_80_error", at_most=settings.coverage_error, higher_is_better=False),
        Gate("coverage_95_error", at_most=settings.coverage_error, higher_is_better=False),
        Gate("mase", max_loss=settings.max_loss, higher_is_better=False),
    )
