"""What a classifier is worth, for a person: its surest mistakes, and how sure it may be."""

import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from tidegate.models.core.shown import Table
from tidegate.models.text_classification.settings import DataSettings, FeatureSettings

Judged = Callable[[], Iterator[tuple[Mapping[str, Any], np.ndarray]]]
_MISTAKES = 20
_LONGEST = 400  # Characters of a text that are shown.
_BINS = 10


def pictures(
    judged: Judged, data: DataSettings, features: FeatureSettings, names: Sequence[str]
) -> Iterator[tuple[str, Table | Figure]]:
    """What is shown of a split.

    Args:
      judged: gives (record, float[classes] probabilities) of each text, anew at each call.
      data: not used; part of the contract.
      features: not used; part of the contract.
      names: of the classes.

    Returns:
      ``mistakes``: the texts whose wrong answer had the highest probability; nothing where there is
      none. ``calibration``: the share of right answers by their probability, in ten parts.
    """
    del data, features
    worst: list[tuple[float, int, tuple[str, ...]]] = []
    sure, right = [], []
    for number, (record, probabilities) in enumerate(judged()):
        place = int(probabilities.argmax())
        probability, answer, truth = float(probabilities[place]), names[place], record["label"]
        sure.append(probability)
        right.append(answer == truth)
        if answer != truth:
            row = (_clipped(record["text"]), truth, answer, f"{probability:.3f}")
            keep = heapq.heappush if len(worst) < _MISTAKES else heapq.heappushpop
            keep(worst, (probability, -number, row))
    if worst:
        yield (
            "mistakes",
            Table(
                "The surest mistakes",
                ("text", "label", "answer", "probability"),
                tuple(row for *_, row in sorted(worst, reverse=True)),
                f"{len(right) - sum(right):,} of {len(right):,} texts have a wrong answer",
            ),
        )
    if sure:
        yield "calibration", _calibration(np.array(sure), np.array(right))


def _clipped(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _calibration(sure: np.ndarray, right: np.ndarray) -> Figure:
    """The share of right answers over their mean probability.

    Args:
      sure: float[rows], the probability of each answer.
      right: bool[rows].
    """
    place = np.minimum((sure * _BINS).astype(int), _BINS - 1)
    there = [part for part in range(_BINS) if (place == part).any()]
    figure = Figure(figsize=(5, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], linestyle=":", color="grey", label="as sure as it may be")
    axes.plot(
        [sure[place == part].mean() for part in there],
        [right[place == part].mean() for part in there],
        marker="o",
        label=f"answers, {len(sure):,} rows",
    )
    axes.set(xlabel="probability of the answer", ylabel="share that is right")
    axes.legend()
    return figure
