"""The two passes over the data as Beam functions: rows to ordered buckets, buckets to examples."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow as tf

from tidegate.components import files
from tidegate.components.series_example_gen.examples import Output, series_example
from tidegate.components.series_example_gen.grid import Grid, grid_of
from tidegate.components.series_example_gen.report import (
    LOOK_ALIKE,
    LOST_DIGITS,
    OFFSETS,
    SENTINEL,
    WIDE_GAP,
    Reading,
    SeriesReport,
    no_value,
)
from tidegate.components.series_example_gen.splits import Piece, cutoff_steps
from tidegate.tables.digits import lost, shown
from tidegate.tables.errors import InputError
from tidegate.tables.frequency import wall
from tidegate.tables.ordered import check_once, merged
from tidegate.tables.reads import SeriesReads
from tidegate.tables.rows import Rows
from tidegate.tables.series import Series, Table, arrange, by_bucket, each_series, looks_alike
from tidegate.tables.series_files import read_tables
from tidegate.tables.spikes import sentinel
from tidegate.tables.time_grid import Step
from tidegate.tables.zones import TWICE


@dataclass(frozen=True)
class Plan:
    """What the first pass reads.

    Attributes:
      inputs: the files, those of the fixed test data last.
      reads: what is read of them.
      integer: whether times are integers.
      buckets: parts that are held in memory one at a time.
      tests: which of the files are the fixed test data.
    """

    inputs: tuple[str, ...]
    reads: SeriesReads
    integer: bool
    buckets: int
    tests: frozenset[int] = frozenset()


class ReadFiles(beam.DoFn):
    """(number, path) of files to ((bucket,), rows of a `Table`) and a `Reading`."""

    REPORT = "report"

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def process(self, element: tuple[int, str]) -> Iterator[Any]:
        file, path = element
        report = Reading()
        reads = self._plan.reads
        try:
            with Rows(path, reads.how, reads.columns, reads.optional, files) as rows:
                for table in read_tables(rows, reads, self._plan.integer, report, file):
                    for bucket, part in by_bucket(table, self._plan.buckets):
                        yield (bucket,), part.to_bytes()
                count, first = rows.several_lines
                report.add_several_lines(count, rows.place(first))
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
        report, plan = Reading(), self._plan
        try:
            before = table
            table = merged(table, plan.reads, plan.inputs, plan.tests)
            _remark_moments(report, before, table, plan)
            for series in each_series(table):
                check_once(series, plan.inputs, plan.integer, plan.reads)
                report.distances.add_series(series, plan.inputs, plan.integer)
            with tf.io.gfile.GFile(bucket_path(self._folder, bucket), "wb") as file:
                file.write(table.to_bytes())
        except InputError as error:
            report.fatal.append(str(error))
        yield report


def _remark_moments(report: Reading, before: Table, table: Table, plan: Plan) -> None:
    """Notes rows of which the order alone says their moments."""
    in_doubt, left = (np.flatnonzero(one.doubt == TWICE) for one in (before, table))
    if len(left) < len(in_doubt) and plan.reads.duplicates == "error":
        what = "of the hour that clocks repeat, told apart by their order in the file"
        what += f" (data.timezone={plan.reads.how.timezone})"
        place = f"{plan.inputs[before.file[in_doubt[0]]]}:{before.row[in_doubt[0]]}"
        report.remark(what, len(in_doubt) - len(left), place)


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
                grid = grid_of(series, self._output.gridding, self._output.tests)
                for piece in self._pieces(grid, series, report):
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

    def _pieces(self, grid: Grid | None, series: Series, report: SeriesReport) -> Iterator[Piece]:
        name = series.name
        report.found += 1
        if grid is None:
            report.leave_out("no value at all", name)
            return
        output = self._output
        report.longest = max(report.longest, (grid.train_end, name))
        report.widen(_trained_span(series, output))
        target = grid.numbers[:, 0]
        seen = ~np.isnan(target)
        digits = _lost_digits(series, output)
        if digits:
            report.note(LOST_DIGITS, digits)
        elif seen.sum() > 1 and np.nanmin(target) == np.nanmax(target):
            report.note("constant", name)
        spike = sentinel(series.table.numbers[:, 0])
        if spike:
            report.note(SENTINEL, f"{name}: {spike[0]:g} {spike[1]} times")
        if looks_alike(name):
            report.note(LOOK_ALIKE, ascii(name))
        if output.reads.how.timezone is None and np.ptp(series.table.ahead):
            report.note(OFFSETS, name)
        gap = _wide_gap(series, output.gridding.step, seen)
        if gap:
            report.note(WIDE_GAP, f"{name}: {gap}")
        if output.tests and not grid.train_end:
            report.note("only in the test data, where its first steps serve as history", name)
        splitting, step = output.splitting, output.gridding.step
        cutoffs = cutoff_steps(splitting.cutoffs, grid.places, step, splitting.timezone)
        pieces, reasons = splitting.pieces(grid.steps, cutoffs, grid.train_end, grid.test_at)
        for reason in reasons.values():
            report.leave_out(reason, name)
        for piece in pieces:
            values = int(seen[piece.first : piece.end].sum())
            if values:
                report.add_piece(piece.split, piece.end - piece.first, values)
                yield piece
            else:
                report.leave_out(no_value(piece.split), name)

    def _writer(self, split: str, bucket: int) -> tf.io.TFRecordWriter:
        folder = os.path.join(self._output.folder, f"Split-{split}")
        tf.io.gfile.makedirs(folder)
        name = f"data_tfrecord-{bucket:05d}-of-{self._output.buckets:05d}.gz"
        return tf.io.TFRecordWriter(os.path.join(folder, name), "GZIP")


def _clock(series: Series, step: Step) -> np.ndarray:
    """int64[rows], the times as the step counts them."""
    return wall(series) if step.by_date else series.table.time


def _trained_span(series: Series, output: Output) -> tuple[int, int] | None:
    """The first and the last time of a value in the training data; None where it has none."""
    seen = ~np.isnan(series.table.numbers[:, 0])
    if output.tests:
        seen &= ~np.isin(series.table.file, list(output.tests))
    time = _clock(series, output.gridding.step)[seen]
    return (int(time[0]), int(time[-1])) if len(time) else None


def _wide_gap(series: Series, step: Step, seen: np.ndarray) -> str:
    """The series' widest gap where it is longer than all that is known of it; else empty.

    Args:
      series: its rows.
      step: of its grid.
      seen: bool[steps], where its grid has a value.
    """
    missing = np.diff(np.flatnonzero(seen)) - 1
    if not len(missing) or missing.max() <= seen.sum():
        return ""
    at = int(missing.argmax())
    rows = np.flatnonzero(~np.isnan(series.table.numbers[:, 0]))
    before, after = (series.time_text(rows[row], bool(step.index)) for row in (at, at + 1))
    return f"{missing[at]} steps between {before} and {after}"


def _lost_digits(series: Series, output: Output) -> str:
    """The series, and a value of which digits that matter are not kept; empty where there is none.

    Args:
      series: its rows.
      output: what was read. Columns that do not change with time are passed over.
    """
    reads = output.reads
    varying = (*reads.historic, *reads.future)
    first = 1 + len(reads.static_numbers)
    for at, column in ((0, ""), *enumerate(varying, start=first)):
        value = lost(series.table.numbers[:, at])
        if value is not None:
            where = f", {column!r}" if column else ""
            return f"{series.name}{where}: {shown(value)}"
    return ""


def bucket_path(folder: str, bucket: int) -> str:
    """The ordered rows of a bucket."""
    return os.path.join(folder, f"bucket-{bucket:05d}")
