"""The two passes over the data as Beam functions: rows to ordered buckets, buckets to examples."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow as tf

from components.record_files import FileFormat
from components.series_example_gen.examples import Output, series_example
from components.series_example_gen.grid import Grid
from components.series_example_gen.reading import Columns, read_tables
from components.series_example_gen.report import Reading, SeriesReport
from components.series_example_gen.splits import Piece, cutoff_steps
from components.series_example_gen.table import (
    Series,
    Table,
    arrange,
    by_bucket,
    each_series,
    time_text,
)
from models.core.errors import InputError


@dataclass(frozen=True)
class Plan:
    """What the first pass reads.

    Attributes:
      inputs: the files, those of the fixed test data last.
      columns: what is read of them.
      how: encoding and delimiter.
      buckets: parts that are held in memory one at a time.
    """

    inputs: tuple[str, ...]
    columns: Columns
    how: FileFormat
    buckets: int


class ReadFiles(beam.DoFn):
    """(number, path) of files to ((bucket,), rows of a `Table`) and a `Reading`."""

    REPORT = "report"

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def process(self, element: tuple[int, str]) -> Iterator[Any]:
        file, path = element
        report = Reading()
        try:
            for table in read_tables(path, file, self._plan.columns, self._plan.how, report):
                for bucket, part in by_bucket(table, self._plan.buckets):
                    yield (bucket,), part.to_bytes()
        except InputError as error:
            # Not raised: a runner would wrap it, and the user would lose the line.
            report.fatal.append(str(error))
        yield beam.pvalue.TaggedOutput(self.REPORT, report)


class Arrange(beam.DoFn):
    """((bucket,), paths) to one ordered file of the bucket, and a `Reading` of its distances."""

    def __init__(self, folder: str, plan: Plan) -> None:
        self._folder = folder
        self._plan = plan

    def process(self, element: tuple[tuple[int], Iterable[str]]) -> Iterator[Reading]:
        (bucket,), paths = element
        names = sorted(paths)
        table = arrange(
            [
                Table.from_bytes(record.numpy())
                for path in names
                for record in tf.data.TFRecordDataset(path)
            ]
        )
        report = Reading()
        try:
            for series in each_series(table):
                self._check_once(series)
                report.distances.add_series(series, self._plan.inputs, self._plan.columns.integer)
            with tf.io.gfile.GFile(bucket_path(self._folder, bucket), "wb") as file:
                file.write(table.to_bytes())
        except InputError as error:
            report.fatal.append(str(error))
        yield report

    def _check_once(self, series: Series) -> None:
        twice = np.flatnonzero(np.diff(series.table.time) == 0)
        if not len(twice):
            return
        row, columns = int(twice[0]), self._plan.columns
        time = time_text(series.table.time[row], columns.integer)
        hint = (
            f"; is there a column of names that data.id_column should name instead of "
            f"{columns.id!r}?"
            if columns.id_optional
            else ": sum the rows, or drop one"
        )
        raise InputError(
            f"{series.place(row + 1, self._plan.inputs)}: series {series.name!r} has {time} twice "
            f"(also {series.place(row, self._plan.inputs)}); expected one row per series and "
            f"time{hint}"
        )


class WriteBucket(beam.DoFn):
    """(bucket, path) to a file of tf.Examples for each split, and a `SeriesReport`."""

    def __init__(self, output: Output) -> None:
        self._output = output

    def process(self, element: tuple[int, str]) -> Iterator[SeriesReport]:
        bucket, path = element
        with tf.io.gfile.GFile(path, "rb") as file:
            table = Table.from_bytes(file.read())
        report = SeriesReport()
        writers: dict[str, tf.io.TFRecordWriter] = {}
        try:
            for series in each_series(table):
                grid = self._output.gridding.grid(series)
                for piece in self._pieces(grid, series.name, report):
                    assert grid is not None
                    if piece.split not in writers:
                        writers[piece.split] = self._writer(piece.split, bucket)
                    example = series_example(grid, piece, self._output)
                    writers[piece.split].write(example.SerializeToString(deterministic=True))
        except InputError as error:
            report.fatal.append(str(error))
        finally:
            for writer in writers.values():
                writer.close()
        yield report

    def _pieces(self, grid: Grid | None, name: str, report: SeriesReport) -> Iterator[Piece]:
        report.found += 1
        if grid is None:
            report.leave_out("no value at all", name)
            return
        output = self._output
        report.longest = max(report.longest, (grid.steps, name))
        target = grid.numbers[:, 0]
        seen = ~np.isnan(target)
        if seen.sum() > 1 and np.nanmin(target) == np.nanmax(target):
            report.note("constant", name)
        if output.gridding.tests and not grid.train_end:
            report.note("only in the test data, where its first steps serve as history", name)
        cutoffs = cutoff_steps(output.splitting.cutoffs, grid.start, output.gridding.step, grid.day)
        pieces, reasons = output.splitting.pieces(grid.steps, cutoffs, grid.train_end, grid.test_at)
        for reason in reasons.values():
            report.leave_out(reason, name)
        for piece in pieces:
            values = int(seen[piece.first : piece.end].sum())
            if values:
                report.add_piece(piece.split, piece.end - piece.first, values)
                yield piece
            else:
                report.leave_out(f"no value in the steps of the split {piece.split!r}", name)

    def _writer(self, split: str, bucket: int) -> tf.io.TFRecordWriter:
        folder = os.path.join(self._output.folder, f"Split-{split}")
        tf.io.gfile.makedirs(folder)
        name = f"data_tfrecord-{bucket:05d}-of-{self._output.buckets:05d}.gz"
        return tf.io.TFRecordWriter(os.path.join(folder, name), "GZIP")


def bucket_path(folder: str, bucket: int) -> str:
    """The ordered rows of a bucket."""
    return os.path.join(folder, f"bucket-{bucket:05d}")
