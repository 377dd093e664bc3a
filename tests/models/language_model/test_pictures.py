"""The picture draws the figures, and nothing where there are none."""

from __future__ import annotations

import numpy as np

from tidegate.models.language_model.pictures import pictures
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


def test_nothing_where_there_is_no_token() -> None:
    none = np.zeros((len(POSITIONS), 5))
    assert not list(pictures(lambda: iter([({}, none)]), DataSettings(), FeatureSettings()))
