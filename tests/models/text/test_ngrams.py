"""Kneser-Ney smoothing against nltk's, against the definition, and by hand."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from nltk.lm import KneserNeyInterpolated
from nltk.util import everygrams

from tests.models.text.kneser_ney import by_definition
from tidegate.models.text.ngrams import NgramModel, estimated_discounts

SIZE = 7
TEXT = np.random.default_rng(0).choice(SIZE - 1, 300, p=[0.4, 0.25, 0.15, 0.1, 0.07, 0.03])
OTHER = np.random.default_rng(1).integers(0, SIZE, 60)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_as_defined(order: int) -> None:
    model = NgramModel([TEXT], order=order, size=SIZE)
    defined = by_definition(TEXT.tolist(), order, SIZE)
    padded = [-1] * (order - 1) + TEXT.tolist()
    for context in {tuple(padded[i : i + order - 1]) for i in range(len(padded) - order + 2)}:
        state = np.array([SIZE if token < 0 else token for token in context], np.int64)
        found = [model.log_probabilities([token], state)[0][0] for token in range(SIZE)]
        np.testing.assert_allclose(np.exp(found), defined(context), rtol=1e-9)


@pytest.mark.parametrize("order", [2, 3])
def test_as_nltk(order: int) -> None:
    """nltk takes the same off all counts, and nothing off those of single tokens."""
    words = [str(token) for token in TEXT]
    padded = ["begin"] * (order - 1) + words
    grams = [gram for gram in everygrams(padded, max_len=order) if gram[-1] != "begin"]
    other = KneserNeyInterpolated(order, discount=0.2)
    other.fit([grams], words)
    discounts = [(0.0, 0.0, 0.0), *[(0.2, 0.2, 0.2)] * (order - 1)]
    model = NgramModel([TEXT], order=order, size=SIZE - 1, discounts=discounts)
    for context in itertools.product(range(SIZE - 1), repeat=order - 1):
        state = np.array(context)
        found = [model.log_probabilities([token], state)[0][0] for token in range(SIZE - 1)]
        before = [str(token) for token in context]
        expected = [other.score(str(token), before) for token in range(SIZE - 1)]
        np.testing.assert_allclose(np.exp(found), expected, rtol=1e-9)


def test_by_hand() -> None:
    """Of "a b a b a c", with a half taken off each count."""
    a, b, c, d = range(4)
    half = [(0.5, 0.5, 0.5)] * 2
    model = NgramModel([np.array([a, b, a, b, a, c])], order=2, size=4, discounts=half)
    # Types of bigrams: .a ab ba ac; a comes after two, b and c after one.
    alone = {a: 1.5 / 4, b: 0.5 / 4, c: 0.5 / 4, d: 0.0}
    alone = {token: share + 1.5 / 4 * 1 / 4 for token, share in alone.items()}
    assert sum(alone.values()) == pytest.approx(1)
    # After a: twice b, once c.
    after = {a: 0.0, b: 1.5 / 3, c: 0.5 / 3, d: 0.0}
    for token in (a, b, c, d):
        found, state = model.log_probabilities([token], np.array([a]))
        assert np.exp(found[0]) == pytest.approx(after[token] + 1.0 / 3 * alone[token])
        assert state.tolist() == [token]
        # c has nothing behind it, and d was never seen.
        for unknown in (c, d):
            found, _ = model.log_probabilities([token], np.array([unknown]))
            assert np.exp(found[0]) == pytest.approx(alone[token])


def test_tokens_alone() -> None:
    """An order of 1: their own counts."""
    model = NgramModel([TEXT], order=1, size=SIZE, discounts=[(0.0, 0.0, 0.0)])
    counts = np.bincount(TEXT, minlength=SIZE - 1)
    found, state = model.log_probabilities(np.arange(SIZE - 1))
    np.testing.assert_allclose(np.exp(found), counts / len(TEXT))
    assert state.size == 0


@pytest.mark.parametrize("first", [0, 3])
@pytest.mark.parametrize("order", [1, 2, 5])
def test_all_tokens_add_up_to_one(order: int, first: int) -> None:
    model = NgramModel([TEXT + first], order=order, size=SIZE + first, first=first)
    states = [None, *(OTHER[i : i + order - 1] + first for i in range(20))]
    for state in states:
        tokens = range(first, SIZE + first)
        total = sum(np.exp(model.log_probabilities([token], state)[0][0]) for token in tokens)
        assert total == pytest.approx(1)


def test_a_state_goes_on_over_borders_and_chunks_are_one_text() -> None:
    model = NgramModel([TEXT], order=4, size=SIZE)
    parts = NgramModel([TEXT[:1], TEXT[1:100], TEXT[100:100], TEXT[100:]], order=4, size=SIZE)
    whole, last = model.log_probabilities(OTHER)
    assert last.tolist() == OTHER[-3:].tolist()
    found, state = [], None
    for part in (OTHER[:2], OTHER[2:3], OTHER[3:3], OTHER[3:]):
        logs, state = parts.log_probabilities(part, state)
        found.append(logs)
    np.testing.assert_array_equal(np.concatenate(found), whole)
    bounded = NgramModel(iter([TEXT[:100], TEXT[100:]]), order=4, size=SIZE, most=120)
    short = NgramModel([TEXT[:120]], order=4, size=SIZE)
    assert bounded.tokens == short.tokens == 120
    np.testing.assert_array_equal(
        bounded.log_probabilities(OTHER)[0], short.log_probabilities(OTHER)[0]
    )


def test_estimated_discounts() -> None:
    # 10 ones, 5 twos, 4 threes, 2 fours: Y = 10 / 20; 1 - 2Y 5/10, 2 - 3Y 4/5, 3 - 4Y 2/4.
    counts = np.repeat([0, 1, 2, 3, 4, 9], [3, 10, 5, 4, 2, 7])
    assert estimated_discounts(counts) == pytest.approx((0.5, 0.8, 2.0))
    # Counts that say nothing, and such that would take off more than there is.
    assert estimated_discounts(np.array([9, 9])) == (0.5, 1.0, 1.5)
    assert estimated_discounts(np.repeat([1, 2, 3], [1, 1, 9])) == (0.5, 1.0, 1.5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: NgramModel([TEXT], order=0, size=SIZE), "order=0"),
        (lambda: NgramModel([], order=2, size=SIZE), "no tokens"),
        (lambda: NgramModel([TEXT], order=2, size=4), "to 5; expected from 0 to 3"),
        (
            lambda: NgramModel([TEXT], order=2, size=SIZE).log_probabilities([-1]),
            "from -1 to -1; expected from 0 to 6",
        ),
    ],
)
def test_what_cannot_be_counted(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
