"""Files of word vectors as fastText, word2vec and GloVe write them."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from tidegate.models.text.vector_files import read_vectors
from tidegate.tables.errors import InputError

WORDS = ["the", "donʼt", "天", "nowhere", ". ."]
ENTRIES = (
    "The 9 9 9\n"  # Another spelling gives way to the word itself, wherever that stands.
    "the 1 2 3\n"
    "THE 8 8 8\n"
    "天 -1 0.5 2e-1\n"
    "Don't 4 5 6\n"
    "don't 7 7 7\n"  # The first of those that differ by capitals is the most frequent.
    ". . 0 0 1\n"
)
EXPECTED = [[1, 2, 3], [4, 5, 6], [-1, 0.5, 0.2], [0, 0, 0], [0, 0, 1]]


@pytest.mark.parametrize("head", ["", "7 3\n"])
@pytest.mark.parametrize("end", ["\n", " \n", "\r\n"])
@pytest.mark.parametrize("name", ["a.vec", "a.txt.gz"])
def test_the_forms_that_are_about(head: str, end: str, name: str, tmp_path: Path) -> None:
    content = (head + ENTRIES).replace("\n", end).encode()
    path = tmp_path / name
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    np.testing.assert_array_equal(read_vectors(str(path), WORDS), np.array(EXPECTED, np.float32))


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"", "a.vec: no word vectors"),
        (b"the 1 2\nof 1\n", r"a.vec:2: not a word vector: expected a word and 2 numbers"),
        (b"of 1 2\nthe 1 x\n", r"a.vec:2: not a word vector: expected a word and 2 numbers"),
        (b"\x93\x16\x00\x00 binary\n", r"a.vec:1: .* the text form, not .bin"),
    ],
)
def test_another_file_is_one_line_that_names_the_place(
    content: bytes, line: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.vec"
    path.write_bytes(content)
    with pytest.raises(InputError, match=line):
        read_vectors(str(path), WORDS)


def test_half_a_file_and_none(tmp_path: Path) -> None:
    path = tmp_path / "a.vec.gz"
    path.write_bytes(gzip.compress(ENTRIES.encode() * 99)[:-9])
    with pytest.raises(InputError, match=r"a.vec.gz: cannot be read: "):
        read_vectors(str(path), WORDS)
    with pytest.raises(InputError, match=r"none.vec: cannot be read: "):
        read_vectors(str(tmp_path / "none.vec"), WORDS)
