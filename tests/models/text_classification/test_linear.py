"""N-grams and the linear part against scikit-learn's TF-IDF and logistic regression."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import normalize

from tidegate.models.text_classification import grams
from tidegate.models.text_classification.linear import LinearLogits, columns_for
from tidegate.models.text_classification.logistic import fit, log_softmax, sureness

TEXTS = ["the tide turns the tide", "a", "水闸随潮水开合 水", "", "xx xx xx yy", "abcdefgh the"]
WORDS = 2


def padded(rows: list[list[int]], more: int = 0) -> np.ndarray:
    steps = max(map(len, rows)) + more
    return np.array([row + [0] * (steps - len(row)) for row in rows], np.int32)


def words(texts: list[str], more: int = 0) -> np.ndarray:
    numbers = {word: 1 + 7919 * k for k, word in enumerate(sorted(set(" ".join(texts).split())))}
    return padded([[numbers[word] for word in text.split()] for text in texts], more)


def characters(texts: list[str], more: int = 0) -> np.ndarray:
    spaced = [f" {' '.join(text.split())} " if text else "" for text in texts]
    return padded([[ord(one) for one in text] for text in spaced], more)


def counts(block: list[tuple[Any, Any]]) -> list[list[int]]:
    """How often each row has its n-grams, in ascending order."""
    weights = np.concatenate([np.asarray(one) for _, one in block], axis=1)
    return [np.rint(np.exp(np.sort(row[row > 0]) - 1)).astype(int).tolist() for row in weights]


def expected(vectorizer: CountVectorizer) -> scipy.sparse.csr_matrix:
    return vectorizer.fit_transform(TEXTS)


@pytest.mark.parametrize("longest", [1, 2, 3])
@pytest.mark.parametrize("more", [0, 5])
def test_words_are_counted_as_in_scikit_learn(longest: int, more: int) -> None:
    whole = CountVectorizer(token_pattern=r"\S+", ngram_range=(1, longest))
    found = counts(grams.word_grams(words(TEXTS, more), longest))
    assert found == [sorted(row.data.tolist()) for row in expected(whole)]


@pytest.mark.parametrize("n", [1, 2, 3, 5])
@pytest.mark.parametrize("more", [0, 5])
def test_characters_are_counted_within_words_and_with_their_borders(n: int, more: int) -> None:
    def cut(text: str) -> list[str]:
        spaced = [f" {word} " for word in text.split()]
        found = [one[k : k + n] for one in spaced for k in range(len(one) - n + 1)]
        return [one for one in found if one != " "]

    found = counts([grams.character_grams(characters(TEXTS, more), 5)[n - 1]])
    rows = expected(CountVectorizer(analyzer=cut))
    assert found == [sorted(row.data.tolist()) for row in rows]
    if n == 2:  # No word is shorter: scikit-learn takes it as it is, for each n.
        rows = expected(CountVectorizer(analyzer="char_wb", lowercase=False, ngram_range=(2, 2)))
        assert found == [sorted(row.data.tolist()) for row in rows]


def test_different_ngrams_have_different_hashes() -> None:
    random = np.random.default_rng(0)
    pairs = np.unique(random.integers(1, 500, (30_000, 2)), axis=0).astype(np.int32)
    for found in (grams.word_grams(pairs, 2), grams.character_grams(pairs + 32, 2)):
        hashes, weights = (np.asarray(one) for one in found[1])
        assert len(np.unique(hashes[weights > 0])) > 0.9999 * len(pairs)
    one, other = (
        grams.word_grams(np.array([pair], np.int32), 2)[1][0] for pair in ([3, 5], [5, 3])
    )
    assert np.asarray(one)[0, 0] != np.asarray(other)[0, 0]


def known(more: int = 0) -> tuple[LinearLogits, np.ndarray, np.ndarray, np.ndarray]:
    """A layer with random weights for all n-grams of `TEXTS`, and its inputs and table."""
    layer = LinearLogits(3, 200, 2, 3)
    layer.build((None, None), (None, None))
    inputs = words(TEXTS, more), characters(TEXTS, more)
    found = [grams.word_grams(inputs[0], 2), grams.character_grams(inputs[1], 3)]
    keys = np.unique(np.concatenate([np.ravel(one) for block in found for one, _ in block]))[:-1]
    random = np.random.default_rng(0)
    idf, table = random.uniform(1, 3, len(keys)), random.normal(size=(len(keys), 3))
    layer.set_columns(keys, idf, table, np.array([0.1, 0.2, 0.3]))
    return layer, *inputs, table


@pytest.mark.parametrize("more", [0, 9])
def test_logits_are_linear_in_tfidf(more: int) -> None:
    layer, some_words, some_characters, table = known(more)
    keys, idf = np.asarray(layer.keys), np.asarray(layer.idf)
    total = np.tile([0.1, 0.2, 0.3], (len(TEXTS), 1))
    for block in (grams.word_grams(some_words, 2), grams.character_grams(some_characters, 3)):
        matrix = np.zeros((len(TEXTS), len(table)))
        for hashes, weights in block:
            rows, places = np.nonzero(np.asarray(weights))
            columns = np.searchsorted(keys, np.asarray(hashes)[rows, places])
            matrix[rows, columns] = np.asarray(weights)[rows, places] * idf[columns]
        total += normalize(matrix) @ table
    np.testing.assert_allclose(layer(some_words, some_characters), total, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(layer(some_words, some_characters, training=True), 0)


def test_unknown_ngrams_count_nothing_and_too_many_are_refused() -> None:
    layer = known()[0]
    other = layer(np.array([[123_456_789]]), np.array([[0x263A]]))
    np.testing.assert_allclose(other, [[0.1, 0.2, 0.3]], rtol=1e-6)
    for keys in (np.arange(201), np.array([2, 1])):
        with pytest.raises(ValueError, match="ascending"):
            layer.set_columns(keys, np.zeros(2), np.zeros((2, 3)), np.zeros(3))


@pytest.mark.parametrize(
    "weights,classes,columns", [(192, 3, 64), (64, 77, 16), (2**22, 2, 2**18), (2**22, 77, 54_471)]
)
def test_columns_that_the_weights_allow(weights: int, classes: int, columns: int) -> None:
    assert columns_for(weights, classes) == columns


def sample(classes: int, rows: int = 300) -> tuple[scipy.sparse.csr_matrix, np.ndarray]:
    random = np.random.default_rng(classes)
    counted = scipy.sparse.random(rows, 60, 0.1, "csr", random_state=1, data_rvs=random.random)
    matrix = TfidfTransformer(sublinear_tf=True).fit_transform(counted + counted.power(2))
    scores = matrix @ random.normal(size=(60, classes)) + random.gumbel(size=(rows, classes)) / 3
    return matrix.astype(np.float32).tocsr(), scores.argmax(axis=1)


@pytest.mark.parametrize("classes", [2, 5])
@pytest.mark.parametrize("c", [1.0, 30.0])
def test_logistic_regression_is_scikit_learns(classes: int, c: float) -> None:
    matrix, targets = sample(classes)
    weights = fit(matrix, targets, classes, c, most=500)
    # Two columns share the weights of scikit-learn's one: |w|^2 / 2 is then half as much.
    like = LogisticRegression(C=2 * c if classes == 2 else c, max_iter=2000, tol=1e-8)
    like.fit(matrix, targets)
    found = log_softmax(matrix @ weights[:-1] + weights[-1])
    np.testing.assert_allclose(np.exp(found), like.predict_proba(matrix), atol=0.02)
    assert np.array_equal(fit(matrix, targets, classes, c, most=500), weights)


def test_logits_that_are_too_sure_are_made_less_so() -> None:
    random = np.random.default_rng(0)
    honest = random.normal(0, 2, (4000, 4))
    targets = np.array([random.choice(4, p=np.exp(one)) for one in log_softmax(honest)])
    for scale in (0.5, 1.0, 3.0):
        assert sureness(scale * honest, targets)[0] == pytest.approx(1 / scale, rel=0.06)
    assert sureness(3.0 * honest[:0], targets[:0], expected=0.7)[0] == pytest.approx(0.7, rel=1e-3)
