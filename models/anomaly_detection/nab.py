"""The score of the Numenta Anomaly Benchmark.

(Lavin and Ahmad 2015, "Evaluating real-time anomaly detection algorithms: the Numenta Anomaly
Benchmark", and its program.) A detection in a window earns more the earlier it is, the first one
alone; one outside costs more the farther it is behind the last window, and the whole where there is
none before it; a window without one costs its weight.
"""

import math
from collections.abc import Sequence

import numpy as np

# Weights of a window that is detected, of a false alarm, and of a missed window.
PROFILES = {
    "standard": (1.0, 0.11, 1.0),
    "low_fp": (1.0, 0.22, 1.0),
    "low_fn": (1.0, 0.11, 2.0),
}
# A share of a series, of this many steps at most, is not judged.
PROBATION, _LONGEST = 0.15, 5_000


def probation(steps: int) -> int:
    """How many first steps of a series are not judged: 15 %, at most 750."""
    return int(min(math.floor(PROBATION * steps), PROBATION * _LONGEST))


def sigmoid(position: float) -> float:
    """2 / (1 + e^(5 x)) - 1 of the place x beside a window, in its widths: -1 at its first step,
    0 behind its last one; -1 beyond 3."""
    return -1.0 if position > 3 else 2.0 / (1.0 + math.exp(5.0 * position)) - 1.0


def windows_of(labels: np.ndarray) -> list[tuple[int, int]]:
    """Runs of labels above 0: their first and last step."""
    marked = np.concatenate([[False], np.asarray(labels) > 0, [False]])
    edges = np.flatnonzero(np.diff(marked.astype(int)))
    return [(int(a), int(b) - 1) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def raw_score(
    alarms: np.ndarray, windows: Sequence[tuple[int, int]], profile: str = "standard"
) -> float:
    """The sum of a series' scores, before it is brought to the scale of 0 to 100.

    Args:
      alarms: bool[steps]; those that are not judged are False.
      windows: first and last step of each, in their order, apart.
      profile: a name in `PROFILES`.
    """
    hit, false, miss = PROFILES[profile]
    total, best = 0.0, sigmoid(-1.0)
    for first, last in windows:
        inside = np.flatnonzero(alarms[first : last + 1])
        if inside.size:
            width = last - first + 1
            total += hit * sigmoid(-(width - int(inside[0])) / width) / best
        else:
            total -= miss
    for step in np.flatnonzero(alarms):
        if any(first <= step <= last for first, last in windows):
            continue
        before = [window for window in windows if window[1] < step]
        if before:
            first, last = before[-1]
            # A window of one step has no width to measure by: what is behind it is far.
            width = last - first
            total += false * (sigmoid((step - last) / width) if width else -1.0)
        else:
            total -= false
    return total


def scaled(raw: float, windows: int, profile: str = "standard") -> float:
    """A sum of raw scores to 0 for no detections and 100 for all at the first step; 0 where there
    are no windows."""
    hit, _, miss = PROFILES[profile]
    return 100.0 * (raw + miss * windows) / ((hit + miss) * windows) if windows else 0.0
