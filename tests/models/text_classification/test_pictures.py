"""What a classifier shows a person: its surest mistakes, and its calibration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from tidegate.models.core.shown import Table
from tidegate.models.text_classification.pictures import pictures
from tidegate.models.text_classification.settings import DataSettings, FeatureSettings

NAMES = ("en", "中文")


def shown(*rows: tuple[str, str, list[float]]) -> dict[str, Any]:
    def judged() -> Iterator[tuple[Mapping[str, Any], np.ndarray]]:
        return iter(
            [({"text": text, "label": label}, np.array(found)) for text, label, found in rows]
        )

    return dict(pictures(judged, DataSettings(), FeatureSettings(), NAMES))


def test_mistakes_come_surest_first_and_a_label_that_training_never_saw_is_one() -> None:
    found = shown(
        ("right", "en", [0.9, 0.1]),
        ("unsure", "en", [0.4, 0.6]),
        ("sure", "中文", [0.99, 0.01]),
        ("never seen", "fr", [0.7, 0.3]),
    )
    table = found["mistakes"]
    assert isinstance(table, Table)
    assert table.rows == (
        ("sure", "中文", "en", "0.990"),
        ("never seen", "fr", "en", "0.700"),
        ("unsure", "en", "中文", "0.600"),
    )
    assert table.note == "3 of 4 texts have a wrong answer"


def test_many_mistakes_are_the_twenty_surest_and_long_texts_are_cut() -> None:
    rows = [
        (f"{place} " * 400, "en", [0.5 - place / 1000, 0.5 + place / 1000]) for place in range(30)
    ]
    table = shown(*rows)["mistakes"]
    assert [row[3] for row in table.rows] == [f"{0.5 + p / 1000:.3f}" for p in range(29, 9, -1)]
    assert all(len(row[0]) == 400 and row[0].endswith("…") for row in table.rows)


def test_calibration_is_the_share_of_right_answers_by_their_probability() -> None:
    rows = [("a", label, [0.95, 0.05]) for label in ("en", "en", "en", "中文")]
    figure = shown(*rows, ("b", "en", [0.45, 0.55]))["calibration"]
    _, line = figure.axes[0].get_lines()
    np.testing.assert_allclose(line.get_xdata(), [0.55, 0.95])
    np.testing.assert_allclose(line.get_ydata(), [0.0, 0.75])


def test_without_a_mistake_there_is_no_table_and_without_rows_nothing() -> None:
    assert set(shown(("right", "en", [0.9, 0.1]))) == {"calibration"}
    assert shown() == {}
