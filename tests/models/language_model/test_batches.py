"""Lanes: every token once, each where the one before it has ended, and the state follows."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from tidegate.models.language_model.batches import batches, count
from tidegate.models.language_model.settings import FeatureSettings, ModelSettings
from tidegate.models.text.reversible import BORDER_ID

# (tokens, part): a document, one in two pieces, an empty one, and a short one.
DOCUMENTS = (
    (range(10, 30), 0),
    (range(30, 35), 0),
    (range(35, 40), 1),
    ((), 0),
    ((7, 8), 0),
)
STREAM = [2, *range(10, 30), 2, *range(30, 40), 2, 2, 7, 8]
MODEL = ModelSettings(window=4, lane=8)


def examples() -> tf.data.Dataset:
    def rows() -> Any:
        for tokens, part in DOCUMENTS:
            yield {"tokens": np.array(tokens, np.int64), "part": np.int64(part)}

    signature = {
        "tokens": tf.TensorSpec((None,), tf.int64),
        "part": tf.TensorSpec((), tf.int64),
    }
    found = tf.data.Dataset.from_generator(rows, output_signature=signature)
    return found.map(
        lambda one: {"tokens": tf.sparse.from_dense(one["tokens"]), "part": one["part"]}
    )


def lanes(found: tf.data.Dataset) -> list[list[tuple[int, int]]]:
    """(token, target) of what counts, by the piece of a lane that they stand in."""
    pieces: list[list[tuple[int, int]]] = []
    current: list[list[tuple[int, int]]] = []
    for inputs, target, weight in found:
        np.testing.assert_array_equal(inputs["targets"], target)
        begins = inputs["begins"].numpy()
        assert begins.all() or not begins.any()
        if begins.all():
            pieces += current
            current = [[] for _ in begins]
        for lane, *row in zip(current, inputs["tokens"], target, weight, strict=True):
            each = zip(*(one.numpy().tolist() for one in row), strict=True)
            lane += [(token, following) for token, following, counts in each if counts]
    return [piece for piece in pieces + current if piece]


def test_without_a_seed_each_token_comes_once_and_in_order() -> None:
    pieces = lanes(batches(examples(), FeatureSettings(), MODEL, 3, None))
    assert [target for piece in pieces for _, target in piece] == STREAM
    tokens = [token for piece in pieces for token, _ in piece]
    assert tokens == [BORDER_ID, *STREAM[:-1]]
    assert max(map(len, pieces)) == 8  # `lane`


def test_with_a_seed_pieces_are_mixed_and_repeat_and_stay_on_end() -> None:
    def some(seed: int) -> list[list[tuple[int, int]]]:
        return lanes(batches(examples(), FeatureSettings(), MODEL, 3, seed).take(40))

    found, again, other = some(1), some(1), some(2)
    assert found == again != other
    endless = STREAM * 3
    there = {tuple(endless[at : at + 8]) for at in range(2 * len(STREAM))}
    for piece in found:
        assert len(piece) == 8
        assert [token for token, _ in piece[1:]] == [target for _, target in piece[:-1]]
        assert tuple(target for _, target in piece) in there
    assert {target for piece in found for _, target in piece} == set(STREAM)


def test_the_windows_of_a_pass_are_counted() -> None:
    tokens = sum(len(tokens) for tokens, _ in DOCUMENTS)
    assert count(examples(), FeatureSettings(), MODEL) == tokens // 4
