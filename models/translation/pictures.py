"""Pictures of what translations are worth: BLEU by length, the worst ones, and where they look."""

import heapq
import textwrap
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from tidegate.models.translation.evaluation import (
    LENGTHS,
    sentence_bleu,
    statistics,
    summarise,
)
from tidegate.models.translation.judged import LOOKS, TRANSLATION, TRUTH, seen, texts_of
from tidegate.models.translation.settings import DataSettings, FeatureSettings

Judged = Callable[[], Iterator[tuple[Mapping[str, Any], np.ndarray]]]
# How many attention maps; the tokens that fit one; how many of the worst are shown, and how wide.
_MAPS, _FEWEST, _MOST, _WORST, _WIDTH = 4, 5, 24, 12, 110


def pictures(
    judged: Judged, data: DataSettings, features: FeatureSettings
) -> Iterator[tuple[str, Figure]]:
    """The pictures of a split.

    Args:
      judged: gives (record, a row as `models.translation.judged` says) of each pair, anew at each
        call.
      data: not used; part of the contract.
      features: not used; part of the contract.

    Returns:
      ``lengths``: BLEU by the words of the true translation; ``attention``: where the first few
      translations look; ``worst``: those with the least BLEU. Nothing where the split is empty.
    """
    del data, features
    sums: Any = 0.0
    maps: list[tuple[list[str], list[str], np.ndarray]] = []
    worst: list[tuple[float, int, tuple[str, str, str]]] = []
    for number, (record, prediction) in enumerate(judged()):
        row = texts_of(prediction.tolist())
        sums = sums + statistics(None, prediction[np.newaxis])["sums"]
        looks = seen(row[LOOKS]) if len(maps) < _MAPS else None
        if looks is not None and all(_FEWEST <= len(side) <= _MOST for side in looks[:2]):
            maps.append(looks)
        shown = (record["source"], row[TRANSLATION], row[TRUTH])
        one = (-sentence_bleu(row[TRANSLATION], row[TRUTH]), -number, shown)
        heapq.heappush(worst, one) if len(worst) < _WORST else heapq.heappushpop(worst, one)
    if not worst:
        return
    yield "lengths", _lengths(summarise({"sums": sums}))
    yield "worst", _worst(sorted(worst, reverse=True))
    if maps:
        yield "attention", _attention(maps)


def _lengths(figures: Mapping[str, Any]) -> Figure:
    bleu, sentences = figures["bleu_by_length"], figures["sentences_by_length"]
    there = np.flatnonzero(sentences)
    lows = (1, *(end + 1 for end in LENGTHS))
    names = [
        f"{low} on" if place == len(LENGTHS) - 1 else f"{low} to {LENGTHS[place]}"
        for place, low in enumerate(lows[: len(LENGTHS)])
    ]
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    bars = axes.bar(range(there.size), bleu[there])
    axes.bar_label(bars, [f"{int(count):,}" for count in sentences[there]])
    axes.set_xticks(range(there.size), [names[place] for place in there])
    axes.set_xlabel("words of the true translation; above the bars, how many there are")
    axes.set_ylabel("BLEU")
    axes.axhline(figures["bleu"], linestyle="--", linewidth=1, label=f"all: {figures['bleu']:.1f}")
    axes.legend()
    return figure


def _worst(rows: list[tuple[float, int, tuple[str, str, str]]]) -> Figure:
    lines = []
    for score, _, texts in rows:
        lines.append(f"BLEU {-score:.1f}")
        for name, text in zip(("source", "translation", "truth"), texts, strict=True):
            lines.append(f"  {name + ':':13}{textwrap.shorten(text, _WIDTH) or '(nothing)'}")
    figure = Figure(figsize=(11, 0.19 * len(lines) + 0.5))
    # Texts of the data: no dollar sign is mathematics.
    figure.text(
        0.01,
        0.98,
        "\n".join(lines),
        family="monospace",
        fontsize=8,
        verticalalignment="top",
        parse_math=False,
    )
    return figure


def _attention(maps: list[tuple[list[str], list[str], np.ndarray]]) -> Figure:
    figure = Figure(figsize=(11, 9), layout="constrained")
    for place, (source, made, weights) in enumerate(maps):
        axes = figure.add_subplot(2, 2, place + 1)
        axes.imshow(weights, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        for axis, tokens in ((axes.xaxis, source), (axes.yaxis, made)):
            axis.set_ticks(range(len(tokens)), [one.strip() or "·" for one in tokens])
            for label in axis.get_ticklabels():
                label.set_parse_math(False)
        axes.tick_params(axis="x", rotation=60)
    return figure
