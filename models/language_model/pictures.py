"""A picture of what a language model is worth: bits per token by the place in the text."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from tidegate.models.language_model.evaluation import statistics, summarise
from tidegate.models.language_model.settings import DataSettings, FeatureSettings
from tidegate.models.language_model.sums import POSITIONS

Judged = Callable[[], Iterator[tuple[Mapping[str, Any], np.ndarray]]]


def pictures(
    judged: Judged, data: DataSettings, features: FeatureSettings, names: Sequence[str] = ()
) -> Iterator[tuple[str, Figure]]:
    """The picture of a split.

    Args:
      judged: gives (record, float64[positions, 5] as `sums.judged` gives them) of each text, anew
        at each call.
      data: not used; part of the contract.
      features: not used; part of the contract.
      names: not used; part of the contract.

    Returns:
      ``positions``: bits per token by the number of tokens before it. Nothing where the split has
      no token.
    """
    del data, features, names
    sums = sum(statistics(None, prediction[np.newaxis])["sums"] for _, prediction in judged())
    figures = summarise({"sums": np.asarray(sums).reshape(len(POSITIONS), -1)})
    perplexity = np.asarray(figures["perplexity_by_position"])
    there = np.flatnonzero(np.asarray(figures["tokens_by_position"]))
    if not there.size:
        return
    lows = (1, *(end + 1 for end in POSITIONS))
    names = [
        f"{low:,}"
        if low == end
        else f"{low:,} on"
        if place == len(POSITIONS) - 1
        else f"to {end:,}"
        for place, (low, end) in enumerate(zip(lows, POSITIONS, strict=False))
    ]
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(range(there.size), np.log2(perplexity[there]), marker="o")
    axes.set_xticks(range(there.size), [names[place] for place in there], rotation=45)
    axes.set_xlabel("place of the token in its text")
    axes.set_ylabel("bits per token")
    axes.set_ylim(bottom=0)
    mean = math.log2(float(figures["perplexity"]))
    axes.axhline(mean, linestyle="--", linewidth=1, label=f"all: {mean:.2f}")
    axes.legend()
    yield "positions", figure
