"""Drawing a token: the generator, the filters and the frequencies, against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tests.models.layers.decoding import reference
from tidegate.models.layers.decoding import drawing

LOGITS = np.array([0.5, 2.0, -1.0, 2.0, 0.0, -3.0, 1.0])


def kept(logits: np.ndarray, top_k: int, top_p: float) -> set[int]:
    found = drawing.kept(
        tf.constant([logits], tf.float32), tf.constant([top_k]), tf.constant([top_p])
    )
    return set(np.flatnonzero(found[0]).tolist())


def test_the_generator_gives_the_published_numbers() -> None:
    # The first five of SplitMix64 from the seed 1234567, as rosettacode.org lists them.
    found = drawing.split_mix(tf.constant(1234567, tf.int64), tf.range(5))
    assert found.numpy().tolist() == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]


def test_a_number_for_each_lane_of_each_row() -> None:
    seeds = [0, 1, -1, 2**63 - 1, -(2**63)]
    for step in (0, 1, 1000):
        found = drawing.uniform(tf.constant(seeds, tf.int64), tf.constant(3), tf.constant(step))
        expected = [[reference.uniform(seed, lane, step) for lane in range(3)] for seed in seeds]
        np.testing.assert_array_equal(found, np.float32(expected))


def test_the_numbers_are_even_and_unrelated() -> None:
    found = np.stack(
        [
            drawing.uniform(tf.range(500, dtype=tf.int64), tf.constant(4), tf.constant(step))
            for step in range(4)
        ]
    )
    assert stats.kstest(found.ravel(), "uniform").pvalue > 0.01
    # Seeds, lanes and steps that stand beside each other.
    for axis in range(3):
        left, right = np.delete(found, 0, axis).ravel(), np.delete(found, -1, axis).ravel()
        assert abs(stats.pearsonr(left, right).statistic) < 0.04


@pytest.mark.parametrize(
    ("top_k", "top_p", "expected"),
    [
        (0, 1.0, {0, 1, 2, 3, 4, 5, 6}),
        (1, 1.0, {1}),  # of equal ones the lower id
        (3, 1.0, {1, 3, 6}),
        (99, 1.0, {0, 1, 2, 3, 4, 5, 6}),
        (0, 0.0, {1}),
        # exp(2, 2, 1, .5, 0, -1, -3) / 20.58: .359, .359, .132, .080, .049, .018, .002
        (0, 0.35, {1}),
        (0, 0.37, {1, 3}),
        (0, 0.71, {1, 3}),
        (0, 0.73, {1, 3, 6}),
        (0, 0.92, {0, 1, 3, 6}),
        (0, 0.999, {0, 1, 2, 3, 4, 5, 6}),
        # of three: .422, .422, .155
        (3, 0.42, {1}),
        (3, 0.84, {1, 3}),
        (3, 0.85, {1, 3, 6}),
    ],
)
def test_what_may_be_drawn(top_k: int, top_p: float, expected: set[int]) -> None:
    assert kept(LOGITS, top_k, top_p) == expected


@settings(max_examples=60, deadline=None)
@given(
    logits=st.lists(st.integers(-20, 20), min_size=2, max_size=12),
    top_k=st.integers(0, 14),
    top_p=st.floats(0, 1, width=32),
)
def test_what_may_be_drawn_by_definition(logits: list[int], top_k: int, top_p: float) -> None:
    values = np.array(logits) / 4
    found, expected = kept(values, top_k, top_p), reference.nucleus(values, top_k, top_p)
    if found != expected:  # Only where a sum is the bound itself, but for its last digits.
        probability = np.exp(reference.log_softmax(values))
        share = [probability[sorted(which)].sum() for which in (found, expected)]
        smaller = min(share) / (probability[list(reference.nucleus(values, top_k, 1.0))].sum())
        assert abs(len(found) - len(expected)) == 1
        assert abs(smaller - top_p) < 1e-5


def test_a_large_vocabulary_is_sorted_as_far_as_needed() -> None:
    rng = np.random.default_rng(0)
    # One row for which few tokens suffice, one for which thousands do.
    logits = np.stack([rng.normal(size=5000) * 6, rng.normal(size=5000) * 0.1]).astype(np.float32)
    found = drawing.kept(tf.constant(logits), tf.constant([0, 0]), tf.constant([0.9, 0.9]))
    for row, values in zip(found.numpy(), logits, strict=True):
        expected = len(reference.nucleus(values, 0, 0.9))
        assert abs(row.sum() - expected) <= 1
        # Those that are kept are the most probable ones.
        assert values[row].min() > values[~row].max()
        alone = drawing.kept(tf.constant([values]), tf.constant([0]), tf.constant([0.9]))
        np.testing.assert_array_equal(alone[0], row)


@pytest.mark.parametrize(
    ("temperature", "top_k", "top_p"), [(1.0, 0, 1.0), (0.5, 4, 1.0), (2.0, 0, 0.8), (1.3, 5, 0.9)]
)
def test_frequencies_are_the_probabilities(temperature: float, top_k: int, top_p: float) -> None:
    draws = 20_000
    random = drawing.uniform(tf.range(draws, dtype=tf.int64), tf.constant(1), tf.constant(3))[:, 0]
    found = drawing.choose(
        tf.constant(np.tile(LOGITS, (draws, 1)), tf.float32),
        tf.fill([draws], temperature),
        tf.fill([draws], top_k),
        tf.fill([draws], top_p),
        random,
    )
    allowed = sorted(reference.nucleus(LOGITS / temperature, top_k, top_p))
    counts = np.bincount(found, minlength=len(LOGITS))
    assert counts.sum() == counts[allowed].sum()
    expected = np.exp(reference.log_softmax(LOGITS[allowed] / temperature)) * draws
    assert stats.chisquare(counts[allowed], expected).pvalue > 0.01


def test_extreme_temperatures_and_logits() -> None:
    logits = np.tile([1e30, 1.0, -np.inf, 0.0], (4, 1))
    found = drawing.choose(
        tf.constant(logits, tf.float32),
        tf.constant([0.0, -1.0, np.nan, 1e-38]),
        tf.zeros(4, tf.int32),
        tf.ones(4),
        tf.fill([4], 0.999),
    )
    assert found.numpy().tolist() == [0, 0, 0, 0]
    hot = drawing.choose(
        tf.constant([[3.0, -np.inf, 0.0]] * 2),
        tf.fill([2], np.inf),
        *(tf.zeros(2, tf.int32), tf.ones(2)),
        tf.constant([0.0, 0.99999]),
    )
    assert hot.numpy().tolist() == [0, 2]
