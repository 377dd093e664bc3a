"""Which values float32 is too coarse for, and which ordinary ones it is not."""

from __future__ import annotations

import numpy as np
import pytest

from tidegate.tables.digits import lost, shown

NAN = float("nan")
RANDOM = np.random.default_rng(0)
STEPS = np.arange(1000)
WALK = RANDOM.normal(size=1000).cumsum()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (1_700_000_000.0 + 50 * (STEPS % 4), 1_700_000_050),
        (2.0**24 + STEPS, 2**24 + 1),
        ([2.0**24 + 1, NAN, 2.0**24 + 2], 2**24 + 1),
        # A meter that counts single units: its last values alone are too large.
        (2.0**24 - 900 + STEPS, 2**24 + 1),
        # A level that the first half does not have.
        (np.where(STEPS < 500, 0, 1_700_000_000.0) + 50 * (STEPS % 4), 1_700_000_050),
        # Seldom another value.
        (20_260_101.0 + STEPS // 100, 20_260_101),
    ],
)
def test_values_of_too_many_digits(values: object, expected: float) -> None:
    assert lost(np.asarray(values, float)) == expected


@pytest.mark.parametrize(
    "values",
    [
        np.round(100 + WALK, 2),  # Prices with cents.
        np.round(9_999.99 + WALK / 10, 2),
        12_345.67 + STEPS % 2 / 100,
        np.round(1_234_567 + 1_000 * WALK, 2),
        16_000_000.0 + STEPS % 2,  # Counts.
        1_700_000_000.0 + 100_000 * STEPS,
        0.1 * STEPS,
        0.1 + 0.001 * WALK,
        300 + 0.01 * WALK,
        np.pi * 1e-9 * WALK,
        np.full(1000, 0.1),
        np.where(STEPS % 2, 0.1 + 0.2, 0.3),  # Equal but for how they were summed.
        np.where(STEPS == 700, 12.34, 1234.56),  # All but constant.
        np.where(RANDOM.random(1000) < 0.9, 0, RANDOM.random(1000)),  # Intermittent.
        np.where(STEPS == 3, 123_456_789_012.3, np.round(WALK, 2)),  # One cell is wrong.
        np.full(1000, NAN),
        [],
        [16_777_217],
    ],
)
def test_ordinary_values(values: object) -> None:
    assert lost(np.asarray(values, float)) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1_700_000_050, "1700000050 is read as 1700000000"),
        (16_777_217, "16777217 is read as 16777216"),
        (230.000123, "230.000123 is read as 230.000122070312"),
    ],
)
def test_what_is_kept_of_a_value(value: float, expected: str) -> None:
    assert shown(value) == expected
