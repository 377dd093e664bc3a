"""What the transform graph has learnt, for the functions of a task."""

import functools
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft


class TransformFacts:
    """Vocabularies and shapes of a transform graph; the one place that knows their sizes.

    Args:
      output: the transform graph.
      settings: the task's model settings, for `SequenceTask.predict`; None elsewhere.
      features: its feature settings, for the same.
    """

    def __init__(
        self, output: tft.TFTransformOutput, settings: Any = None, features: Any = None
    ) -> None:
        self.output = output
        self.settings = settings
        self.features = features

    @functools.cache  # noqa: B019  An instance lives as long as the training that uses it.
    def vocabulary(self, name: str) -> tuple[bytes, ...]:
        """The entries of a vocabulary, in the order of their index.

        Raises:
          ValueError: the graph has no vocabulary of that name.
        """
        return tuple(self.output.vocabulary_by_name(name))

    def size(self, name: str) -> int:
        """The number of entries of a vocabulary."""
        return len(self.vocabulary(name))

    def width(self, name: str) -> int:
        """The size of a transformed feature's last axis; 0 where the graph has no such feature.

        Raises:
          ValueError: that size is not fixed.
        """
        spec = self.output.transformed_feature_spec().get(name)
        if spec is None:
            return 0
        if isinstance(spec, tf.io.FixedLenFeature) and spec.shape:
            return int(spec.shape[-1])
        if isinstance(spec, tf.io.RaggedFeature) and spec.partitions:
            last = spec.partitions[-1]
            if isinstance(last, tf.io.RaggedFeature.UniformRowLength):
                return int(last.length)
        raise ValueError(f"the last axis of the transformed feature {name!r} has no fixed size")
