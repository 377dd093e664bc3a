"""A split's part of a series as a tf.Example."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from tidegate.components.series_example_gen.grid import Grid
from tidegate.components.series_example_gen.splits import Piece, Splitting
from tidegate.tables.grid import Gridding
from tidegate.tables.reads import SeriesReads


@dataclass(frozen=True)
class Output:
    """What the second pass writes.

    Attributes:
      folder: of the examples.
      buckets: files a split, at most.
      gridding: how series are put on a grid.
      splitting: how they are parted.
      reads: what was read.
      tests: which of the files are the fixed test data.
    """

    folder: str
    buckets: int
    gridding: Gridding
    splitting: Splitting
    reads: SeriesReads
    tests: frozenset[int] = frozenset()


def series_example(grid: Grid, piece: Piece, output: Output) -> tf.train.Example:
    """A split's part of a series; see `SeriesExampleGen`."""
    step, reads = output.gridding.step, output.reads
    features = {
        "unique_id": _texts([grid.name]),
        "start": _integers([output.gridding.time(grid.places, piece.begin)]),
        "step_seconds": _integers([step.seconds]),
        "step_months": _integers([step.months]),
        "step_index": _integers([step.index]),
        "step_business": _integers([step.business]),
        "first_target": _integers([piece.first - piece.begin]),
        "y": _numbers(grid.numbers[piece.begin : piece.end, 0]),
    }
    for column, value in zip(reads.static, grid.names, strict=True):
        features[column] = _texts([value])
    for at, column in enumerate(reads.static_numbers, start=1):
        features[column] = _numbers(grid.numbers[:1, at])
    for at, column in enumerate(reads.varying, start=1 + len(reads.static_numbers)):
        features[column] = _numbers(grid.numbers[piece.begin : piece.end, at])
    return tf.train.Example(features=tf.train.Features(feature=features))


def _texts(values: Sequence[str]) -> tf.train.Feature:
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[text.encode() for text in values]))


def _integers(values: Sequence[int]) -> tf.train.Feature:
    return tf.train.Feature(int64_list=tf.train.Int64List(value=values))


def _numbers(values: np.ndarray) -> tf.train.Feature:
    return tf.train.Feature(float_list=tf.train.FloatList(value=values.tolist()))
