"""Which integers of a column of times look like time stamps that are written as numbers."""

from collections import Counter
from collections.abc import Iterator

import numpy as np

from tidegate.tables.time_forms import EPOCHS

# Epochs are looked for from 1900 to 2100. Smaller numbers than those of 1973 alone are none.
_FROM, _UNTIL, _LARGE = -2_208_988_800, 4_102_444_800, 10**8
_DIGITS = {"%Y%m%d%H": 2, "%Y%m%d%H%M": 4, "%Y%m%d%H%M%S": 6}
_UNITS = {"epoch_s": "seconds", "epoch_ms": "thousandths of a second",
          "epoch_us": "millionths of a second", "epoch_ns": "billionths of a second"}  # fmt: skip
_LOOKS = {
    "yearmonth": "year and month such as 202012",
    "isoweek": "year and ISO week such as 202053",
    **{form: f"{unit} since 1970" for form, unit in _UNITS.items()},
    **{form: f"dates with hours such as {form}" for form in _DIGITS},
}


def votes(time: np.ndarray) -> tuple[Counter[str], Counter[str]]:
    """By form, what speaks against and what for it; those of several series add up.

    Args:
      time: int64[times], ascending and distinct.
    """
    against, speaking = Counter[str](), Counter[str]()
    for form, wrong, right in _signs(time, np.diff(time)):
        against[form] = int(wrong)
        speaking[form] = int(right)
    return against, speaking


def _signs(time: np.ndarray, gaps: np.ndarray) -> Iterator[tuple[str, int, int]]:
    year, place = np.divmod(time, 100)
    new_years = (np.diff(year) == 1).sum()
    for form, last in (("yearmonth", 12), ("isoweek", 53)):
        yield form, (~(_is_year(year) & (place >= 1) & (place <= last))).sum(), new_years
    for form, units in EPOCHS.items():
        beyond = (time < _FROM * units) | (time >= _UNTIL * units)
        broken = gaps % (60 * units) != 0
        yield form, beyond.sum() + broken.sum(), (abs(time) >= _LARGE * units).sum()
    for form, digits in _DIGITS.items():
        day, clock = np.divmod(time, 10**digits)
        month, number = day // 100 % 100, day % 100
        right = _is_year(day // 10_000) & (month >= 1) & (month <= 12)
        right &= (number >= 1) & (number <= 31) & (clock // 10 ** (digits - 2) < 24)
        for place_of in range(0, digits - 2, 2):
            right &= clock // 10**place_of % 100 < 60
        yield form, (~right).sum(), (np.diff(day) != 0).sum()


def _is_year(year: np.ndarray) -> np.ndarray:
    return (year >= 1700) & (year < 2200)


def advice(against: Counter[str], speaking: Counter[str]) -> str:
    """The form that all integers have, and the settings that say so; empty where they have none."""
    form = next((one for one in _LOOKS if speaking[one] and not against[one]), None)
    if form is None:
        return ""
    weeks = " (isoweek where they are weeks)" if form == "yearmonth" else ""
    return (
        f"all times are integers that look like {_LOOKS[form]}; set "
        f"data.time_format={form}{weeks}, or data.time_format=integer where they are plain numbers"
    )
