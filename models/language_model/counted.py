"""The n-grams of the training text, in the graph: what the network's logits stand on."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from tidegate.models.text.ngrams import NgramTable

Tensor = Any
# Behind the last key of a table that is not full.
_BEHIND = np.iinfo(np.int64).max


@keras.saving.register_keras_serializable(package="tidegate")
class CountedNgrams(keras.layers.Layer):
    """Probabilities by interpolated n-grams with Kneser-Ney smoothing, as `NgramModel` has them.

    The n-grams are weights that are not trained. A context is named by its place in the table, 0
    for one that is not there; a row carries the places of its contexts of 1 to `order - 1` tokens.

    Args:
      size: ids there are; 0 is padding.
      order: the longest n-gram, 2 or more.
      most: n-grams the table has room for.
      whole: whether a call gives the probabilities of all tokens, or the targets' alone.
    """

    def __init__(self, size: int, order: int, most: int, whole: bool = True, **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        self.size, self.order, self.most, self.whole = size, order, most, whole

    def build(self, *_: Any) -> None:
        numbers = {"shape": (self.most,), "initializer": "zeros", "trainable": False}
        self.keys = self.add_weight(name="keys", dtype="int64", **numbers)
        self.counts = self.add_weight(name="counts", **numbers)
        self.totals = self.add_weight(name="totals", **numbers)
        self.backs = self.add_weight(name="backs", **numbers)
        self.discounts = self.add_weight(
            name="discounts", shape=(self.order, 4), initializer="zeros", trainable=False
        )

    def fill(self, table: NgramTable) -> None:
        """Takes the n-grams of a table."""
        room = (0, self.most - len(table.keys))
        self.keys.assign(np.pad(table.keys, room, constant_values=_BEHIND))
        own = (self.counts, self.totals, self.backs)
        for weight, given in zip(own, (table.counts, table.totals, table.backs), strict=True):
            weight.assign(np.pad(given, room))
        self.discounts.assign(table.discounts)

    def call(
        self, tokens: Tensor, targets: Tensor, before: Tensor, training: bool | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The probabilities of what comes next.

        In training, where all are asked for, the target's own occurrence is left out of the
        counts, as they were learnt from this text and would know it.

        Args:
          tokens: int[rows, steps], right-padded with 0.
          targets: int[rows, steps], what comes next.
          before: float[rows, order - 1], the contexts before the first token.

        Returns:
          float32[rows, steps, size], adding up to 1, or float32[rows, steps], the targets', which
          come from none of the text learnt from; float32[rows, steps, order - 1], how much is
          known of each context, ln(1 + its total); float[rows, order - 1], the contexts behind the
          last token.
        """
        contexts = self._contexts(tokens, before)
        length = ops.sum(ops.cast(ops.not_equal(tokens, 0), "int32"), axis=1)
        last = ops.maximum(length - 1, 0)[:, None, None]
        found = ops.take_along_axis(ops.stack(contexts[1:], axis=-1), last, axis=1)[:, 0]
        after = ops.where((length > 0)[:, None], ops.cast(found, before.dtype), before)
        if self.whole:
            return *self._distributions(contexts, targets if training else None), after
        totals, backs, evidence = self._sums(contexts)
        found = ops.full_like(totals[0], 1 / (self.size - 1))
        for length, (total, back) in enumerate(zip(totals, backs, strict=True)):
            share = self._share(self._find(contexts[length], targets, length), length)
            longer = (share + back * found) / ops.maximum(total, 1.0)
            found = ops.where(total > 0, longer, found)
        return found, evidence, after

    def after(self, tokens: Tensor, before: Tensor) -> Tensor:
        """The contexts behind one more token, int[rows], of rows with float[rows, order - 1]."""
        contexts = self._contexts(ops.expand_dims(tokens, 1), before)
        return ops.cast(ops.concatenate(contexts[1:], axis=1), before.dtype)

    def behind(self, before: Tensor) -> tuple[Tensor, Tensor]:
        """The probabilities of what comes next behind contexts.

        Args:
          before: float[rows, order - 1].

        Returns:
          float32[rows, size] and float32[rows, order - 1], as `call` gives them.
        """
        places = ops.cast(before, "int32")
        columns = [places[:, place : place + 1] for place in range(self.order - 1)]
        found, known = self._distributions([ops.zeros_like(columns[0]), *columns], None)
        return found[:, 0], known[:, 0]

    def _contexts(self, tokens: Tensor, before: Tensor) -> list[Tensor]:
        """The contexts of 0 to `order - 1` tokens that end with each token: int32[rows, steps]."""
        before = ops.cast(before, "int32")
        found = [ops.zeros_like(ops.cast(tokens, "int32"))]
        for length in range(self.order - 1):
            first = before[:, length - 1 : length] if length else found[0][:, :1]
            shorter = ops.concatenate([first, found[-1][:, :-1]], axis=1)
            found.append(self._find(shorter, tokens, length))
        return found

    def _find(self, context: Tensor, token: Tensor, length: int) -> Tensor:
        """int32[...]: the n-gram of a context and a token, 0 for one that is not there."""
        key = ops.cast(context, "int64") * (self.size + 1) + ops.cast(token, "int64")
        at = ops.reshape(ops.searchsorted(self.keys, ops.reshape(key, (-1,))), ops.shape(key))
        at = ops.minimum(at, self.most - 1)
        there = ops.equal(ops.take(self.keys, at), key)
        if length:
            there = ops.logical_and(there, context > 0)
        return ops.where(there, at, 0)

    def _discount(self, count: Tensor, length: int) -> Tensor:
        return ops.take(self.discounts[length], ops.cast(ops.minimum(count, 3), "int32"))

    def _distributions(
        self, contexts: list[Tensor], targets: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """All tokens' probabilities behind contexts, the targets' own occurrences left out."""
        totals, backs, evidence = self._sums(contexts, 0.0 if targets is None else 1.0)
        own: list[Tensor] = []
        # What the target's share is more or less than by the table's count, times the total.
        if targets is not None:
            less = ops.ones_like(totals[0])
            for length in reversed(range(self.order)):
                count = ops.take(self.counts, self._find(contexts[length], targets, length))
                left = ops.maximum(count - less, 0)
                discount, now = self._discount(count, length), self._discount(left, length)
                own.insert(0, left - now - (count - discount))
                back = backs[length] - ops.where(count > 0, less * (discount - now), less)
                backs[length] = ops.maximum(back, 0)
                totals[length] = totals[length] - less
                # One that comes no more does not count for the shorter one that it ends with.
                less = less * ops.cast(count <= 1, "float32")
        return self._summed(contexts, totals, backs, own, targets), evidence

    def _sums(
        self, contexts: list[Tensor], left_out: float = 0.0
    ) -> tuple[list[Tensor], list[Tensor], Tensor]:
        """Of contexts, `totals` and `backs`, 0 of one that is not there, and how much is known."""
        there = [1.0, *(ops.cast(context > 0, "float32") for context in contexts[1:])]
        totals, backs = (
            [ops.take(one, context) * known for context, known in zip(contexts, there, strict=True)]
            for one in (self.totals, self.backs)
        )
        known = [ops.log1p(ops.maximum(total - left_out, 0)) for total in totals[1:]]
        return totals, backs, ops.stack(known, axis=-1)

    def _summed(
        self,
        contexts: list[Tensor],
        totals: list[Tensor],
        backs: list[Tensor],
        own: list[Tensor],
        targets: Tensor | None,
    ) -> Tensor:
        """The shares of all lengths, from the longest: each has what the longer ones leave."""
        shape = tf.shape(contexts[0])
        left, extra = tf.ones(shape), tf.zeros(shape)
        shares, places, rows = [], [], []
        for length in reversed(range(self.order)):
            there = totals[length] > 0
            each = tf.where(there, left / tf.maximum(totals[length], 1.0), 0.0)
            if own:
                extra += each * own[length]
            context, flat = tf.reshape(contexts[length], [-1]), tf.reshape(each, [-1])
            if length == 0:
                rows.append(flat[:, None] * self._single())
            elif length == 1:
                # Few tokens, of which each has many after it, come again and again.
                few, which = tf.unique(context)
                share, place = self._after(few, length, tf.ones_like(few, tf.float32))
                rows.append(flat[:, None] * tf.gather(self._dense(share, place, few), which))
            else:
                share, place = self._after(context, length, flat)
                shares.append(share)
                places.append(place)
            left *= tf.where(there, backs[length] / tf.maximum(totals[length], 1.0), 1.0)
        uniform = tf.constant([[0.0] + [1 / (self.size - 1)] * (self.size - 1)])
        rows.append(tf.reshape(left, [-1, 1]) * uniform)
        if shares:
            rows.append(self._dense(tf.concat(shares, 0), tf.concat(places, 0), context))
        found = tf.reshape(tf.add_n(rows), tf.concat([shape, [self.size]], 0))
        if targets is not None:
            found += tf.one_hot(targets, self.size) * extra[..., None]
        return tf.ensure_shape(found, [None, None, self.size])

    def _after(self, context: Tensor, length: int, factor: Tensor) -> tuple[Tensor, Tensor]:
        """What comes after contexts, int32[n]: shares times a factor, and places in [n, size]."""
        key = tf.cast(context, tf.int64) * (self.size + 1)
        begin = tf.searchsorted(self.keys, key)
        end = tf.searchsorted(self.keys, key + self.size + 1)
        children = tf.ragged.range(begin, tf.where((context > 0) & (factor > 0), end, begin))
        at, row = children.values, children.value_rowids()
        share = self._share(at, length) * tf.gather(factor, row)
        return share, row * self.size + tf.gather(self.keys, at) % (self.size + 1)

    def _dense(self, share: Tensor, place: Tensor, context: Tensor) -> Tensor:
        """float32[n, size], for n contexts."""
        count = tf.cast(tf.size(context), tf.int64) * self.size
        return tf.reshape(tf.math.unsorted_segment_sum(share, place, count), [-1, self.size])

    def _share(self, at: Tensor, length: int) -> Tensor:
        """The counts of n-grams without what is taken off, float32[...]."""
        count = tf.gather(self.counts, at)
        return count - tf.gather(self.discounts[length], tf.cast(tf.minimum(count, 3), tf.int32))

    def _single(self) -> Tensor:
        """The same of each token alone, float32[1, size]."""
        # They stand first in the table; its place 0 is that of no n-gram.
        at = tf.range(1, tf.searchsorted(self.keys, [tf.cast(self.size, tf.int64)])[0])
        place = tf.cast(tf.gather(self.keys, at), tf.int32)
        return tf.math.unsorted_segment_sum(self._share(at, 0), place, self.size)[None]

    def compute_output_shape(
        self, tokens_shape: Any, targets_shape: Any, before_shape: Any
    ) -> tuple[Any, ...]:
        found = (*targets_shape, self.size) if self.whole else targets_shape
        return found, (*targets_shape, self.order - 1), before_shape
