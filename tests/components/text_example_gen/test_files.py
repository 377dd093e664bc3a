"""The files of a long text: in its order, and few of them open."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import tensorflow as tf

from tidegate.components.example_gen.report import RowReport
from tidegate.components.text_example_gen import executor
from tidegate.components.text_example_gen.pieces import Piece


def test_a_split_has_one_file_open_however_many_it_fills(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executor, "_FILE", 40)
    pieces = [Piece("train" if at % 3 else "eval", f"{at:020d}", 0) for at in range(60)]
    before = len(os.listdir("/proc/self/fd"))
    opened = []

    def read() -> Iterator[Piece]:
        for piece in pieces:
            opened.append(len(os.listdir("/proc/self/fd")) - before)
            yield piece

    assert executor._write(read(), str(tmp_path), RowReport()) == {"train": 800, "eval": 400}
    assert max(opened) == 2
    for split, count in (("train", 20), ("eval", 10)):
        paths = sorted(map(str, (tmp_path / f"Split-{split}").iterdir()))
        assert len(paths) == count
        stored = [
            tf.train.Example.FromString(record.numpy()).features.feature["text"].bytes_list.value
            for record in tf.data.TFRecordDataset(paths, "GZIP")
        ]
        expected = [piece.text.encode() for piece in pieces if piece.split == split]
        assert [text for (text,) in stored] == expected
