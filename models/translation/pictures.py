"""Pictures of what translations are worth: BLEU by length, the worst ones, and where they look."""

import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from tidegate.models.core.shown import Table
from tidegate.models.translation.evaluation import (
    LENGTHS,
    sentence_bleu,
    statistics,
    summarise,
)
from tidegate.models.translation.judged import LOOKS, TRANSLATION, TRUTH, seen, texts_of
from tidegate.models.translation.settings import DataSettings, FeatureSettings

Judged = Callable[[], Iterator[tuple[Mapping[str, Any], np.ndarray]]]
# How many attention maps; the tokens that fit one; how many of the worst are shown, and how long.
_MAPS, _FEWEST, _MOST, _WORST, _LONGEST = 4, 5, 24, 20, 400


def pictures(
    judged: Judged, data: DataSettings, features: FeatureSettings, names: Sequence[str]
) -> Iterator[tuple[str, Figure | Table]]:
    """The pictures of a split.

    Args:
      judged: gives (record, a row as `models.translation.judged` says) of each pair, anew at each
        call.
      data: not used; part of the contract.
      features: not used; part of the contract.
      names: not used; part of the contract.

    Returns:
      ``mistakes``: the translations with the least BLEU; ``lengths``: BLEU by the words of the true
      translation; ``attention``: where the first few translations look. Nothing where the split is
      empty.
    """
    del data, features, names
    sums: Any = 0.0
    maps: list[tuple[list[str], list[str], np.ndarray]] = []
    worst: list[tuple[float, int, tuple[str, ...]]] = []
    for number, (record, prediction) in enumerate(judged()):
        row = texts_of(prediction.tolist())
        sums = sums + statistics(None, prediction[np.newaxis])["sums"]
        looks = seen(row[LOOKS]) if len(maps) < _MAPS else None
        if looks is not None and all(_FEWEST <= len(side) <= _MOST for side in looks[:2]):
            maps.append(looks)
        translation, truth = row[TRANSLATION], row[TRUTH]
        if translation != truth:
            bleu = sentence_bleu(translation, truth)
            texts = (record["source"], translation, truth)
            shown = (*(_clipped(text) for text in texts), f"{bleu:.1f}")
            keep = heapq.heappush if len(worst) < _WORST else heapq.heappushpop
            keep(worst, (-bleu, -number, shown))
    figures = summarise({"sums": sums}) if np.ndim(sums) else {"sentences": 0}
    if worst:
        yield (
            "mistakes",
            Table(
                "The worst translations",
                ("source", "translation", "true translation", "BLEU"),
                tuple(row for *_, row in sorted(worst, reverse=True)),
                f"of {int(figures['sentences']):,} pairs; BLEU is that of each by itself",
            ),
        )
    if figures["sentences"]:
        yield "lengths", _lengths(figures)
    if maps:
        yield "attention", _attention(maps)


def _clipped(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


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
