"""Hourly series of a known structure, as a CSV file in the long format.

y = level * (1 + growth * t / steps) + day * sin(2 pi (t + phase) / 24)
  + week * sin(2 pi (t + phase) / 168) + e,   e[t] = 0.6 e[t - 1] + noise * n[t]

with t in hours, n standard normal, and the other numbers drawn for each series from its number.
"""

from pathlib import Path

import numpy as np

_BEGIN = np.datetime64("2020-01-01T00", "h")
_MEMORY = 0.6


def values(number: int, steps: int) -> np.ndarray:
    """float64[steps], the series of that number."""
    random = np.random.default_rng(number)
    level, growth, day, week, noise = random.uniform(
        [20.0, -0.3, 1.0, 0.5, 0.2], [200.0, 0.3, 15.0, 8.0, 2.0]
    )
    phase = random.integers(0, 168)
    hours = np.arange(steps)
    shocks = noise * random.standard_normal(steps)
    errors = np.zeros(steps)
    for at in range(1, steps):
        errors[at] = _MEMORY * errors[at - 1] + shocks[at]
    found: np.ndarray = (
        level * (1 + growth * hours / steps)
        + day * np.sin(2 * np.pi * (hours + phase) / 24)
        + week * np.sin(2 * np.pi * (hours + phase) / 168)
        + errors
    )
    return found


def write(target: Path, series: int, steps: int) -> None:
    """Writes a CSV file, `unique_id`, `ds` and `y`, one series after another."""
    times = [str(time).replace("T", " ") + ":00" for time in _BEGIN + np.arange(steps)]
    with target.open("w", encoding="utf-8") as file:
        file.write("unique_id,ds,y\n")
        for number in range(series):
            file.writelines(
                f"s{number},{time},{value:.4f}\n"
                for time, value in zip(times, values(number, steps), strict=True)
            )
