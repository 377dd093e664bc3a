"""Whether float32, as which examples hold numbers, is too coarse for how a series moves."""

import numpy as np

# A value counts as lost where rounding moves it by more than this share of the series' usual
# change: less is nothing beside the error of any forecast.
_SHARE = 0.05
# This share of lost values is still none: one wrong cell, a million times the others, is no reason.
_FEW = 0.01
# Changes below this share of the largest value are what float64 itself leaves of equal sums.
_EQUAL = 1e-12


def lost(values: np.ndarray) -> float | None:
    """A value that float32 cannot tell from others of its series.

    The usual change is the median of those from one value to the next; equal neighbours, as in a
    series that often pauses, do not count.

    Args:
      values: float64[rows], in the order of time, NaN where missing.

    Returns:
      The first value that is rounded by more than a twentieth of the usual change, where more than
      a hundredth of the values are; else None.
    """
    there = values[~np.isnan(values)]
    error = np.abs(there - there.astype(np.float32))
    if not error.any():
        return None
    changes = np.abs(np.diff(there))
    changes = changes[changes > _EQUAL * np.abs(there).max()]
    if not len(changes):
        return None
    coarse = error > _SHARE * np.median(changes)
    return float(there[coarse.argmax()]) if coarse.mean() > _FEW else None


def shown(value: float) -> str:
    """A value beside what is kept of it: ``16777217 is read as 16777216``."""
    return f"{value:.15g} is read as {float(np.float32(value)):.15g}"
