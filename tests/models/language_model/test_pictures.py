"""The picture draws the figures, and nothing where there are none."""

from __future__ import annotations

from typing import Any

import numpy as np

from tidegate.models.language_model.pictures import pictures
from tidegate.models.language_model.samples import samples
from tidegate.models.language_model.settings import DataSettings, FeatureSettings
from tidegate.models.language_model.sums import POSITIONS, judged


def test_bits_by_place() -> None:
    nats = np.array([[1.0, 2.0, 3.0]]) * np.log(2)
    sums = judged(nats, np.array([[3, 4, 5]]), [3], 9).numpy()
    ((name, figure),) = pictures(lambda: iter([({}, sums[0])]), DataSettings(), FeatureSettings())
    assert name == "positions"
    line, mean = figure.axes[0].lines
    np.testing.assert_allclose(line.get_ydata(), [1, 2, 3])
    np.testing.assert_allclose(mean.get_ydata(), 2)
    labels = [one.get_text() for one in figure.axes[0].get_xticklabels()]
    assert labels == ["1", "2", "to 4"]


def test_samples_are_shaded_by_their_probabilities() -> None:
    def ask(signature: str, inputs: Any) -> dict[str, np.ndarray]:
        rows = len(inputs["text"])
        assert signature == "generate" and {len(value) for value in inputs.values()} == {rows}
        nats = np.log(2) * np.array([[0.0, 4.0, 1.0, 8.0, 20.0]])
        return {
            "continuations": np.full((rows, 1), "a b\n水".encode(), object),
            "token_log_probabilities": -np.tile(nats, (rows, 1, 1)),
        }

    ((name, figure),) = samples(ask, DataSettings(), FeatureSettings(tokenizer="chars"))
    assert name == "samples" and len(figure.axes) == 4
    axes = figure.axes[0]
    assert [one.get_text() for one in axes.texts] == ["a", "b", "水"]
    # The space is shaded as well; what is certain is not; a Chinese character is as wide as two.
    shades = [(*one.get_xy(), one.get_width(), one.get_alpha()) for one in axes.patches]
    np.testing.assert_allclose(shades, [(1, 0, 1, 0.4), (2, 0, 1, 0.1), (0, 1, 2, 0.8)])
    assert not list(samples(ask, DataSettings(), FeatureSettings(tokenizer="wordpiece")))


def test_nothing_where_there_is_no_token() -> None:
    none = np.zeros((len(POSITIONS), 5))
    assert not list(pictures(lambda: iter([({}, none)]), DataSettings(), FeatureSettings()))
