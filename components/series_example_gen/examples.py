"""A split's part of a series as a tf.Example."""

import calendar
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import tensorflow as tf

from tidegate.components.series_example_gen.grid import Grid, Gridding
from tidegate.components.series_example_gen.splits import Piece, Splitting


@dataclass(frozen=True)
class Output:
    """What the second pass writes.

    Attributes:
      folder: of the examples.
      buckets: files a split, at most.
      gridding: how series are put on a grid.
      splitting: how they are parted.
      historic: names of the columns of historic covariates.
    """

    folder: str
    buckets: int
    gridding: Gridding
    splitting: Splitting
    historic: tuple[str, ...]


def series_example(grid: Grid, piece: Piece, output: Output) -> tf.train.Example:
    """A split's part of a series; see `SeriesExampleGen`."""
    step, gridding = output.gridding.step, output.gridding
    start = grid.start + piece.begin * (step.seconds or step.months or step.index)
    if step.months:
        start = _seconds(start, grid.day)
    features = {
        "unique_id": _texts([grid.name]),
        "start": _integers([start]),
        "step_seconds": _integers([step.seconds]),
        "step_months": _integers([step.months]),
        "step_index": _integers([step.index]),
        "first_target": _integers([piece.first - piece.begin]),
        "y": _numbers(grid.numbers[piece.begin : piece.end, 0]),
    }
    for column, value in zip(gridding.names, grid.names, strict=True):
        features[column] = _texts([value])
    for at, column in enumerate(gridding.statics, start=1):
        features[column] = _numbers(grid.numbers[:1, at])
    varying = (*output.historic, *gridding.futures)
    for at, column in enumerate(varying, start=1 + len(gridding.statics)):
        features[column] = _numbers(grid.numbers[piece.begin : piece.end, at])
    return tf.train.Example(features=tf.train.Features(feature=features))


def _seconds(months: int, day: int) -> int:
    """The time of a month's day, or of its last one where it is shorter; months since 1970-01."""
    year, month = 1970 + months // 12, months % 12 + 1
    shown = date(year, month, min(day, calendar.monthrange(year, month)[1]))
    return (shown.toordinal() - date(1970, 1, 1).toordinal()) * 86_400


def _texts(values: Sequence[str]) -> tf.train.Feature:
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[text.encode() for text in values]))


def _integers(values: Sequence[int]) -> tf.train.Feature:
    return tf.train.Feature(int64_list=tf.train.Int64List(value=values))


def _numbers(values: np.ndarray) -> tf.train.Feature:
    return tf.train.Feature(float_list=tf.train.FloatList(value=values.tolist()))
