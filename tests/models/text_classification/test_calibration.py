"""What the linear part reads, and how far each part is trusted."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import scipy.sparse
import tensorflow as tf

from tidegate.models.text_classification.calibration import Reading, Rows, _race, _trust
from tidegate.models.text_classification.linear import LinearLogits

CLASSES = 3


def block(signal: float, rows: int, seed: int) -> tuple[scipy.sparse.csr_matrix, np.ndarray]:
    """Rows of length 1 of which a share tells the class, and the classes."""
    random = np.random.default_rng(seed)
    targets = np.random.default_rng(9).integers(0, CLASSES, rows)
    values = random.normal(size=(rows, 40))
    values[np.arange(rows), targets] += 10 * signal
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    return scipy.sparse.csr_matrix(values.astype(np.float32)), targets


@pytest.mark.parametrize("telling", [0, 1])
@pytest.mark.parametrize("rows", [200, 1_500])
def test_the_race_reads_what_tells_the_classes(telling: int, rows: int) -> None:
    blocks = [block(float(place == telling), rows, place)[0] for place in (0, 1)]
    targets = block(0.0, rows, 0)[1]
    # No column is of both blocks.
    empty = scipy.sparse.csr_matrix((rows, 40), dtype=np.float32)
    apart = [scipy.sparse.hstack(one).tocsr() for one in ((blocks[0], empty), (empty, blocks[1]))]
    found = _race(apart, targets, CLASSES)
    assert found.words > 0.5 if telling == 0 else found.words < 0.5
    alone = _race([apart[0], scipy.sparse.csr_matrix(apart[0].shape)], targets, CLASSES)
    assert alone.words == 1.0


def judged(rows: int, deep: float, linear: float) -> tuple[float, float]:
    """The LSTM's share where the parts' logits have such signals, and what the mean is times."""
    random = np.random.default_rng(0)
    targets = random.integers(0, CLASSES, rows)
    right = np.eye(CLASSES)[targets]
    outputs, other = (
        signal * right + random.normal(size=(rows, CLASSES)) for signal in (deep, linear)
    )
    judges = SimpleNamespace(targets=targets, outputs=outputs)
    share, sure, _ = _trust(judges, np.ones(rows, bool), other, Reading(0.5, 10.0))  # type: ignore[arg-type]
    return share, sure


def test_the_share_follows_from_the_rows_and_needs_many_of_them() -> None:
    many_better, _ = judged(1_000, deep=3.0, linear=1.0)
    many_equal, sure = judged(1_000, deep=2.0, linear=2.0)
    many_useless, _ = judged(1_000, deep=0.0, linear=2.0)
    few_better, _ = judged(15, deep=3.0, linear=1.0)
    assert many_useless < 0.25 < 0.35 < many_equal < 0.65
    assert few_better < 0.4 < many_better
    assert sure > 1.05  # two that err apart and agree may be surer than each
    assert judged(0, 3.0, 1.0) == (0.0, 1.0)


def test_the_rows_of_a_race_do_not_follow_from_the_order_of_batches() -> None:
    random = np.random.default_rng(0)
    words = random.integers(1, 2**31 - 2, (300, 6), np.int32)
    words[:, 4:] *= random.integers(0, 2, (300, 1), np.int32)  # Some are shorter.
    letters = random.integers(97, 123, (300, 9), np.int32)
    letters[:, [0, -1]] = ord(" ")
    layer = LinearLogits(CLASSES, 64, words=2, characters=3)

    def drawn(order: np.ndarray) -> list[int]:
        inputs = {"words": words[order], "characters": letters[order]}
        batches = tf.data.Dataset.from_tensor_slices((inputs, order, order)).batch(32)
        read = Rows(batches, layer, most=10**6)
        return sorted(read.targets[read.sample(100)].tolist())

    once = drawn(np.arange(300))
    assert len(once) == len(set(once)) == 100 and once == drawn(random.permutation(300))
    # From everywhere: places of the first order alone would have a mean of 50.
    assert 120 < np.mean(once) < 180
