"""How each row of a batch is continued."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import tensorflow as tf


@dataclass(frozen=True)
class Options:
    """How each row is continued: one value for each; None is the default for all.

    Attributes:
      length: int32[rows], the most tokens.
      temperature: float32[rows]; 0, the default, takes the most probable token each time.
      top_k, top_p: int32[rows], float32[rows]: what is drawn from, as `drawing.kept` has it.
      seed: int64[rows], 0 by default.
      samples: int32[rows], how many continuations, 1 by default; the first ones do not depend on
        how many there are.
      beams: int32[rows]; 2 or more search for the most probable continuations, and temperature,
        `top_k`, `top_p`, `seed` and `samples` count nothing. 1 by default.
      length_penalty: float32[rows], the exponent a of `candidates.normalised`; 0 by default.
    """

    length: Any
    temperature: Any = None
    top_k: Any = None
    top_p: Any = None
    seed: Any = None
    samples: Any = None
    beams: Any = None
    length_penalty: Any = None


def filled(options: Options, rows: tf.Tensor) -> Options:
    """The options with a value for each row, of the right kind."""

    def value(given: Any, default: Any, kind: tf.DType) -> tf.Tensor:
        return tf.fill([rows], tf.cast(default, kind)) if given is None else tf.cast(given, kind)

    beams = value(options.beams, 1, tf.int32)
    # A search draws nothing.
    temperature = tf.where(beams > 1, 0.0, value(options.temperature, 0, tf.float32))
    return Options(
        length=value(options.length, 0, tf.int32),
        temperature=temperature,
        top_k=value(options.top_k, 0, tf.int32),
        top_p=value(options.top_p, 1, tf.float32),
        seed=value(options.seed, 0, tf.int64),
        samples=tf.maximum(value(options.samples, 1, tf.int32), 1),
        beams=beams,
        length_penalty=value(options.length_penalty, 0, tf.float32),
    )
