"""NAB's score on cases worked by hand from the published formula."""

import math

import numpy as np
import pytest

from tidegate.models.anomaly_detection.nab import (
    PROFILES,
    probation,
    raw_score,
    scaled,
    sigmoid,
    windows_of,
)

WINDOW = [(40, 49)]  # Ten steps of a hundred.


def alarms(*steps: int) -> np.ndarray:
    found = np.zeros(100, bool)
    found[list(steps)] = True
    return found


def curve(x: float) -> float:
    return 2 / (1 + math.exp(5 * x)) - 1


# At the first step the place is -1, in the middle -0.5, at the last -0.1 of ten.
@pytest.mark.parametrize("step,place", [(40, -1.0), (45, -0.5), (49, -0.1)])
def test_a_hit_earns_by_its_place(step: int, place: float) -> None:
    expected = curve(place) / curve(-1.0)
    assert raw_score(alarms(step), WINDOW) == pytest.approx(expected)
    # Later hits of a window change nothing.
    assert raw_score(alarms(step, 49), WINDOW) == pytest.approx(expected)


@pytest.mark.parametrize(
    "step,cost",
    [
        (10, -1.0),  # No window before it.
        (50, curve(1 / 9)),  # A step behind a window of ten, whose width is nine steps.
        (58, curve(1.0)),
        (77, -1.0),  # More than three widths behind it.
    ],
)
@pytest.mark.parametrize("profile", PROFILES)
def test_a_false_alarm_costs_by_its_distance(step: int, cost: float, profile: str) -> None:
    _, false, miss = PROFILES[profile]
    assert raw_score(alarms(step), WINDOW, profile) == pytest.approx(false * cost - miss)


@pytest.mark.parametrize("profile", PROFILES)
def test_nothing_scores_0_and_everything_at_once_100(profile: str) -> None:
    windows = [(20, 29), (60, 69)]
    assert scaled(raw_score(alarms(), windows, profile), 2, profile) == 0
    assert scaled(raw_score(alarms(20, 60), windows, profile), 2, profile) == pytest.approx(100)
    half = raw_score(alarms(20), windows, profile)
    assert scaled(half, 2, profile) == pytest.approx(50)
    assert scaled(raw_score(alarms(20), []), 0) == 0


def test_the_probationary_part_and_windows_from_labels() -> None:
    assert [probation(steps) for steps in (100, 4_032, 22_695)] == [15, 604, 750]
    assert windows_of(np.array([1, 1, 0, 0, 1, 0, 1])) == [(0, 1), (4, 4), (6, 6)]
    assert windows_of(np.zeros(3)) == []
    assert sigmoid(0) == 0 and sigmoid(3.1) == -1
