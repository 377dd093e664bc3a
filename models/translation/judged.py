"""A judged translation: a row of texts, as BLEU's counts are made of texts, outside the graph.

The columns hold the translation and the true one; as texts, of the true one's tokens, its end among
them: their nats, how many they are, how many of them the network holds to be the most probable ones
behind the true ones before, and how many are unknown; and where the translation has looked, as
`seen` reads it.
"""

from collections.abc import Sequence

import numpy as np

COLUMNS = TRANSLATION, TRUTH, NATS, TOKENS, RIGHT, UNKNOWN, LOOKS = range(7)
# Between the parts of `LOOKS`, and between tokens: no text has them.
PART, TOKEN = "\x1e", "\x1f"
# A weight is a character, from 0 to 1 in so many steps; these are of a byte each.
FIRST_SHADE, SHADES = 32, 94


def texts_of(row: Sequence[bytes | str]) -> list[str]:
    """A judged row's columns as texts, whether TensorFlow or Python has made them."""
    return [one.decode() if isinstance(one, bytes) else str(one) for one in row]


def seen(looks: str) -> tuple[list[str], list[str], np.ndarray] | None:
    """Where a translation has looked.

    Args:
      looks: the column `LOOKS`.

    Returns:
      The source's tokens, the translation's, the last of either its end, and the weights
      float[translation's tokens, source's tokens]; None where they are not there, as of long texts.
    """
    if not looks:
        return None
    source, made, shades = looks.split(PART)
    sides = source.split(TOKEN), made.split(TOKEN)
    codes = np.frombuffer(shades.encode(), np.uint8)
    weights = (codes.astype(float) - FIRST_SHADE) / SHADES
    return *sides, weights.reshape(len(sides[1]), len(sides[0]))
