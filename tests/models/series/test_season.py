"""Season lengths are the usual ones, and whole numbers of steps."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorflow as tf

from tidegate.models.series.season import season_in, season_length, seasonal_share

DAY = 86_400


@pytest.mark.parametrize(
    "step,expected",
    [
        ((1, 0, 0, 0), 3600),
        ((60, 0, 0, 0), 1440),
        ((900, 0, 0, 0), 96),
        ((3600, 0, 0, 0), 24),
        ((DAY, 0, 0, 0), 7),
        ((7 * DAY, 0, 0, 0), 52),
        ((14 * DAY, 0, 0, 0), 26),
        ((28 * DAY, 0, 0, 0), 13),
        ((30 * DAY, 0, 0, 0), 12),
        ((91 * DAY, 0, 0, 0), 4),
        ((365 * DAY, 0, 0, 0), 1),
        ((0, 1, 0, 0), 12),
        ((0, 3, 0, 0), 4),
        ((0, 12, 0, 0), 1),
        ((0, 24, 0, 0), 1),
        ((0, 0, 1, 0), 1),
        ((0, 0, 10, 0), 1),
        ((0, 0, 0, 1), 5),
        ((0, 0, 0, 2), 5),
        ((0, 0, 0, 10), 1),
    ],
)
def test_the_usual_season(step: tuple[int, int, int, int], expected: int) -> None:
    assert int(season_length(*(tf.constant(one, tf.int64) for one in step))) == expected


@pytest.mark.parametrize(
    "step,expected,spans",
    [
        ((2 * DAY, 0), 7, 2 * 7 * DAY),
        ((3 * DAY, 0), 7, 3 * 7 * DAY),
        ((36 * 3600, 0), 14, 3 * 7 * DAY),
        ((7 * 3600, 0), 24, 7 * DAY),
        ((5 * 3600, 0), 24, 5 * DAY),
        ((9 * 3600, 0), 8, 3 * DAY),
        ((7, 0), 3600, 7 * 3600),
        ((0, 5), 12, 5 * 12),
        ((0, 8), 3, 2 * 12),
    ],
)
def test_a_season_is_a_whole_number_of_steps(
    step: tuple[int, int], expected: int, spans: int
) -> None:
    found = int(season_length(*(tf.constant(one, tf.int64) for one in (*step, 0, 0))))
    assert found == expected and found * sum(step) == spans


@pytest.mark.parametrize("step", [(11 * 3600, 0), (37 * 60, 0), (59, 0), (0, 11)])
def test_a_step_of_which_no_few_spans_are_whole_has_no_season(step: tuple[int, int]) -> None:
    assert int(season_length(*(tf.constant(one) for one in (*step, 0, 0)))) == 1


@pytest.mark.parametrize("days,years,expected", [(10, 2, 73), (16, 1, 23), (100, 3, 11)])
def test_some_years_of_days_end_within_a_quarter_of_a_step(
    days: int, years: int, expected: int
) -> None:
    found = int(season_length(*(tf.constant(one) for one in (days * DAY, 0, 0, 0))))
    assert found == expected and abs(found * days - years * 365.25) <= days / 4


def test_where_the_step_divides_its_span_the_season_is_one_span() -> None:
    spans = [
        (1, 60, 3600),
        (60, DAY, DAY),
        (DAY, 7 * DAY, 7 * DAY),
        (7 * DAY, 365 * DAY, 364 * DAY),
    ]
    for low, high, span in spans:
        for number in range(1, span // low + 1):
            step = span // number
            if span % number == 0 and low <= step < high:
                assert int(season_length(*map(tf.constant, (step, 0, 0, 0)))) == number


def test_the_error_of_the_last_season_beside_that_of_the_last_value() -> None:
    rows = [
        [1.0, 5.0, 1.0, 5.0, 1.0, 5.0],
        [1.0, 2.0, 3.0, 4.0, 5.0],
        [2.0, 4.0, 5.0, math.nan, 9.0, 6.0],
        [3.0, 3.0, 3.0],
        [1.0],
    ]
    y = tf.ragged.constant(rows, tf.float32).with_row_splits_dtype(tf.int64)
    found = seasonal_share(y, tf.constant(2, tf.int64), (1, 2, 7)).numpy().tolist()
    # Errors of the last value one step ahead, and of the season, which is also two and more ahead.
    season, last = [0.0, 2.0, (3 + 4) / 2], [4.0, 1.0, (1 + 3) / 2]
    both = [(one, (other + 2 * one) / 3) for one, other in zip(season, last, strict=True)]
    assert found[:3] == pytest.approx([one / (one + other) for one, other in both])
    assert all(math.isnan(one) for one in found[3:])


def test_the_season_that_series_have() -> None:
    random = np.random.default_rng(0)
    place = np.arange(300)
    waves = [np.sin(2 * np.pi * place / 24) + random.normal(0, 0.1, 300) for _ in range(3)]
    assert season_in(waves) == 24
    gaps = [np.where(random.random(300) < 0.2, np.nan, wave) for wave in waves]
    assert season_in([*gaps, waves[0][:40]]) == 24
    for rows in (
        [np.cumsum(random.normal(size=300)) for _ in range(3)],
        [random.normal(size=300) for _ in range(3)],
        [np.ones(50)],
        [np.array([1.0])],
    ):
        assert season_in(rows) == 1
