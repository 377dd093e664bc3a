"""Tokens that can be joined again, and texts that end a continuation."""

from __future__ import annotations

import unicodedata
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tidegate.models.text.reversible import (
    FIRST_ID,
    UNKNOWN_ID,
    Tokenizer,
    canonical,
    join,
    spellings,
    split,
)
from tidegate.models.text.stops import Stops

TOKENIZERS: list[Any] = ["words", "spaces", "chars"]
# What matters to the splitting, and any other character.
TEXTS = st.text(
    st.sampled_from("ab cé'’,.-_ \n\r\t水门ไเ́̈12 \u00a0\u2028ꓐ🙂#")
    | st.characters(exclude_categories=("Cs", "Cn"))
)


def tokens_of(text: str, tokenizer: Tokenizer) -> list[str]:
    (found,) = split(canonical(tf.constant([text])), tokenizer).to_list()
    return [token.decode().replace("\u2028", "\n") for token in found]


def there_and_back(text: str, tokenizer: Tokenizer) -> str:
    """By ids of a vocabulary that holds all its tokens, as a file of it would."""
    (found,) = split(canonical(tf.constant([text])), tokenizer).to_list()
    vocabulary = sorted(set(found))
    assert not any(b"\n" in entry or not entry for entry in vocabulary)
    ids = [vocabulary.index(token) + FIRST_ID for token in found]
    spelled = tf.constant(spellings(vocabulary, tokenizer))
    return str(join(tf.constant(ids, tf.int32), spelled).numpy().decode())


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
@settings(max_examples=40, deadline=None)
@given(TEXTS)
@example("a\r\n\r\n\n b \n")
@example("a\0b")
@example("   four    spaces and     five\n")
@example("e\u0301 ไม่ 水\u0301门 don't 'em rock'n'roll ##x")
def test_what_is_split_can_be_joined(tokenizer: Tokenizer, text: str) -> None:
    lines = (
        text.replace("\r\n", "\n")
        .replace("\r", "\n")
        .replace("\u2028", "\n")
        .replace("\0", "\ufffd")
    )
    assert there_and_back(text, tokenizer) == unicodedata.normalize("NFC", lines)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The tide turns.", ["The", " tide", " turns", "."]),
        ("It isn't (yet) 1,000!", ["It", " isn't", " (", "yet", ")", " 1", ",", "000", "!"]),
        ("if x:\n        go", ["if", " x", ":", "\n", "    ", "    ", "go"]),
        ("水门 关了。ok", ["水", "门", " 关", "了", "。", "ok"]),
        ("né né", ["né", " né"]),
        ("x\u0323\u0304o n\u0303", ["x\u0323\u0304o", " ñ"]),
        ("नमस्ते दुनिया", ["नमस्ते", " दुनिया"]),
        ("a  b", ["a", "  ", "b"]),
        ("a\tb ", ["a", "\t", "b", " "]),
        ("", []),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert tokens_of(text, "words") == expected


def test_words_that_are_parted_already() -> None:
    """WikiText's form: as many tokens as published, one more for each line, none for spaces."""
    text = " \n = Tides = \n \n The <unk> @-@ tide 's 1 @,@ 000 . \n"
    found = tokens_of(text, "spaces")
    assert len(found) == len(text.split()) + text.count("\n")
    assert [token.strip(" ") for token in found][:6] == ["\n", "=", "Tides", "=", "\n", "\n"]
    assert {token[0] for token in found} == {" "}


def test_broken_bytes_become_one_sign_each() -> None:
    assert canonical(tf.constant([b"a\xff\xe6\xb0b"])).numpy()[0].decode() == "a\ufffd\ufffdb"


def test_spellings_of_all_ids() -> None:
    assert spellings([b" the", b"\xe2\x80\xa8"], "words") == [
        b"",
        " �".encode(),
        b"",
        b" the",
        b"\n",
    ]
    pieces = spellings([b"[UNK]", b" t", b"##ide", b"#"], "wordpiece")
    assert pieces == [b"", "�".encode(), b"", b" t", b"ide", b"#"]
    ids = tf.constant([[[FIRST_ID, FIRST_ID + 1, 0]], [[UNKNOWN_ID, 2, 2]]])
    assert join(ids, tf.constant(pieces)).numpy().tolist() == [[b" tide"], ["�".encode()]]
    assert join(tf.zeros([2, 0], tf.int32), tf.constant(pieces)).numpy().tolist() == [b"", b""]


PIECES = ["", "�", "", "a", "b", " a", "ab", "ba ", "水", "水b", "\n"]


def stopped(tokens: list[int], stop: list[str]) -> tuple[list[int], str]:
    """Token by token: what is there by the first that makes a stop string whole, and its text."""
    text = ""
    for place, token in enumerate(tokens):
        text += PIECES[token]
        begins = [text.index(one) for one in stop if one and one in text]
        if begins:
            return tokens[: place + 1], text[: min(begins)]
    return tokens, text


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.lists(st.integers(2, len(PIECES) - 1), min_size=6, max_size=6),
            st.lists(
                st.sampled_from(["", "a", "ba", "b a", "aba", "水b", "门", "b\n", "\r\n"]),
                min_size=2,
                max_size=2,
            ),
        ),
        min_size=1,
        max_size=3,
    )
)
@example([([2, 2, 3, 2, 2, 7], ["", "aba"])])
def test_stops_of_each_row(rows: list[tuple[list[int], list[str]]]) -> None:
    stops = Stops(tf.constant(PIECES), tf.constant([stop for _, stop in rows]))
    # Two candidates a row: its tokens, and a shorter one that has come to its end.
    tokens = np.array([[row, [3] * 6] for row, _ in rows])
    lengths = np.zeros((len(rows), 2), np.int32)
    for row, (_, stop) in enumerate(rows):
        stop = [one.replace("\r\n", "\n") for one in stop]
        for lane in range(2):
            kept, _ = stopped(tokens[row, lane].tolist(), stop)
            lengths[row, lane] = len(kept)
            tokens[row, lane, len(kept) :] = 0
    for steps in range(1, 7):
        over = stops(tf.constant(tokens[:, :, :steps])).numpy()
        for row, (_, stop) in enumerate(rows):
            stop = [one.replace("\r\n", "\n") for one in stop]
            for lane in range(2):
                if steps <= lengths[row, lane]:
                    whole = "".join(PIECES[token] for token in tokens[row, lane, :steps])
                    assert over[row, lane] == any(one and one in whole for one in stop)
    texts = stops.cut(tf.constant(tokens), tf.constant(lengths)).numpy()
    for row, (_, stop) in enumerate(rows):
        stop = [one.replace("\r\n", "\n") for one in stop]
        for lane in range(2):
            _, expected = stopped(tokens[row, lane, : lengths[row, lane]].tolist(), stop)
            assert texts[row, lane].decode() == expected


def test_nothing_to_stop_at() -> None:
    for stop in (tf.zeros([1, 0], tf.string), tf.constant([["", ""]])):
        stops = Stops(tf.constant(PIECES), stop)
        assert not stops(tf.constant([[[3, 4], [5, 6]]])).numpy().any()
        cut = stops.cut(tf.constant([[[3, 4], [0, 0]]]), tf.constant([[2, 0]]))
        assert cut.numpy().tolist() == [[b"ab", b""]]
