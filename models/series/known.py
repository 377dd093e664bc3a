"""What weighted members know at each place of some rows."""

from collections.abc import Sequence

import tensorflow as tf

from tidegate.models.series.members import DAMPING, DAMPINGS, FIRST, LAST, LOG, SEASONAL, ratio
from tidegate.models.series.past_errors import PastErrors

KINDS = (0.0, 1.0)  # Values, logarithms.


def known_at(
    judged: PastErrors,
    states: Sequence[tf.Tensor],
    members: tf.Tensor,
    prior: tf.Tensor,
    begin: tf.Tensor,
    can_log: tf.Tensor,
    still: tf.Tensor,
) -> tf.Tensor:
    """What is known before each place.

    Members without a season are weighed by all their errors, those with one by those since they
    have begun; both together by the latter.

    Args:
      judged: the past errors.
      states: of the members, as `members.recursion` gives them.
      members: float32[members, 6], those without a season first.
      prior: float32[members], the logarithms of their weights where there are no errors.
      begin: int32[], the place where those with a season have begun.
      can_log: bool[origins, rows, 1], whether there are logarithms.
      still: float32[rows, kinds], the error of a row that has not moved yet.

    Returns:
      float32[steps + 1, rows, channels]: the share of the members of values, how many errors of
      one step there were, their means by steps ahead and kind, and of each kind level, trend of
      each damping, and season.
    """
    seasonal = members[:, SEASONAL] > 0
    begin = tf.maximum(begin, FIRST)
    count = tf.reduce_sum(tf.cast(~seasonal, tf.int32))
    plain = [one[..., :count] for one in states]
    early = judged.weights(plain, members[:count], tf.constant(FIRST), can_log, prior[:count])
    late = judged.weights(states, members, begin, can_log, prior)
    begun = (judged.places >= begin)[:, tf.newaxis, tf.newaxis]
    apart = tf.reduce_sum(tf.where(seasonal, late[0], 0.0), axis=-1, keepdims=True)
    apart = tf.where(begun, apart, 0.0)
    own = tf.where(begun, late[0], 0.0)[..., count:]
    weights = tf.concat([(1 - apart) * early[0], own], axis=-1)
    (count_of_one, *_) = judged.counts(tf.constant(FIRST))
    spread = judged.guarded(early[1], late[1], begin, apart, still)

    steps = tf.shape(states[0])[0]
    every = tf.range(steps) // judged.apart
    weights, spread = tf.gather(weights, every), tf.gather(spread, every)
    share = tf.reduce_sum(weights * (1 - members[:, LOG]), axis=-1, keepdims=True)
    length = tf.shape(states[2])[0] - steps + 1
    averages = [_averages(weights, states, members, length, kind) for kind in KINDS]
    # Until members have begun, the last value goes on; as a part of a season looks like a trend,
    # it does so by the season's share until there is a whole one.
    usual = tf.reduce_sum(tf.where(seasonal, tf.exp(prior), 0.0))
    waits = tf.where(tf.range(steps) < begin, usual, 0.0)
    waits = tf.where(tf.range(steps) < FIRST, 1.0, waits)[:, tf.newaxis, tf.newaxis]
    last = tf.concat([judged.first_last(), states[0][FIRST:, :, LAST]], axis=0)[:steps]
    last = tf.pad(last[..., tf.newaxis], [[0, 0], [0, 0], [0, tf.shape(averages[0])[-1] - 1]])
    moved = (1 - waits) * share
    share = waits + moved
    averages[0] = ratio(waits * last + moved * averages[0], share)
    return tf.concat(
        [
            share,
            tf.gather(count_of_one, every)[..., tf.newaxis],
            tf.reshape(spread, tf.concat([tf.shape(share)[:2], [-1]], axis=0)),
            *averages,
        ],
        axis=-1,
    )


def _averages(
    weights: tf.Tensor,
    states: Sequence[tf.Tensor],
    members: tf.Tensor,
    length: tf.Tensor,
    kind: float,
) -> tf.Tensor:
    """Level, trend of each damping, and season, float32[steps + 1, rows, 1 + dampings + m]."""
    own = members[:, LOG] == kind
    damping = tf.boolean_mask(members[:, DAMPING], own)
    weights = tf.boolean_mask(weights, own, axis=2)
    weights = ratio(weights, tf.reduce_sum(weights, axis=-1, keepdims=True))
    level, trend, season = (tf.boolean_mask(one, own, axis=2) for one in states)
    places = tf.shape(level)[0]
    trends = [
        tf.reduce_sum(tf.where(damping == one, weights * trend, 0.0), axis=-1) for one in DAMPINGS
    ]
    seasons = tf.map_fn(
        lambda place: tf.reduce_sum(weights * season[place : place + places], axis=-1),
        tf.range(length),
        fn_output_signature=tf.float32,
    )
    head = tf.stack([tf.reduce_sum(weights * level, axis=-1), *trends], axis=-1)
    return tf.concat([head, tf.transpose(seasons, (1, 2, 0))], axis=-1)
