"""How alarms are judged: sums over series, and the figures that follow from them."""

from collections.abc import Mapping

import numpy as np
from scipy.stats import chi2

from tidegate.models.anomaly_detection import nab
from tidegate.models.anomaly_detection.judged import LABEL, RAISED, RATE, SCORE, SECONDS, VALUE
from tidegate.models.anomaly_detection.settings import GateSettings
from tidegate.models.core.task import Gate

# Thresholds of the score at which alarms are counted, for the curve.
CURVE = np.arange(0.5, 8.01, 0.5)
_WEEK = 604_800
# How sure it must be that there are more false alarms than promised.
_SURE = 0.05


def statistics(targets: np.ndarray | None, predictions: np.ndarray) -> dict[str, np.ndarray]:
    """The sums of a batch; those of two parts of the data add up to those of both.

    An alarm in a labelled window is a hit, and only the first one counts; any other is false. A
    series without labels has no windows, and its alarms are all false.

    Args:
      targets: not used: the predictions hold the truth.
      predictions: float[series, steps, channels], as `judged.judge` gives them.

    Returns:
      Sums, [1] each: `points` outside of windows that have a value; `promised` and `false` alarms
      there; `weeks`, how long they last; `windows`, `hits`, `delay`, steps from a window's first to
      its first alarm, summed; by profile, `nab_...`, the raw scores; and [thresholds] each,
      `curve_false` and `curve_hits`, of points above each of `CURVE`.
    """
    del targets
    sums = {
        name: np.zeros(1)
        for name in ("points", "promised", "false", "weeks", "windows", "hits", "delay")
    }
    sums |= {f"nab_{profile}": np.zeros(1) for profile in nab.PROFILES}
    sums |= {name: np.zeros(CURVE.size) for name in ("curve_false", "curve_hits")}
    for series in predictions:
        _add(sums, series[np.isfinite(series[:, SCORE])])
    return sums


def _add(sums: dict[str, np.ndarray], points: np.ndarray) -> None:
    """Adds a series' points, none of them padding."""
    raised = points[:, RAISED] > 0
    windows = nab.windows_of(points[:, LABEL])
    outside = np.ones(len(points), bool)
    above = points[:, SCORE, None] >= CURVE
    for first, last in windows:
        outside[first : last + 1] = False
        inside = np.flatnonzero(raised[first : last + 1])
        sums["windows"] += 1
        sums["hits"] += bool(inside.size)
        sums["delay"] += inside[0] if inside.size else 0
        sums["curve_hits"] += above[first : last + 1].any(axis=0)
    there = outside & np.isfinite(points[:, VALUE])
    sums["points"] += there.sum()
    sums["promised"] += points[there, RATE].sum()
    sums["false"] += raised[outside].sum()
    sums["weeks"] += points[there, SECONDS].sum() / _WEEK
    # Where it rises above the threshold, as an event does.
    rises = above & ~np.concatenate([np.zeros((1, CURVE.size), bool), above[:-1]])
    sums["curve_false"] += rises[outside].sum(axis=0)
    for profile in nab.PROFILES:
        sums[f"nab_{profile}"] += nab.raw_score(raised, windows, profile)


def summarise(sums: Mapping[str, np.ndarray]) -> dict[str, float | np.ndarray]:
    """Sums to figures.

    Args:
      sums: as `statistics` gives them, added up.

    Returns:
      `precision`, the share of hits among hits and false alarms; `recall`, that among the windows;
      `f1`, 2 p r / (p + r), 0 where nothing is labelled, with `f1_uncertainty`, of so many windows;
      `delay`, mean steps from a window's first to its alarm; `nab_standard`, `nab_low_fp`,
      `nab_low_fn`, NAB's score, 0 for no alarms and 100 for all at once; `false_alarms` in 1,000
      points, `false_alarms_a_week` of a series; `promised` in 1,000 points; `alarm_excess`, how
      many times as many as promised there are at least, by 95 % confidence (Garwood 1936);
      `points`, `windows`. NaN where there is nothing to judge. Arrays [thresholds]: `threshold` of
      the score, `recall_by_threshold` and `false_alarms_by_threshold`.
    """
    one = {name: float(total[0]) for name, total in sums.items() if total.size == 1}
    false, windows, hits, points = (one[name] for name in ("false", "windows", "hits", "points"))
    precision, recall = _ratio(hits, hits + false), _ratio(hits, windows)
    f1 = 2 * hits / (windows + hits + false) if windows else 0.0
    least = float(chi2.ppf(_SURE, 2 * false)) / 2 if false else 0.0
    found: dict[str, float | np.ndarray] = {
        "precision": precision,
        "recall": recall,
        "f1": f1,
        "f1_uncertainty": float(np.sqrt(f1 * (1 - f1) / windows)) if windows else 0.0,
        "delay": _ratio(one["delay"], hits),
        "false_alarms": _ratio(1000 * false, points),
        "false_alarms_a_week": _ratio(false, one["weeks"]),
        "promised": _ratio(1000 * one["promised"], points),
        "alarm_excess": least / one["promised"] if one["promised"] else 0.0,
        "points": points,
        "windows": windows,
        "threshold": CURVE,
        "recall_by_threshold": sums["curve_hits"] / max(windows, 1.0),
        "false_alarms_by_threshold": 1000 * sums["curve_false"] / max(points, 1.0),
    }
    for profile in nab.PROFILES:
        found[f"nab_{profile}"] = nab.scaled(one[f"nab_{profile}"], int(windows), profile)
    return found


def _ratio(above: float, below: float) -> float:
    return above / below if below else float("nan")


def gates(settings: GateSettings) -> tuple[Gate, ...]:
    """The bounds a model must hold: without labels the first alone can fail."""
    return (
        Gate("alarm_excess", at_most=settings.false_alarms, higher_is_better=False),
        Gate("f1", max_loss=settings.max_loss, below_baseline=-settings.margin),
    )
