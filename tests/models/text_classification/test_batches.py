"""Length-bucketed batches: every row once, repeatable, little padding."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tidegate.models.text.buckets import bucket_boundaries
from tidegate.models.text_classification.batches import batches
from tidegate.models.text_classification.settings import FeatureSettings, ModelSettings

Rows = Callable[..., list[dict[str, Any]]]


def dataset(rows: list[dict[str, Any]]) -> tf.data.Dataset:
    """Transformed examples as `read_examples` gives them: sparse tokens."""
    lengths = [len(row["tokens"]) for row in rows]
    flat = np.concatenate([row["tokens"] for row in rows])
    columns = {
        "tokens": tf.RaggedTensor.from_row_lengths(flat, lengths),
        "target": np.array([row["target"] for row in rows]),
        "weight": np.array([row["weight"] for row in rows]),
    }
    columns["words"] = columns["tokens"]
    columns["text"] = np.array([" a b "] * len(rows))
    dense = tf.data.Dataset.from_tensor_slices(columns)
    # from_dense would drop a token 0, which no row holds.
    return dense.map(
        lambda row: {**row, **{k: tf.sparse.from_dense(row[k]) for k in ("tokens", "words")}}
    )


def cut(
    rows: list[dict[str, Any]],
    batch_size: int = 4,
    seed: int | None = None,
    longest: int = 30,
    balance: float = 1.0,
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    found = batches(
        dataset(rows),
        FeatureSettings(max_tokens=longest),
        ModelSettings(class_balance=balance),
        batch_size,
        seed,
    )
    for inputs, target, weight in found:
        # What gradients do not train is not read in training.
        widths = [inputs[name].shape[1] for name in ("words", "characters")]
        assert widths == [0, 0] if seed is not None else [inputs["tokens"].shape[1], 5]
        yield inputs["tokens"].numpy(), target.numpy(), weight.numpy()


def unpadded(tokens: np.ndarray) -> list[tuple[int, ...]]:
    return [tuple(row[row != 0].tolist()) for row in tokens]


def test_every_row_once_with_its_own_target_and_weight(rows: Rows) -> None:
    lengths = [1, 2, 3, 4, 5, 6, 29, 30, 30, 30, 12, 13, 1, 1, 8, 9, 10, 30, 30]
    made = rows(lengths)
    expected = sorted(
        (tuple(row["tokens"].tolist()), int(row["target"]), float(row["weight"])) for row in made
    )
    found = []
    for tokens, target, weight in cut(made):
        assert len(tokens) <= 4
        found += zip(unpadded(tokens), target.tolist(), weight.tolist(), strict=True)
    assert sorted(found) == expected


def test_padding_is_on_the_right_and_to_the_longest_row(rows: Rows) -> None:
    for tokens, _, _ in cut(rows([3, 1, 2, 3, 17, 18, 17])):
        real = tokens != 0
        assert real.any(axis=1).all()  # cuDNN stops on an empty row
        assert real.any(axis=0).all()
        assert (np.diff(real.astype(int), axis=1) <= 0).all()


def test_without_a_seed_the_order_is_the_same_every_time(rows: Rows) -> None:
    made = rows([5] * 9)
    first, again = (list(cut(made)) for _ in range(2))
    assert [t.tolist() for t, _, _ in first] == [t.tolist() for t, _, _ in again]
    assert [row[0] // 10 for tokens, _, _ in first for row in tokens] == list(range(9))


def take(rows: list[dict[str, Any]], seed: int, count: int = 12) -> list[Any]:
    return [tokens.tolist() for tokens, _, _ in itertools.islice(cut(rows, seed=seed), count)]


def test_with_a_seed_shuffled_without_end_and_repeatable(rows: Rows) -> None:
    made = rows([5] * 16)
    first = take(made, seed=1)
    assert first == take(made, seed=1)
    assert first != take(made, seed=2)
    epochs = [[row[0] // 10 for batch in first[k : k + 4] for row in batch] for k in (0, 4, 8)]
    for epoch in epochs:  # each pass holds every row once, in an order of its own
        assert sorted(epoch) == list(range(16))
        assert epoch != sorted(epoch)
    assert epochs[0] != epochs[1]


def test_a_full_batch_each_with_a_seed(rows: Rows) -> None:
    sizes = {len(batch) for batch in take(rows([3, 9, 30] * 5), seed=3, count=9)}
    assert sizes == {4}


@pytest.mark.parametrize("balance", [0.0, 0.5, 1.0])
def test_weights_are_raised_to_the_balance(balance: float, rows: Rows) -> None:
    ((_, _, weight),) = cut(rows([5, 5, 5, 5]), balance=balance)
    np.testing.assert_allclose(weight, np.array([0.25, 0.5, 0.75, 1.0]) ** balance, rtol=1e-6)


@pytest.mark.parametrize("longest", [1, 3, 4, 5, 50, 400, 401])
def test_boundaries_rise_to_the_longest(longest: int) -> None:
    found = bucket_boundaries(longest)
    assert found == sorted(set(found))
    assert found[-1] >= longest
    assert all(
        later <= max(1.2 * earlier, earlier + 2) for earlier, later in itertools.pairwise(found)
    )


def test_rows_longer_than_stated_still_come(rows: Rows) -> None:
    found = [row for tokens, _, _ in cut(rows([3, 40, 55]), longest=5) for row in unpadded(tokens)]
    assert sorted(len(row) for row in found) == [3, 40, 55]


@pytest.mark.parametrize("seed", [None, 0])
def test_little_of_the_work_is_padding(seed: int | None, rows: Rows) -> None:
    # Word counts of film reviews: log-normal with a median of 174 and a mean of about 233
    # (Maas et al. 2011), truncated at 400.
    random = np.random.default_rng(0)
    lengths = np.clip(random.lognormal(np.log(174), 0.73, 1200).astype(int), 1, 400)
    found = itertools.islice(cut(rows(lengths), 16, seed, longest=400), 100)
    sizes = [(tokens.size, np.count_nonzero(tokens)) for tokens, _, _ in found]
    padded, real = np.sum(sizes, axis=0)
    assert 1 - real / padded < 0.15
