"""The names of slices by length."""

from __future__ import annotations

import tensorflow as tf

from tidegate.models.text.slices import length_slice


def test_length_slices_meet_without_gap_or_overlap() -> None:
    lengths = [0, 1, 8, 9, 32, 33, 128, 129, 512, 513, 100_000]
    found = length_slice(tf.constant(lengths, tf.int64), (8, 32, 128, 512)).numpy().tolist()
    assert found == [
        *[b"0000-0008"] * 3,
        *[b"0009-0032"] * 2,
        *[b"0033-0128"] * 2,
        *[b"0129-0512"] * 2,
        *[b"0513+"] * 2,
    ]
    assert found == sorted(found)  # in order of length where a person reads them by name
