"""N-grams of words and of characters within words: their hashes, and how often a row has them."""

from typing import Any

from keras import ops

# A hash of this value is none: what lies beyond a row's end.
NO_GRAM = 2**31 - 1
_SPACE = ord(" ")


def word_grams(words: Any, longest: int) -> list[tuple[Any, Any]]:
    """The distinct n-grams of consecutive words of each row.

    Args:
      words: int[batch, steps], hashes of the words, 0 is padding, on the right.
      longest: n of the longest n-gram.

    Returns:
      For each n from 1 on, as `_counted` gives them.
    """
    present = ops.not_equal(words, 0)
    return [_grams(words, present, present, n, seed=n) for n in range(1, longest + 1)]


def character_grams(characters: Any, longest: int) -> list[tuple[Any, Any]]:
    """The distinct n-grams of characters within words, the words' borders among the characters.

    Words are what stands between spaces; each is read with a space before and behind it, as
    scikit-learn's ``char_wb`` does, so that a beginning is another n-gram than an end.

    Args:
      characters: int[batch, steps], code points, words parted by single spaces with one before the
        first and behind the last; 0 is padding, on the right.
      longest: n of the longest n-gram.

    Returns:
      For each n from 1 on, as `_counted` gives them.
    """
    present = ops.not_equal(characters, 0)
    letter = ops.logical_and(present, ops.not_equal(characters, _SPACE))
    return [_grams(characters, present, letter, n, seed=-n) for n in range(1, longest + 1)]


def _grams(symbols: Any, present: Any, inner: Any, n: int, seed: int) -> tuple[Any, Any]:
    """The n-grams whose symbols are present, those between its ends `inner`; of one symbol, it."""
    symbols = ops.cast(symbols, "int32")
    # Rows shorter than an n-gram keep their shape.
    symbols, present, inner = (
        ops.pad(one, [[0, 0], [0, n - 1]]) for one in (symbols, present, inner)
    )
    width = ops.shape(symbols)[1] - (n - 1)
    found = ops.full_like(symbols[:, :width], seed * 1_315_423_911 % 2**31)
    here = ops.ones_like(found, dtype="bool")
    for place in range(n):
        end = n > 1 and place in (0, n - 1)
        # int32 wraps around, which a hash does not mind; the order of the symbols matters.
        found = found * 1_000_003 + symbols[:, place : place + width]
        found = ops.bitwise_xor(found, ops.right_shift(found, 15))
        here = ops.logical_and(here, (present if end else inner)[:, place : place + width])
    found = found * 461_845_907
    found = ops.bitwise_xor(found, ops.right_shift(found, 13))
    return _counted(ops.where(here, found, NO_GRAM))


def _counted(hashes: Any) -> tuple[Any, Any]:
    """int32[batch, width] to the same, sorted, and float32 1 + ln(count) at each one's first place.

    The weight is 0 at further places and at `NO_GRAM`. (The sublinear term frequency of Manning,
    Raghavan and Schuetze 2008, "Introduction to Information Retrieval", 6.4.1.)
    """
    found = ops.sort(hashes, axis=1)
    before = ops.pad(found[:, :-1], [[0, 0], [1, 0]])
    # A row's first place is new whatever stands before it.
    edge = ops.cumsum(ops.ones_like(found), axis=1) == 1
    new = ops.logical_or(edge, ops.not_equal(found, before))
    run = ops.cumsum(ops.cast(ops.reshape(new, (-1,)), "int32")) - 1
    ones = ops.ones_like(run, dtype="float32")
    count = ops.reshape(ops.take(ops.segment_sum(ones, run), run), ops.shape(found))
    counted = ops.logical_and(new, ops.not_equal(found, NO_GRAM))
    return found, ops.where(counted, 1.0 + ops.log(count), 0.0)
