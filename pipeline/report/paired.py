"""Two models on the same rows: how far apart they are, and how sure that is."""

import hashlib
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import tensorflow as tf
import tensorflow_text  # noqa: F401  Registers the ops of exported models.

from tidegate.components.pictures.judged import judged
from tidegate.models.core.export import TRANSFORM_SIGNATURE
from tidegate.models.core.task import SequenceTask
from tidegate.pipeline.report.compare import Difference

Sums: TypeAlias = Mapping[str, np.ndarray]
# Rows fall into so many groups, and a difference is looked at without each of them in turn. With
# fewer groups than the least its uncertainty is not known.
_GROUPS = 32
_FEWEST = 8
_AT_ONCE = 16


def shared_rows(splits: Sequence[Callable[[], Iterable[bytes]]], most: int) -> list[bytes]:
    """The rows that all splits have, byte by byte, in the order of the first.

    Args:
      splits: each gives serialized tf.Examples, anew at each call.
      most: so many at most, the first ones.
    """
    others = [{_digest(row) for row in read()} for read in splits[1:]]
    own = (row for row in splits[0]() if all(_digest(row) in other for other in others))
    return list(itertools.islice(own, most))


def _digest(row: bytes) -> bytes:
    return hashlib.blake2b(row, digest_size=16).digest()


def group_sums(task: SequenceTask, model: str, rows: Sequence[bytes]) -> list[Sums]:
    """A model's statistics of each group of rows.

    Args:
      task: the model's.
      model: folder of a SavedModel; a path, or a URI.
      rows: serialized tf.Examples.

    Returns:
      `Evaluation.statistics` summed, for up to 32 groups of nearly as many rows; models that are
      given the same rows have the same groups.
    """
    exported = tf.saved_model.load(model)
    transform = exported.signatures[TRANSFORM_SIGNATURE]
    evaluation = task.evaluation
    at_once = max(min(_AT_ONCE, math.ceil(len(rows) / _GROUPS)), 1)
    groups: list[dict[str, np.ndarray]] = [{} for _ in range(_GROUPS)]
    for number, (batch, found) in enumerate(judged(task, exported, rows, at_once)):
        targets = None
        if evaluation.target is not None:
            targets = transform(tf.constant(batch))[evaluation.target].numpy().reshape(-1)
        sums = groups[number % _GROUPS]
        for name, value in evaluation.statistics(targets, found).items():
            sums[name] = sums.get(name, 0) + value
    return [sums for sums in groups if sums]


def differences(
    task: SequenceTask, first: Sequence[Sums], second: Sequence[Sums]
) -> Iterator[tuple[str, Difference]]:
    """The headline figures of two models on the same rows.

    The standard error is the jackknife's with a group of rows left out at a time (Efron and
    Tibshirani 1993, "An introduction to the bootstrap", chapter 11).

    Args:
      task: the models'.
      first, second: the sums of each model's groups, as `group_sums` gives them.
    """
    count = len(first)
    whole = [_figures(task, groups) for groups in (first, second)]
    without = [
        [_figures(task, [*groups[:place], *groups[place + 1 :]]) for groups in (first, second)]
        for place in range(count)
        if count >= _FEWEST
    ]
    for name in task.evaluation.headline:
        left = np.array([other[name] - one[name] for one, other in without])
        error = math.sqrt((count - 1) * left.var()) if count >= _FEWEST else math.nan
        yield name, Difference(whole[0][name], whole[1][name], error)


def _figures(task: SequenceTask, groups: Iterable[Sums]) -> dict[str, Any]:
    total: dict[str, np.ndarray] = {}
    for sums in groups:
        for name, value in sums.items():
            total[name] = total.get(name, 0) + value
    found: dict[str, Any] = task.evaluation.summarise(total)
    return found
