"""Word vectors from the training texts against a dense computation of the same formula."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tidegate.models.core.settings import InputFile
from tidegate.models.text_classification.model import EMBEDDING, build_model
from tidegate.models.text_classification.settings import FeatureSettings, ModelSettings
from tidegate.models.text_classification.vectors import fitted, warm_start, word_vectors
from tidegate.tables.errors import InputError

SIZE = 12
ROWS = [
    np.array([2, 3, 4, 2, 3, 5, 1, 6]),
    np.array([7]),
    np.array([8, 9, 8, 9, 2, 3, 4, 5, 6, 2]),
    np.array([1, 10, 1, 1, 1, 1, 1, 10]),
]


def information(rows: list[np.ndarray], size: int) -> np.ndarray:
    """PPMI by its definition, pair by pair: window 5, weight 1 / distance, exponent 0.75."""
    counts = np.zeros((size, size))
    for row in rows:
        for i, left in enumerate(row):
            for j, right in enumerate(row):
                if i != j and abs(i - j) <= 5 and left >= 2 and right >= 2:
                    counts[left, right] += 1 / abs(i - j)
    joint = counts / counts.sum()
    word = joint.sum(axis=1)
    context = word**0.75 / (word**0.75).sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.log(joint / np.outer(word, context))
    return np.where(np.isfinite(found) & (found > 0), found, 0.0)


def cosines(vectors: np.ndarray) -> np.ndarray:
    """Between all pairs: unlike the vectors, they do not depend on the basis."""
    length = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    scaled = vectors / length
    result: np.ndarray = scaled @ scaled.T
    return result


@pytest.mark.parametrize("width", [2, 4, 6])
def test_like_a_dense_decomposition(width: int) -> None:
    left, strength, _ = np.linalg.svd(information(ROWS, SIZE))
    expected = left[:, :width] * np.sqrt(strength[:width])
    found = word_vectors(ROWS, SIZE, width, seed=0)
    known = np.any(found, axis=1)
    np.testing.assert_allclose(
        cosines(found)[np.ix_(known, known)], cosines(expected)[np.ix_(known, known)], atol=1e-4
    )


def test_vectors_are_of_one_length_and_zero_without_a_neighbour() -> None:
    found = word_vectors(ROWS, SIZE, 6, seed=0)
    assert found.shape == (SIZE, 6) and found.dtype == np.float32
    known = np.flatnonzero(np.any(found, axis=1)).tolist()
    # 0 and 1 are no words, 7 stands alone, 10 has its like beyond the window, 11 does not occur.
    assert known == [2, 3, 4, 5, 6, 8, 9]
    np.testing.assert_allclose(np.linalg.norm(found[known], axis=1), 0.3 * np.sqrt(6), rtol=1e-5)


def test_words_in_like_company_are_alike() -> None:
    random = np.random.default_rng(0)
    # Ids 2 and 3 stand among 10 to 14, ids 4 and 5 among 15 to 19.
    rows = []
    for _ in range(400):
        word = random.integers(2, 6)
        around = random.integers(10, 15, 6) + (5 if word > 3 else 0)
        rows.append(np.insert(around, 3, word))
    similar = cosines(word_vectors(rows, 20, 5, seed=0))
    assert similar[2, 3] > 0.8 and similar[4, 5] > 0.8
    assert max(similar[2, 4], similar[2, 5], similar[3, 4], similar[3, 5]) < 0.3


@pytest.mark.parametrize("rows", [[], [np.array([5])], [np.array([1, 1, 0])]])
def test_no_pair_of_words_gives_zeros(rows: list[np.ndarray]) -> None:
    np.testing.assert_array_equal(word_vectors(rows, 8, 3, seed=0), np.zeros((8, 3)))


def test_wider_than_the_vocabulary() -> None:
    found = word_vectors(ROWS, SIZE, 40, seed=0)
    assert found.shape == (SIZE, 40) and np.isfinite(found).all()
    assert np.any(found)


def examples() -> tf.data.Dataset:
    ragged = tf.ragged.constant([row.tolist() for row in ROWS], dtype=tf.int64)
    dataset = tf.data.Dataset.from_tensor_slices(ragged)
    return dataset.map(lambda row: {"tokens": tf.sparse.from_dense(row)})


def test_only_the_embedding_of_known_words_is_replaced(facts: Callable[..., Any]) -> None:
    model = ModelSettings(embedding=6, units=4, linear_weights=64)
    made = facts(tokens=SIZE - 2)
    network = build_model(model, FeatureSettings(), made)
    before = {one.path: np.array(one) for one in network.variables}
    warm_start(network, examples(), model, 0, made)
    changed = [one.path for one in network.variables if (before[one.path] != np.array(one)).any()]
    assert changed == [network.get_layer(EMBEDDING).weights[0].path]
    expected = word_vectors(ROWS, SIZE, 6, seed=0)
    known = np.any(expected, axis=1)
    (table,) = network.get_layer(EMBEDDING).get_weights()
    np.testing.assert_allclose(table[known], expected[known], atol=1e-5)
    np.testing.assert_array_equal(table[~known], before[changed[0]][~known])


def test_can_be_switched_off(facts: Callable[..., Any]) -> None:
    model = ModelSettings(embedding=6, units=4, linear_weights=64, word_vectors=False)
    made = facts(tokens=SIZE - 2)
    network = build_model(model, FeatureSettings(), made)
    before = network.get_weights()
    warm_start(network, examples(), model, 0, made)
    for one, other in zip(network.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_embedding_starts_from_the_vectors_of_a_file(
    facts: Callable[..., Any], tmp_path: Path
) -> None:
    given = np.random.default_rng(0).normal(size=(SIZE - 4, 3))
    path = tmp_path / "some.vec"
    path.write_text(
        "".join(f"T{at} {' '.join(map(str, row))}\n" for at, row in enumerate(given.tolist()))
    )
    made = facts(tokens=SIZE - 2)
    model = ModelSettings(embedding=3, units=4, linear_weights=64, vectors=InputFile(path))
    network = build_model(model, FeatureSettings(), made)
    (before,) = network.get_layer(EMBEDDING).get_weights()
    warm_start(network, examples(), model, 0, made)
    (table,) = network.get_layer(EMBEDDING).get_weights()
    np.testing.assert_allclose(
        table[2:-2], 0.3 * given / np.sqrt(np.square(given).mean()), rtol=1e-5
    )
    # Unknown tokens, and those that the file lacks.
    for rows in (slice(2), slice(-2, None)):
        np.testing.assert_array_equal(table[rows], before[rows])

    path.write_text("elsewhere 1 2 3\n")
    with pytest.raises(InputError, match=r"^model.vectors=.*some.vec: has none of the 10 tokens"):
        warm_start(network, examples(), model, 0, made)


def test_wider_vectors_keep_their_products_as_near_as_can_be() -> None:
    chance = np.random.default_rng(0)
    given = chance.normal(size=(20, 4)) @ chance.normal(size=(4, 9))  # Of rank 4.
    given[3] = 0
    found = fitted(given.astype(np.float32), np.ones((20, 4), np.float32), seed=0)
    np.testing.assert_allclose(cosines(found), cosines(given), atol=1e-4)
    assert not found[3].any()
    # Narrower ones leave the rest of an embedding as it starts.
    found = fitted(given[:, :2].astype(np.float32), np.full((20, 4), 7, np.float32), seed=0)
    assert (found[4:, 2:] == 7).all() and not found[3].any()
    assert np.square(found[4:, :2]).mean() == pytest.approx(0.09, rel=0.2)
