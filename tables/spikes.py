"""Whether a value of a series likely says that there is none, as -200 or 9999 does."""

import numpy as np

# A sentinel stands so often at least, among so many other values.
_OFTEN, _OTHERS = 5, 10
# How far from the next value it is, in distances between the quartiles of the others; less where
# it alone is negative.
_FAR, _NEGATIVE = 3.0, 0.5


def sentinel(values: np.ndarray) -> tuple[float, int] | None:
    """The least or the largest value where it comes many times and is far outside of the others.

    Zero is a value of its own: a shop is closed on many days.

    Args:
      values: float64[rows], NaN where missing.

    Returns:
      The value, and how often it comes; None where there is none.
    """
    there = values[~np.isnan(values)]
    for value in (there.min(), there.max()) if len(there) else ():
        others = there[there != value]
        count = len(there) - len(others)
        if value == 0 or count < _OFTEN or len(others) < _OTHERS:
            continue
        low, high = np.percentile(others, (25, 75))
        far = _NEGATIVE if value < 0 <= others.min() else _FAR
        if high > low and np.abs(others - value).min() > far * (high - low):
            return float(value), count
    return None
