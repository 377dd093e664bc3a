"""A page of what a language model writes, each token shaded by its probability."""

import unicodedata
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from tidegate.models.language_model.defaults import GENERATE
from tidegate.models.language_model.settings import DataSettings, FeatureSettings
from tidegate.models.text import reversible

Ask = Callable[[str, Mapping[str, Any]], Mapping[str, np.ndarray]]
# What is written: nothing stands before it. At 0 each token is the most probable one.
_TEMPERATURES = (0.0, 0.5, 0.8, 1.0)
# Tokens of a sample, of characters and of longer tokens; characters a line and lines of a sample.
_CHARACTERS, _TOKENS = 400, 100
_WIDE, _LINES = 88, 12
# Bits at which a token has the full shade.
_MOST_BITS = 8.0


def samples(
    ask: Ask, data: DataSettings, features: FeatureSettings
) -> Iterator[tuple[str, Figure]]:
    """Samples at several temperatures.

    Args:
      ask: (signature, inputs by name) to outputs by name.
      data: not used; part of the contract.
      features: the tokenizer. Word pieces are of no fixed border in a text: of them there is no
        page.

    Returns:
      ``samples``: the darker a token, the less probable it was under the model.
    """
    del data
    if features.tokenizer == "wordpiece":
        return
    rows = len(_TEMPERATURES)
    length = _CHARACTERS if features.tokenizer == "chars" else _TOKENS
    given = {**GENERATE, "text": "", "length": length, "seed": 1}
    inputs = {name: [value] * rows for name, value in given.items()}
    found = ask("generate", {**inputs, "temperature": list(_TEMPERATURES)})
    written = reversible.split(tf.constant(found["continuations"][:, 0]), features.tokenizer)
    figure = Figure(figsize=(9, 1), layout="constrained")
    panels = figure.subplots(rows, 1, squeeze=False)[:, 0]
    tall = 0
    for number, tokens in enumerate(written.to_list()):
        bits = -found["token_log_probabilities"][number, 0] / np.log(2)
        placed = list(_placed([token.decode() for token in tokens], bits))
        tall += _draw(panels[number], placed, f"temperature {_TEMPERATURES[number]:g}")
    figure.set_size_inches(9, 0.5 * rows + 0.19 * tall)
    yield "samples", figure


def _placed(tokens: list[str], bits: np.ndarray) -> Iterator[tuple[int, int, str, float]]:
    """Line, column, character and bits of its token; a line is broken where it is full."""
    line = column = 0
    for token, each in zip(tokens, bits, strict=False):
        for character in token:
            if character in "\n\u2028":
                line, column = line + 1, 0
            else:
                width = 1 + (unicodedata.east_asian_width(character) in "WF")
                if column + width > _WIDE:
                    line, column = line + 1, 0
                if line < _LINES:
                    yield line, column, character, float(each)
                column += width
            if line >= _LINES:
                return


def _draw(axes: Any, placed: list[tuple[int, int, str, float]], title: str) -> int:
    """Draws one sample; gives its lines."""
    lines = 1 + max((line for line, *_ in placed), default=0)
    for line, column, character, bits in placed:
        shade = min(max(bits / _MOST_BITS, 0.0), 1.0)
        wide = 1 + (unicodedata.east_asian_width(character) in "WF")
        if shade > 0.02:
            axes.add_patch(
                Rectangle((column, line), wide, 1, color="tab:orange", alpha=0.8 * shade, lw=0)
            )
        if not character.isspace():
            axes.text(
                column + wide / 2,
                line + 0.5,
                character,
                family="monospace",
                fontsize="small",
                ha="center",
                va="center",
                parse_math=False,
            )
    axes.set(xlim=(0, _WIDE), ylim=(lines, 0))
    axes.set_axis_off()
    axes.set_title(title, loc="left", fontsize="small")
    return lines
