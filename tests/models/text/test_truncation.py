"""Truncation against plain lists, with lengths around the limit."""

from __future__ import annotations

from typing import Literal

import pytest
import tensorflow as tf
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tidegate.models.text.tokens import UNKNOWN_ID, truncate
from tidegate.models.text_classification.settings import FeatureSettings

Truncation = Literal["head", "head_tail"]


def plain(row: list[int], most: int, how: Truncation) -> list[int]:
    """What `truncate` does to a row, on a list."""
    if not row:
        return [UNKNOWN_ID]
    if len(row) <= most or how == "head":
        return row[:most]
    first = (most + 1) // 2
    last = most - first
    return row[:first] + row[len(row) - last :]


def truncated(rows: list[list[int]], most: int, how: Truncation) -> list[list[int]]:
    ids = tf.ragged.constant(rows, dtype=tf.int64, ragged_rank=1)
    found = truncate(ids, FeatureSettings(max_tokens=most, truncation=how))
    in_order = tf.sparse.reorder(found)
    tf.debugging.assert_equal(found.indices, in_order.indices)
    assert found.dense_shape[1] == max(len(row) for row in tf.RaggedTensor.from_sparse(found))
    rows_found: list[list[int]] = tf.RaggedTensor.from_sparse(found).to_list()
    return rows_found


def rows_of(lengths: list[int]) -> list[list[int]]:
    """Ids that are all different, so that a test sees which ones stay."""
    return [[100 * row + place + 2 for place in range(n)] for row, n in enumerate(lengths)]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(0, 20), min_size=1, max_size=6),
    st.integers(1, 12),
    st.sampled_from(["head", "head_tail"]),
)
@example([0, 1, 2, 3], 1, "head_tail")
@example([4, 5, 6, 9, 10, 11], 5, "head_tail")
@example([0, 0], 3, "head")
def test_like_plain_lists(lengths: list[int], most: int, how: Truncation) -> None:
    rows = rows_of(lengths)
    found = truncated(rows, most, how)
    assert found == [plain(row, most, how) for row in rows]
    assert all(1 <= len(row) <= most for row in found)


@pytest.mark.parametrize(
    "how,most,expected",
    [
        ("head", 3, [1, 2, 3]),
        ("head_tail", 4, [1, 2, 8, 9]),
        ("head_tail", 3, [1, 2, 9]),
        ("head_tail", 1, [1]),
        ("head_tail", 9, [1, 2, 3, 4, 5, 6, 7, 8, 9]),
        ("head_tail", 8, [1, 2, 3, 4, 6, 7, 8, 9]),
    ],
)
def test_by_hand(how: Truncation, most: int, expected: list[int]) -> None:
    assert truncated([[1, 2, 3, 4, 5, 6, 7, 8, 9]], most, how) == [expected]


def test_an_empty_batch_stays_empty() -> None:
    ids = tf.ragged.constant([[5]], dtype=tf.int64)[:0]
    assert truncate(ids, FeatureSettings()).dense_shape[0] == 0
