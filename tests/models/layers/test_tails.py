"""Tail probabilities beside those of known distributions, and alarms by hand."""

import math

import numpy as np
import pytest

from tidegate.models.layers.tails import (
    MOST,
    TailTable,
    events,
    fit_tail,
    joint_surprise,
    threshold_for,
)


def table_of(*references: np.ndarray) -> TailTable:
    table = TailTable(len(references))
    table.build((None, len(references)))
    table.set_weights([np.stack([fit_tail(one) for one in references])])
    return table


def test_the_surprise_of_an_exponential_is_its_tail() -> None:
    random = np.random.default_rng(0)
    known = random.exponential(2.0, 50_000)
    table = table_of(known, -known)
    # P(X > x) = e^(-x / 2); far beyond what was seen, too.
    for value in (0.5, 2.0, 8.0, 40.0):
        found = np.asarray(table(np.array([[value, -value]], np.float32)))[0]
        assert found[0] == pytest.approx(value / 2 / math.log(10), rel=0.08, abs=0.02)
    below = np.asarray(table(np.array([[0.0, -0.2]], np.float32)))[0]
    assert below[1] == pytest.approx(-math.log10(1 - math.exp(-0.1)), abs=0.03)
    assert np.asarray(table(np.array([[1e9, 0]], np.float32)))[0, 0] == MOST


def test_a_few_anomalies_do_not_stretch_the_tail() -> None:
    random = np.random.default_rng(1)
    known = random.exponential(1.0, 2_000)
    clean, dirty = fit_tail(known), fit_tail(np.append(known, [1e6] * 10))
    assert dirty[-1] == pytest.approx(clean[-1], rel=0.2)
    # A reference without a move, or without a value, gives finite surprises.
    for one in (np.zeros(10), np.zeros(0), np.full(3, np.nan)):
        assert np.isfinite(np.asarray(table_of(one)(np.array([[5.0]], np.float32)))).all()


def test_the_joint_surprise_is_bonferronis() -> None:
    assert np.asarray(joint_surprise(np.array([[3.0, 1.0], [0.1, 0.0]]))) == pytest.approx(
        [3 - math.log10(2), 0.0]
    )


def test_alarms_are_events() -> None:
    scores = np.array([0, 5, 3, 5, 1, 5, np.nan, 1, 5, 0.0])
    raised, active = events(scores, 4.0, hysteresis=0.5, distance=6)
    assert np.flatnonzero(raised).tolist() == [1, 8]  # That of step 5 is too near to the first.
    assert np.flatnonzero(active).tolist() == [1, 2, 3, 8]
    raised, _ = events(scores, 4.0)
    assert np.flatnonzero(raised).tolist() == [1, 3, 5, 8]


@pytest.mark.parametrize("rate", [1e-2, 1e-3])
def test_the_threshold_holds_the_stated_rate_on_new_data(rate: float) -> None:
    random = np.random.default_rng(2)
    # Scores that go together over some steps, as those of overlapping windows do.
    made = np.convolve(random.exponential(1.0, 400_000), np.ones(4) / 4, "valid")
    known, new = made[:20_000], made[20_000:]
    threshold = threshold_for(known, rate, 0.5, 5)
    alarms = events(new, threshold, 0.5, 5)[0].sum() / new.size
    assert rate / 2 < alarms < rate * 2


def test_a_threshold_needs_a_rate_and_scores() -> None:
    with pytest.raises(ValueError, match="above 0"):
        threshold_for(np.ones(3), 0.0)
    assert threshold_for(np.array([np.nan]), 0.1) == MOST
