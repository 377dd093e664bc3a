"""Texts that end a continuation: each row has its own."""

import tensorflow as tf

from tidegate.models.text.reversible import canonical, join


class Stops:
    """Says of tokens whether their text holds one of the row's stop strings, and cuts it there.

    A continuation ends with the first token by which a stop string is complete, so that a stop
    string ends within the last token.

    Args:
      spelled: string[ids], `reversible.spellings`.
      stop: string[rows, n]; an empty one stops nothing.
    """

    def __init__(self, spelled: tf.Tensor, stop: tf.Tensor) -> None:
        self._spelled = spelled
        self._stop = canonical(stop)
        self._lengths = tf.strings.length(self._stop)
        self._sizes = tf.strings.length(spelled)
        self._longest = tf.reduce_max(tf.concat([tf.reshape(self._lengths, [-1]), [0]], axis=0))

    def __call__(self, tokens: tf.Tensor) -> tf.Tensor:
        """int[rows, candidates, steps] to bool[rows, candidates], as `decode` asks for."""

        def matched() -> tf.Tensor:
            # A stop string that ends within the last token begins no further before it than it
            # is long.
            size = tf.gather(self._sizes, tokens)
            behind = tf.cumsum(size, axis=2, exclusive=True, reverse=True)
            near = behind < self._longest + size[:, :, -1:]
            needed = tf.reduce_sum(tf.cast(near, tf.int32), axis=2)
            most = tf.reduce_max(tf.concat([tf.reshape(needed, [-1]), [1]], axis=0))
            text = join(tokens[:, :, -most:], self._spelled)
            return self._begins(text, tokens[:, :, -1]) >= 0

        def none() -> tf.Tensor:
            return tf.fill(tf.shape(tokens)[:2], False)

        return tf.cond(self._longest > 0, matched, none)

    def cut(self, tokens: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
        """The texts without the stop strings that have ended them, and what is behind.

        Args:
          tokens: int[rows, lanes, steps], 0 behind the end.
          lengths: int32[rows, lanes].

        Returns:
          string[rows, lanes].
        """
        texts = join(tokens, self._spelled)
        # A step of padding in front: the last token of none.
        padded = tf.pad(tokens, [[0, 0], [0, 0], [1, 0]])
        begins = self._begins(texts, tf.gather(padded, lengths, batch_dims=2))
        return tf.strings.substr(
            texts, tf.zeros_like(begins), tf.where(begins < 0, tf.strings.length(texts), begins)
        )

    def _begins(self, texts: tf.Tensor, last: tf.Tensor) -> tf.Tensor:
        """The byte at which the first stop string begins that ends within the last token, or -1.

        Args:
          texts: string[rows, m], with the last token at the end.
          last: int[rows, m], this token.

        Returns:
          int32[rows, m].
        """
        size = tf.strings.length(texts)[:, :, None, None]
        within = tf.gather(self._sizes, last)[:, :, None, None]
        # How many bytes are behind the stop string.
        behind = tf.range(tf.reduce_max(tf.concat([tf.reshape(within, [-1]), [0]], axis=0)))
        length = self._lengths[:, None, :, None]
        place = size - length - behind
        text = tf.broadcast_to(texts[:, :, None, None], tf.shape(place))
        part = tf.strings.substr(
            text, tf.clip_by_value(place, 0, size), tf.broadcast_to(length, tf.shape(place))
        )
        fits = (length > 0) & (behind < within) & (place >= 0)
        fits &= part == self._stop[:, None, :, None]
        first = tf.reduce_min(tf.where(fits, place, tf.int32.max), axis=[2, 3])
        return tf.where(first < tf.int32.max, first, -1)
