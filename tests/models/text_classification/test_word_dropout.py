"""The dropout of words."""

from __future__ import annotations

import numpy as np
import pytest

from tidegate.models.text_classification.word_dropout import WordDropout


def test_words_become_unknown_in_training_alone() -> None:
    layer = WordDropout(0.3, unknown=1)
    tokens = np.tile(np.array([5, 6, 7, 8, 0, 0]), (2000, 1))
    np.testing.assert_array_equal(layer(tokens), tokens)
    found = np.asarray(layer(tokens, training=True))
    assert found.dtype == tokens.dtype
    assert (found[:, 4:] == 0).all()  # padding stays padding
    assert ((found == tokens) | (found == 1))[:, :4].all()
    assert np.mean(found[:, :4] == 1) == pytest.approx(0.3, abs=0.02)
    assert (np.asarray(layer(tokens, training=True)) != found).any()
    np.testing.assert_array_equal(WordDropout(0.0, 1)(tokens, training=True), tokens)
