"""The wide linear part against NumPy written from its definition, and the dropout of words."""

from __future__ import annotations

import numpy as np
import pytest

from tidegate.models.text_classification.ngrams import NgramLogits, WordDropout

ROWS = [[5, 9, 2, 2, 7], [3], [4, 4], [1, 1, 1, 1], [20_001, 6, 20_001]]


def batch(rows: list[list[int]], steps: int | None = None) -> np.ndarray:
    steps = steps or max(map(len, rows))
    return np.array([row + [0] * (steps - len(row)) for row in rows], np.int64)


def layer(classes: int = 3, longest: int = 2, buckets: int = 97, seed: int = 0) -> NgramLogits:
    made = NgramLogits(classes, longest, buckets)
    made.build((None, None))
    random = np.random.default_rng(seed)
    made.set_weights([random.normal(size=(buckets, classes))])
    return made


def by_definition(row: list[int], table: np.ndarray, longest: int) -> np.ndarray:
    """8 times the sum of the row's n-grams' weights over the root of their number."""

    def wrap(number: int) -> int:  # to int32, as two's complement
        return (number + 2**31) % 2**32 - 2**31

    total, count = np.zeros(table.shape[1]), 0
    for n in range(1, longest + 1):
        for start in range(len(row) - n + 1):
            gram = 0
            for place, token in enumerate(row[start : start + n]):
                gram = wrap(gram * 1_000_003 + token * 97 + place)
            total += table[(gram ^ (gram >> 15)) % len(table)]
            count += 1
    return 8 * total / np.sqrt(max(count, 1))


@pytest.mark.parametrize("longest", [1, 2, 3, 4, 5])
def test_like_numpy(longest: int) -> None:
    made = layer(longest=longest)
    expected = [by_definition(row, made.get_weights()[0], longest) for row in ROWS]
    np.testing.assert_allclose(made(batch(ROWS)), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("longest", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("steps", [1, 2, 3, 4])
def test_batches_shorter_than_an_ngram(steps: int, longest: int) -> None:
    made, row = layer(longest=longest), [7, 3, 9, 4][:steps]
    expected = by_definition(row, made.get_weights()[0], longest)
    np.testing.assert_allclose(made(batch([row]))[0], expected, rtol=1e-5, atol=1e-6)


def test_more_padding_changes_nothing() -> None:
    made = layer(longest=3)
    expected = np.asarray(made(batch(ROWS)))
    for steps in (6, 9, 40):
        np.testing.assert_allclose(made(batch(ROWS, steps)), expected, atol=1e-6)


def test_zero_before_training() -> None:
    made = NgramLogits(4, 3, 64)
    np.testing.assert_array_equal(made(batch(ROWS)), np.zeros((len(ROWS), 4)))


def test_order_and_neighbours_matter() -> None:
    made = layer(longest=2, buckets=100_003)
    one, other = np.asarray(made(batch([[5, 6, 7], [7, 6, 5]])))
    assert np.abs(one - other).max() > 1e-3
    single = layer(longest=1, buckets=100_003)
    one, other = np.asarray(single(batch([[5, 6, 7], [7, 6, 5]])))
    np.testing.assert_allclose(one, other, rtol=1e-5)


def test_hashes_are_spread_like_random_ones() -> None:
    # One class whose weights are the buckets' own numbers shows where a bigram goes.
    buckets = 2**14
    made = NgramLogits(1, 2, buckets)
    made.build((None, None))
    made.set_weights([np.arange(buckets, dtype=np.float32)[:, None]])
    single = NgramLogits(1, 1, buckets)
    single.build((None, None))
    single.set_weights(made.get_weights())
    random = np.random.default_rng(1)
    pairs = np.unique(random.zipf(1.3, (40_000, 2)) % 20_000 + 2, axis=0)
    both = np.asarray(made(pairs))[:, 0] * np.sqrt(3) / 8
    alone = np.asarray(single(pairs))[:, 0] * np.sqrt(2) / 8
    places = np.rint(both - alone).astype(int)
    assert places.min() >= 0 and places.max() < buckets
    counts = np.bincount(places, minlength=buckets)
    # Balls in bins: the share of bins that stay empty is exp(-balls / bins).
    assert np.mean(counts == 0) == pytest.approx(np.exp(-len(pairs) / buckets), abs=0.05)


def test_config_round_trip() -> None:
    made = layer(classes=5, longest=3, buckets=31)
    again = NgramLogits.from_config(made.get_config())
    again.build((None, None))
    again.set_weights(made.get_weights())
    np.testing.assert_array_equal(again(batch(ROWS)), made(batch(ROWS)))


def test_dropout_of_ngrams_in_training_keeps_the_mean() -> None:
    made = NgramLogits(1, 1, 97, dropout=0.25)
    made.build((None, None))
    made.set_weights([np.ones((97, 1))])
    rows = np.tile(np.arange(1, 17), (2000, 1))
    dropped = np.asarray(made(rows, training=True))[:, 0]
    # 16 unigrams of weight 1: each sum is a binomial number of survivors over the kept share.
    np.testing.assert_allclose(made(rows)[:, 0], 8 * 16 / 4)
    assert dropped.mean() == pytest.approx(32.0, rel=0.02)
    survivors = np.rint(dropped * 4 / 8 * 0.75)
    assert survivors.var() == pytest.approx(16 * 0.75 * 0.25, rel=0.15)
    np.testing.assert_allclose(dropped, survivors / 0.75 * 8 / 4, rtol=1e-5)


def test_words_become_unknown_in_training_alone() -> None:
    layer = WordDropout(0.3, unknown=1)
    tokens = np.tile(np.array([5, 6, 7, 8, 0, 0]), (2000, 1))
    np.testing.assert_array_equal(layer(tokens), tokens)
    found = np.asarray(layer(tokens, training=True))
    assert found.dtype == tokens.dtype
    assert (found[:, 4:] == 0).all()  # padding stays padding
    assert ((found == tokens) | (found == 1))[:, :4].all()
    assert np.mean(found[:, :4] == 1) == pytest.approx(0.3, abs=0.02)
    assert (np.asarray(layer(tokens, training=True)) != found).any()
    np.testing.assert_array_equal(WordDropout(0.0, 1)(tokens, training=True), tokens)
