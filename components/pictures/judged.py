"""What an exported model answers to raw examples, where the Evaluator judges it."""

import itertools
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from tidegate.models.core.task import SequenceTask

_BATCH = 16


def judged(
    task: SequenceTask, exported: Any, rows: Iterable[bytes], at_once: int = _BATCH
) -> Iterator[tuple[list[bytes], np.ndarray]]:
    """Batches of serialized tf.Examples, each with what is judged of the model's answer.

    Args:
      task: the model's.
      exported: the loaded SavedModel.
      rows: serialized tf.Examples, as the ExampleGen wrote them.
      at_once: how many the model is asked about at once.
    """
    answer = exported.signatures[task.evaluation.signature]
    left = iter(rows)
    while batch := list(itertools.islice(left, at_once)):
        yield batch, answer(tf.constant(batch))[task.evaluation.prediction].numpy()
