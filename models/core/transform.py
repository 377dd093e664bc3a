"""What the transform graph has learnt, for the functions of a task."""

import functools

import tensorflow_transform as tft


class TransformFacts:
    """Vocabularies of a transform graph; the one place that knows their sizes.

    Args:
      output: the transform graph.
    """

    def __init__(self, output: tft.TFTransformOutput) -> None:
        self.output = output

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
