"""Learns a wordpiece vocabulary inside a TF Transform pipeline."""

import os
from collections import Counter
from collections.abc import Iterable
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow as tf
import tensorflow_text as tf_text
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam

from tidegate.models.text.pieces import JOINER, learn

UNKNOWN = "[UNK]"
# The learner holds the counted words in memory: more than these, the rarest, are left out.
_MAX_WORDS = 1_000_000


class _LearnWordpiece(tft_beam.experimental.PTransformAnalyzer):
    """Words to the path of a vocabulary file, one token a line, `UNKNOWN` the first."""

    def __init__(self, name: str, vocabulary_size: int, min_count: int) -> None:
        super().__init__()
        self._name = name
        self._vocabulary_size = vocabulary_size
        self._min_count = min_count

    def expand(self, words: Any) -> Any:
        return (
            words
            | "CountBatch"
            >> beam.FlatMap(lambda batch: Counter(np.ravel(batch[0]).tolist()).items())
            | "Count" >> beam.CombinePerKey(sum)
            | "Frequent" >> beam.combiners.Top.Of(_MAX_WORDS, key=lambda item: (item[1], item[0]))
            | "Learn" >> beam.Map(self._learn)
        )

    def _learn(self, counts: Iterable[tuple[bytes, int]]) -> str:
        words = {word.decode("utf-8"): count for word, count in counts}
        tokens = [UNKNOWN]
        if words:
            tokens = learn(
                words,
                size=self._vocabulary_size,
                min_count=self._min_count,
                reserved=UNKNOWN,
            )
        tf.io.gfile.makedirs(self.base_temp_dir)
        path = os.path.join(self.base_temp_dir, self._name)
        with tf.io.gfile.GFile(path, "w") as file:
            file.write("".join(f"{token}\n" for token in tokens))
        return path


def learn_wordpiece(
    words: tf.Tensor, *, name: str, vocabulary_size: int, min_count: int
) -> tf.Tensor:
    """An analyzer: the words of all examples to a wordpiece vocabulary.

    Args:
      words: string[n], the words of a batch, flat.
      name: the asset's name; `TFTransformOutput.vocabulary_by_name` finds it.
      vocabulary_size: about how many tokens to learn.
      min_count: a piece seen less often is not learnt.

    Returns:
      string[], the path of the vocabulary file: an asset of the transform graph.
    """
    (path,) = tft.experimental.ptransform_analyzer(
        [words],
        _LearnWordpiece(name, vocabulary_size, min_count),
        [tf.string],
        [[]],
        output_asset_default_values=[UNKNOWN.encode()],
    )
    tft.annotate_asset(name, name)
    return path


def wordpiece_lines(words: tf.RaggedTensor, path: tf.Tensor) -> tf.RaggedTensor:
    """Words to pieces of a vocabulary, the longest that match first.

    Args:
      words: string[batch, (words)].
      path: string[], as `learn_wordpiece` gives it.

    Returns:
      int64[batch, (pieces)], the lines of the pieces in the vocabulary; 0, that of `UNKNOWN`, for a
      word that cannot be pieced together.
    """
    table = tf.lookup.StaticVocabularyTable(
        tf.lookup.TextFileInitializer(
            path,
            tf.string,
            tf.lookup.TextFileIndex.WHOLE_LINE,
            tf.int64,
            tf.lookup.TextFileIndex.LINE_NUMBER,
        ),
        num_oov_buckets=1,
    )
    pieces = tf_text.WordpieceTokenizer(
        table,
        suffix_indicator=JOINER,
        token_out_type=tf.int64,
        unknown_token=UNKNOWN,
    ).tokenize(words)
    return pieces.merge_dims(-2, -1)
