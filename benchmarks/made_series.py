"""Made files of the five kinds of series that people bring: short or long, few or many."""

from collections.abc import Callable

import numpy as np
import pandas as pd

_BEGIN = np.datetime64("2020-01-01")


def _frame(
    rows: list[np.ndarray], times: pd.DatetimeIndex, **more: list[np.ndarray]
) -> pd.DataFrame:
    parts = []
    for number, y in enumerate(rows):
        columns = {name: values[number] for name, values in more.items()}
        parts.append(
            pd.DataFrame({"unique_id": f"s{number}", "ds": times[: len(y)], "y": y, **columns})
        )
    return pd.concat(parts, ignore_index=True)


def months(seed: int) -> pd.DataFrame:
    """Five years of months: 100 + 3 t, a season of +-20, noise of 3."""
    random = np.random.default_rng(seed)
    place = np.arange(60)
    y = 100 + 3 * place + 20 * np.sin(2 * np.pi * place / 12) + random.normal(0, 3, 60)
    return _frame([y], pd.date_range(_BEGIN, periods=60, freq="MS"))


def yearly(seed: int) -> pd.DataFrame:
    """200 yearly series of 20 to 45 points that grow some per cent a year."""
    random = np.random.default_rng(seed)
    rows = []
    for _ in range(200):
        steps = random.integers(20, 46)
        growth = random.normal(0.04, 0.02) + random.normal(0, 0.03, steps)
        rows.append(np.exp(random.uniform(3, 8) + np.cumsum(growth)))
    return _frame(rows, pd.date_range("1975-01-01", periods=45, freq="YS"))


def shops(seed: int) -> pd.DataFrame:
    """30 shops, two years of days: a weekly season, growth, a December peak."""
    random = np.random.default_rng(seed)
    times = pd.date_range(_BEGIN, periods=730, freq="D")
    december = np.where(times.month == 12, np.minimum(times.day, 24) / 24, 0.0)
    rows = []
    for _ in range(30):
        week = np.exp(random.normal(0, 0.25, 7))[times.dayofweek]
        grown = 1 + random.uniform(0, 0.5) * np.arange(730) / 730
        level = random.uniform(50, 500) * week * grown * (1 + random.uniform(0.3, 1) * december)
        rows.append(level * np.exp(random.normal(0, 0.12, 730)))
    return _frame(rows, times)


def hours(seed: int) -> pd.DataFrame:
    """One hourly series of 20 weeks, with day and week."""
    random = np.random.default_rng(seed)
    place = np.arange(20 * 168)
    day = 10 * np.sin(2 * np.pi * place / 24) * (1 + 0.5 * (place // 24 % 7 >= 5))
    errors = random.normal(0, 1.5, place.size)
    for at in range(1, place.size):
        errors[at] += 0.6 * errors[at - 1]
    y = 100 + day + 6 * np.sin(2 * np.pi * place / 168) + errors
    return _frame([y], pd.date_range(_BEGIN, periods=place.size, freq="h"))


def promotions(seed: int) -> pd.DataFrame:
    """20 shops, daily, with promotion and price, which are known ahead."""
    random = np.random.default_rng(seed)
    times = pd.date_range(_BEGIN, periods=400, freq="D")
    rows, promotion, price = [], [], []
    for _ in range(20):
        offered = (random.random(400) < 0.15).astype(float)
        asked = 10 * np.exp(np.cumsum(random.normal(0, 0.02, 400) * (random.random(400) < 0.1)))
        week = np.exp(random.normal(0, 0.25, 7))[times.dayofweek]
        level = random.uniform(50, 300) * week * np.exp(0.6 * offered) * (asked / 10) ** -1.5
        rows.append(level * np.exp(random.normal(0, 0.1, 400)))
        promotion.append(offered)
        price.append(asked)
    return _frame(rows, times, promotion=promotion, price=price)


# By name: what makes it, and the steps that are forecast.
MADE: dict[str, tuple[Callable[[int], pd.DataFrame], int]] = {
    "months": (months, 12),
    "yearly": (yearly, 6),
    "shops": (shops, 28),
    "hours": (hours, 48),
    "promotions": (promotions, 14),
}
