"""One loop in the graph that continues sequences: greedy, drawn, or by beam search.

Plain TensorFlow, with ops that the stock server has. Each row has its own options, and its answer
depends on nothing else of the batch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from tidegate.models.layers.decoding.candidates import NONE, candidates, normalised
from tidegate.models.layers.decoding.options import Options, filled

Nest = Any  # tensors in lists, tuples or dicts
Step = Callable[[tf.Tensor, Nest], tuple[tf.Tensor, Nest]]
Stop = Callable[[tf.Tensor], tf.Tensor]


@dataclass(frozen=True)
class Decoded:
    """The continuations of each row, beams by falling score.

    A row has as many lanes as the row that asks for most of them; those that it has not asked for,
    or that a search has not filled, have no token and a score of -inf.

    Attributes:
      tokens: int[rows, lanes, steps], the end token among them, 0 behind a continuation's end.
      lengths: int32[rows, lanes], how many there are.
      log_probabilities: float32[rows, lanes, steps], of each under the logits as they came, without
        temperature and filters; 0 behind the end.
      total: float32[rows, lanes], their sums; 0 where there is no token.
      score: float32[rows, lanes], `normalised`.
      kept: what `keep` gave, each tensor as [rows, lanes, steps, ...].
    """

    tokens: tf.Tensor
    lengths: tf.Tensor
    log_probabilities: tf.Tensor
    total: tf.Tensor
    score: tf.Tensor
    kept: Nest


def decode(
    step: Step,
    first: tf.Tensor,
    state: Nest,
    options: Options,
    *,
    end: int | None = None,
    stop: Stop | None = None,
    keep: Callable[[Nest], Nest] = lambda state: (),
) -> Decoded:
    """Continues each row, token by token, until all have come to their end.

    A continuation ends with the token `end`, where `stop` says so, or at the row's `length`. A beam
    search ends once it has as many ended continuations as it has beams; only candidates among the
    best ones, as many as there are beams, may end (as in fairseq), so that one beam is greedy.

    Args:
      step: (int[n] tokens, state of n sequences) to (float[n, vocabulary] logits of the token that
        comes next, new state). A logit of -inf rules a token out. The sequences of a row lie beside
        each other: n is `lanes` times the rows. What stays the same over the steps, as an encoder's
        outputs do, the function holds by row itself.
      first: int[rows], the tokens that the first step takes.
      state: tensors with the rows first, before the first step.
      options: for each row.
      end: id of the token that ends a sequence; None where none does.
      stop: int[rows, candidates, steps], the tokens so far, to bool[rows, candidates]: which have
        ended with their last token.
      keep: a new state to what is kept of it for each token: tensors with the sequences first.

    Returns:
      The continuations; as many steps as the longest has tokens.
    """
    rows = tf.size(first)
    options = filled(options, rows)
    beams = options.beams > 1
    width = tf.where(beams, options.beams, options.samples)
    lanes = tf.reduce_max(tf.concat([width, [1]], axis=0))
    lane = tf.range(lanes)
    longest = tf.reduce_max(tf.concat([options.length, [0]], axis=0))

    def unfinished(number: tf.Tensor, alive: Nest, *_: Nest) -> tf.Tensor:
        return tf.logical_and(number < longest, tf.reduce_any(alive["total"] > NONE))

    def advance(number: tf.Tensor, alive: Nest, ended: Nest, state: Nest) -> tuple[Any, ...]:
        logits, state = step(tf.reshape(alive["last"], [-1]), state)
        total, parent, token, log = candidates(logits, alive["total"], options, number)
        token = tf.cast(token, first.dtype)
        rank = tf.range(tf.shape(token)[1])
        new = {"tokens": token, "log_probabilities": log}
        new["kept"] = _picked(tf.nest.map_structure(_by_lane(lanes), keep(state)), parent)
        history = tf.nest.map_structure(
            lambda past, now: tf.concat([past, now[:, :, None]], axis=2),
            _picked(alive["history"], parent),
            new,
        )
        number += 1
        over = tf.fill(tf.shape(token), False) | (options.length[:, None] <= number)
        if end is not None:
            over |= token == tf.cast(end, token.dtype)
        if stop is not None:
            over |= tf.ensure_shape(stop(history["tokens"]), [None, None])
        # Twice as many candidates as beams: as many as there are beams go on where the rest ends.
        may_end = ~beams[:, None] | (rank < width[:, None])
        may_go_on = ~beams[:, None] | (rank < 2 * width[:, None])

        score = normalised(total, number, options.length_penalty[:, None])
        length = tf.fill(tf.shape(token), number)
        both = tf.nest.map_structure(
            lambda before, now: tf.concat([before, now], axis=1),
            {**ended, "history": tf.nest.map_structure(_longer, ended["history"])},
            {
                "score": tf.where(over & may_end, score, NONE),
                "total": total,
                "lengths": length,
                "history": history,
            },
        )
        # A drawn continuation stays in its lane.
        here = tf.where(both["score"][:, lanes : 2 * lanes] > NONE, lanes + lane, lane)
        best = tf.math.top_k(both["score"], k=lanes).indices
        ended = _picked(both, tf.where(beams[:, None], best, here))
        ended["score"] = tf.where(lane < width[:, None], ended["score"], NONE)

        going = tf.where(over | ~may_go_on, NONE, total)
        best = tf.math.top_k(going, k=lanes).indices
        index = tf.where(beams[:, None], best, lane)
        alive = _picked({"last": token, "total": going, "history": history}, index)
        full = tf.reduce_all((ended["score"] > NONE) | (lane >= width[:, None]), axis=1)
        goes_on = (lane < width[:, None]) & ~(beams & full)[:, None]
        alive["total"] = tf.where(goes_on, alive["total"], NONE)
        source = tf.range(rows)[:, None] * lanes + tf.gather(parent, index, batch_dims=1)
        state = tf.nest.map_structure(lambda part: tf.gather(part, tf.reshape(source, [-1])), state)
        return number, alive, ended, state

    state = tf.nest.map_structure(lambda part: tf.repeat(part, lanes, axis=0), state)
    history = {
        "tokens": tf.zeros([rows, lanes, 0], first.dtype),
        "log_probabilities": tf.zeros([rows, lanes, 0]),
        "kept": tf.nest.map_structure(
            lambda part: _by_lane(lanes)(part)[:, :, None][:, :, :0], keep(state)
        ),
    }
    # All beams of a row begin alike: one of them is enough.
    begins = (lane < width[:, None]) & (~beams[:, None] | (lane == 0))
    begins &= options.length[:, None] > 0
    alive = {
        "last": tf.repeat(first[:, None], lanes, axis=1),
        "total": tf.where(begins, 0.0, NONE),
        "history": history,
    }
    ended = {
        "score": tf.fill([rows, lanes], NONE),
        "total": tf.zeros([rows, lanes]),
        "lengths": tf.zeros([rows, lanes], tf.int32),
        "history": history,
    }
    shapes = (
        tf.TensorShape([]),
        {**_vary(alive, 2), "history": _vary(history, 3)},
        {**_vary(ended, 2), "history": _vary(history, 3)},
        _vary(state, 1),
    )
    loop = (tf.constant(0), alive, ended, state)
    ended = tf.while_loop(unfinished, advance, loop, shape_invariants=shapes)[2]
    return _decoded(ended)


def _by_lane(lanes: tf.Tensor) -> Callable[[tf.Tensor], tf.Tensor]:
    """[rows * lanes, ...] to [rows, lanes, ...]."""

    def reshaped(part: tf.Tensor) -> tf.Tensor:
        found = tf.reshape(part, tf.concat([[-1, lanes], tf.shape(part)[1:]], axis=0))
        return tf.ensure_shape(found, [None, None, *part.shape[1:]])

    return reshaped


def _picked(nest: Nest, index: tf.Tensor) -> Nest:
    """Of each row of the tensors those that `index` says: int32[rows, n]."""
    return tf.nest.map_structure(lambda part: tf.gather(part, index, batch_dims=1), nest)


def _longer(history: tf.Tensor) -> tf.Tensor:
    """[rows, lanes, steps, ...] with one more step, of zeros."""
    return tf.pad(history, [[0, int(axis == 2)] for axis in range(history.shape.rank)])


def _vary(nest: Nest, axes: int) -> Nest:
    """The shapes of tensors of which the first `axes` dimensions vary over the loop."""
    return tf.nest.map_structure(
        lambda part: tf.TensorShape([None] * axes).concatenate(part.shape[axes:]), nest
    )


def _decoded(ended: Nest) -> Decoded:
    """What has ended, with nothing in lanes and behind ends where nothing is."""
    there = ended["score"] > NONE
    lengths = tf.where(there, ended["lengths"], 0)
    history = ended["history"]
    mask = tf.sequence_mask(lengths, tf.shape(history["tokens"])[2])

    def masked(part: tf.Tensor) -> tf.Tensor:
        ones = tf.ones([part.shape.rank - 3], tf.int32)
        valid = tf.reshape(mask, tf.concat([tf.shape(mask), ones], axis=0))
        return tf.where(valid, part, tf.zeros_like(part))

    return Decoded(
        lengths=lengths,
        total=tf.where(there, ended["total"], 0.0),
        score=ended["score"],
        **tf.nest.map_structure(masked, history),
    )
