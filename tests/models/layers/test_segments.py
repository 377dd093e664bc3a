"""Segments end where the sequence ends."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.models.layers.segments import Segments


@settings(max_examples=30, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 11), min_size=1, max_size=4),
    more=st.integers(0, 5),
    segment=st.integers(1, 5),
)
def test_segments_are_those_of_a_loop(lengths: list[int], more: int, segment: int) -> None:
    steps = max(lengths) + more
    sequence = np.zeros((len(lengths), steps, 2), np.float32)
    for row, length in enumerate(lengths):
        sequence[row, :length, 0] = 100 * row + np.arange(1, length + 1)
        sequence[row, :length, 1] = -1
    mask = np.arange(steps) < np.array(lengths)[:, None]
    found, there = (np.asarray(one) for one in Segments(segment)(sequence, mask))
    count = -(-steps // segment)
    assert found.shape == (len(lengths), count, segment, 2)
    assert there.shape == (len(lengths), count)
    for row, length in enumerate(lengths):
        own = -(-length // segment)
        flat = np.zeros((own * segment, 2), np.float32)
        flat[own * segment - length :] = sequence[row, :length]
        np.testing.assert_array_equal(found[row, :own], flat.reshape(own, segment, 2))
        assert not found[row, own:].any()
        assert there[row].tolist() == [True] * own + [False] * (count - own)


@pytest.mark.parametrize("segment", [0, -1, 2.0, True])
def test_a_bad_size_is_refused(segment: object) -> None:
    with pytest.raises(ValueError, match="expected a whole number"):
        Segments(segment)  # type: ignore[arg-type]
