"""Word vectors that somebody has learnt: the text form of word2vec, fastText (.vec) and GloVe."""

import gzip
import zlib
from collections.abc import Iterator, Sequence
from typing import IO, cast

import numpy as np
import tensorflow as tf

from tidegate.tables.errors import InputError


def read_vectors(path: str, words: Sequence[str]) -> np.ndarray:
    """The vectors of these words.

    A line holds a word and its numbers, parted by spaces; a first line of two numbers, how many
    words and how wide, is passed over. A word that is not there takes the first entry that differs
    from it by capitals alone: files begin with the most frequent.

    Args:
      path: the file, or its URI; gzip'd where it ends in ``.gz``.
      words: which are looked up; whatever else the file has is not held.

    Returns:
      float32[words, width]; zero for a word that is not there.

    Raises:
      InputError: no such file, or it is of another form; the line is named.
    """
    wanted = {word: at for at, word in enumerate(words)}
    vectors: np.ndarray | None = None
    same = np.zeros(len(words), bool)
    near = np.zeros(len(words), bool)
    for number, width, word, values in _entries(path):
        if vectors is None:
            vectors = np.zeros((len(words), width), np.float32)
        at = wanted.get(word)
        if at is not None:
            if same[at]:
                continue
            same[at] = True
        else:
            at = wanted.get(_folded(word))
            if at is None or same[at] or near[at]:
                continue
            near[at] = True
        try:
            vectors[at] = np.array(values.split(b" "), np.float32)
        except ValueError:
            raise _wrong(path, number, f"expected a word and {width} numbers") from None
    if vectors is None:
        raise InputError(f"{path}: no word vectors; expected a word and its numbers a line")
    return vectors


def _folded(word: str) -> str:
    """As the tokens of a task have it: small letters, the letter apostrophe (U+02BC)."""
    return word.casefold().replace("'", "ʼ").replace("’", "ʼ")


def _entries(path: str) -> Iterator[tuple[int, int, str, bytes]]:
    """(number of the line, width, word, its numbers); the word may hold spaces."""
    width = 0
    for number, line in enumerate(_lines(path), start=1):
        line = line.rstrip(b" \r\n")
        if number == 1 and len(line.split(b" ")) == 2 and line.replace(b" ", b"").isdigit():
            continue
        if not width:
            width = _width(line)
            if not width:
                raise _wrong(
                    path, number, "expected a word and its numbers: the text form, not .bin"
                )
        parts = line.rsplit(b" ", width)
        if len(parts) != width + 1:
            raise _wrong(path, number, f"expected a word and {width} numbers")
        word = parts[0].decode("utf-8", "replace")
        yield number, width, word, line[len(parts[0]) + 1 :]


def _width(line: bytes) -> int:
    """How many numbers end a line, of which the first part is a word."""
    width = 0
    for part in reversed(line.split(b" ")[1:]):
        try:
            float(part)
        except ValueError:
            break
        width += 1
    return width


def _lines(path: str) -> Iterator[bytes]:
    try:
        with tf.io.gfile.GFile(path, "rb") as stored:
            if path.endswith(".gz"):
                with gzip.GzipFile(fileobj=cast(IO[bytes], stored)) as file:
                    yield from file
                return
            while line := stored.readline():
                yield line
    except (OSError, EOFError, zlib.error, tf.errors.OpError) as error:
        why = getattr(error, "message", None) or str(error)
        raise InputError(f"{path}: cannot be read: {why}") from None


def _wrong(path: str, line: int, expected: str) -> InputError:
    return InputError(f"{path}:{line}: not a word vector: {expected}")
