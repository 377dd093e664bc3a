"""Past errors of smoothings: the weights that follow from them, and what errors to expect."""

import math
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tidegate.models.series.members import DAMPING, FIRST, LOG, ratio, reach

# Sharpness of the weights: a member whose errors are e times as large weighs exp(-_SHARP n^2 /
# ((n + _FEW) (n + _FEWEST))) as much, n errors having been seen.
_SHARP, _FEW, _FEWEST = 40.0, 20.0, 5.0
# Errors that are longer ago count no more: so many steps, or seasons.
_MEMORY, _SEASONS = 200, 4
# Errors below this share of the unit are alike.
_SMALL = 1e-6
# An error of logarithms counts as one of this at most.
_FARTHEST = 3.0
# Weight of a guess at the size of errors, in errors.
_GUESSED = 3.0


def judged_steps(horizon: int) -> tuple[int, ...]:
    """How many steps ahead past forecasts are judged: 1, and up to four more to the horizon."""
    steps = {round(horizon ** (place / 4)) for place in range(5)}
    return tuple(sorted(steps))


class PastErrors:
    """Past errors of members at some origins of each row.

    Args:
      values: float32[steps, rows, kinds].
      sizes: float32[steps, rows], of the values, in the unit of the first kind.
      length: int32[], of a season.
      places: int32[origins].
      apart: int32[], steps between two of them.
      ahead: steps ahead that are judged.
    """

    def __init__(
        self,
        values: tf.Tensor,
        sizes: tf.Tensor,
        length: tf.Tensor,
        places: tf.Tensor,
        apart: tf.Tensor,
        ahead: Sequence[int],
    ) -> None:
        self._values, self._sizes = values, sizes
        self._length, self.places, self.apart = length, places, apart
        self._memory = tf.maximum(_MEMORY, _SEASONS * length) // self.apart
        self.ahead = ahead

    def weights(
        self,
        states: Sequence[tf.Tensor],
        members: tf.Tensor,
        since: tf.Tensor,
        can_log: tf.Tensor,
        prior: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Weights of members by the errors of the forecasts made from `since` on.

        Args:
          states: as `members.recursion` gives them.
          members: float32[members, 6].
          since: int32[], a place.
          can_log: bool[origins, rows, 1], whether there are logarithms.
          prior: float32[members], the logarithms of their weights where there are no errors.

        Returns:
          float32[origins, rows, members]; and the mean errors of each kind, float32[origins, rows,
          ahead, kinds], in its own unit.
        """
        log = members[:, LOG] > 0
        # Loops of the graph: written out for each of `ahead` it would take seconds to make.
        number = len(self.ahead)

        def array(rank: int) -> tf.TensorArray:
            shape = tf.TensorShape([None] * rank)
            return tf.TensorArray(
                tf.float32, number, clear_after_read=False, element_shape=shape, infer_shape=False
            )

        def add(place: tf.Tensor, score: tf.Tensor, total: tf.Tensor, *arrays: Any) -> tuple:
            kept, counts = arrays
            ahead = tf.constant(self.ahead)[place]
            errors, counted, count = self._errors(states, members, since, ahead)
            some = tf.cast(count > 0, tf.float32)[..., tf.newaxis] / tf.cast(ahead, tf.float32)
            return (
                place + 1,
                score + some * tf.math.log(counted + _SMALL * (count[..., tf.newaxis] + 1)),
                total + some,
                kept.write(place, ratio(errors, count[..., tf.newaxis])),
                counts.write(place, count),
            )

        shape = tf.stack([tf.size(self.places), tf.shape(self._values)[1], tf.shape(members)[0]])
        zero, of_all = tf.zeros(shape), tf.TensorShape([None] * 3)
        _, score, total, kept, counts = tf.while_loop(
            lambda place, *_: place < number,
            add,
            (tf.constant(0), zero, zero[..., :1], array(3), array(2)),
            shape_invariants=(tf.TensorShape([]), of_all, of_all, *[tf.TensorShape(None)] * 2),
            parallel_iterations=1,
        )
        first = counts.read(0)
        sharp = _SHARP * ratio(first**2, (first + _FEW) * (first + _FEWEST))
        score = prior - sharp[..., tf.newaxis] * ratio(score, total)
        weights = tf.nn.softmax(tf.where(can_log | ~log, score, -math.inf), axis=-1)
        shares = [tf.where(of_kind, weights, 0.0) for of_kind in (~log, log)]
        shares = [ratio(own, tf.reduce_sum(own, axis=-1, keepdims=True)) for own in shares]

        def spread(place: tf.Tensor) -> tf.Tensor:
            errors = kept.read(place)
            return tf.stack([tf.reduce_sum(own * errors, axis=-1) for own in shares], axis=-1)

        spreads = tf.map_fn(
            spread,
            tf.range(number),
            fn_output_signature=tf.TensorSpec([None, None, None]),
            parallel_iterations=1,
        )
        return weights, tf.transpose(spreads, (1, 2, 0, 3))

    def counts(self, since: tf.Tensor) -> list[tf.Tensor]:
        """For each of `ahead` float32[origins, rows], how many errors there are from `since` on."""

        def count(ahead: tf.Tensor) -> tf.Tensor:
            there = self._there(self._values[..., 0], since, ahead)
            return self._known(tf.cast(there, tf.float32), self._late(ahead))

        every = tf.constant(self.ahead)
        counts = tf.map_fn(
            count, every, fn_output_signature=tf.TensorSpec([None, None]), parallel_iterations=1
        )
        found: list[tf.Tensor] = tf.unstack(counts, len(self.ahead))
        return found

    def _there(self, values: tf.Tensor, since: tf.Tensor, ahead: tf.Tensor) -> tf.Tensor:
        """Whether a forecast of so many steps from each origin meets a value."""
        at, steps = self.places, tf.shape(values)[0]
        truth = tf.gather(values, tf.minimum(at + ahead - 1, steps - 1))
        real = (at >= since) & (at + ahead <= steps)
        return tf.reshape(real, [-1] + [1] * (len(truth.shape) - 1)) & ~tf.math.is_nan(truth)

    def _late(self, ahead: tf.Tensor) -> tf.Tensor:
        """Origins until an error is known: when its target is."""
        return (ahead + self.apart - 1) // self.apart

    def _errors(
        self, states: Sequence[tf.Tensor], members: tf.Tensor, since: tf.Tensor, ahead: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Sums of the absolute errors known at each origin: as they are, and in the first unit."""
        level, trend, season = states
        kinds = tf.cast(members[:, LOG], tf.int32)
        log = kinds > 0
        steps = tf.shape(self._values)[0]
        at = self.places
        ahead_of = tf.minimum(at + (ahead - 1) % self._length, tf.shape(season)[0] - 1)
        found = (
            tf.gather(level, at)
            + reach(members[:, DAMPING], ahead)[-1] * tf.gather(trend, at)
            + tf.gather(season, ahead_of)
        )
        target = tf.minimum(at + ahead - 1, steps - 1)
        truth = tf.gather(tf.gather(self._values, target), kinds, axis=-1)
        there = tf.gather(self._there(self._values, since, ahead), kinds, axis=-1)
        off = tf.abs(found - truth)
        off = tf.where(log, tf.abs(tf.exp(tf.minimum(found - truth, _FARTHEST)) - 1), off)
        off = tf.where(there, off, 0.0)
        counted = tf.where(log, off * tf.gather(self._sizes, target)[..., tf.newaxis], off)
        counted = tf.where(there, counted, 0.0)
        count = tf.cast(there[..., 0], tf.float32)
        late = self._late(ahead)
        return self._known(off, late), self._known(counted, late), self._known(count, late)

    def _known(self, errors: tf.Tensor, late: tf.Tensor) -> tf.Tensor:
        total = tf.cumsum(tf.concat([tf.zeros_like(errors[:1]), errors], axis=0))
        end = tf.maximum(tf.range(1, tf.shape(errors)[0] + 1) - late, 0)
        begin = tf.maximum(end - self._memory, 0)
        # The sum's rounding leaves a little where all errors are 0.
        return tf.maximum(tf.gather(total, end) - tf.gather(total, begin), 0.0)

    def first_last(self) -> tf.Tensor:
        """float32[FIRST, rows]: the last value, of the first kind, before each of these places."""
        values = self._values[..., 0]
        last, found = tf.zeros_like(values[0]), []
        for place in range(FIRST):
            found.append(last)
            here = values[tf.minimum(place, tf.shape(values)[0] - 1)]
            last = tf.where(tf.math.is_nan(here), last, here)
        return tf.stack(found)

    def guarded(
        self,
        early: tf.Tensor,
        late: tf.Tensor,
        begin: tf.Tensor,
        apart: tf.Tensor,
        still: tf.Tensor,
    ) -> tf.Tensor:
        """Mean errors, each pulled towards what others let expect where it is of few.

        Those of members without a season: towards those of fewer steps ahead, and the first towards
        the mean step that the values have taken, or where they have taken none, towards `still`.
        Those made since members with a season have begun: towards the former, and by the share of
        these members towards those of fewer steps ahead, the first towards the mean step of a
        season.

        All are the larger the fewer steps the values have taken: by the standard deviation of
        Student's t, with a guess's weight and those steps for degrees of freedom, as the scale
        itself is an estimate.

        Args:
          early: float32[origins, rows, ahead, kinds], of the errors since `FIRST`.
          late: the same of all members' since `begin`.
          begin: int32[].
          apart: float32[origins, rows, 1], the share of the members with a season.
          still: float32[rows, kinds].

        Returns:
          float32[origins, rows, ahead, kinds]; from `begin` on the second.
        """
        guess, taken = self._moves(tf.constant(1))
        guess = tf.where(guess > 0, guess, still)
        plain, steps = [], 1
        for place, (ahead, count) in enumerate(
            zip(self.ahead, self.counts(tf.constant(FIRST)), strict=True)
        ):
            guess = _pulled(early[..., place, :], count, guess * (ahead / steps) ** 0.5)
            plain.append(guess)
            steps = ahead
        guess, seasons = self._moves(self._length)
        guess = tf.minimum(_pulled(guess, seasons, plain[0]), plain[0])
        seasonal = []
        for place, count in enumerate(self.counts(begin)):
            guess = apart * guess + (1 - apart) * plain[place]
            guess = _pulled(late[..., place, :], count, guess)
            seasonal.append(guess)
        begun = (self.places >= begin)[:, tf.newaxis, tf.newaxis, tf.newaxis]
        freedom = (_GUESSED + taken)[..., tf.newaxis, tf.newaxis]
        found = tf.where(begun, tf.stack(seasonal, axis=2), tf.stack(plain, axis=2))
        return found * tf.sqrt(freedom / (freedom - 2))

    def _moves(self, lag: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """How far values are on average from those `lag` steps earlier, and of how many that is.

        Returns:
          float32[origins, rows, kinds], 0 of none, and float32[origins, rows], before each place.
        """
        steps = tf.shape(self._values)[0]
        behind = [[lag, 0], [0, 0], [0, 0]]
        taken = tf.abs(
            self._values - tf.pad(self._values, behind, constant_values=math.nan)[:steps]
        )
        there = ~tf.math.is_nan(taken)
        pads = [[1, 0], [0, 0], [0, 0]]
        total, count = (
            tf.gather(tf.cumsum(tf.pad(one, pads)), self.places)
            for one in (tf.where(there, taken, 0.0), tf.cast(there, tf.float32))
        )
        return ratio(total, count), count[..., 0]


def _pulled(errors: tf.Tensor, count: tf.Tensor, guess: tf.Tensor) -> tf.Tensor:
    """Mean errors float32[origins, rows, kinds], of few nearer to the guess."""
    count = count[..., tf.newaxis]
    return (count * errors + _GUESSED * guess) / (count + _GUESSED)
