"""The work: rows of series to tf.Examples by split, in memory that stays as the data grows.

Two passes. The first reads the files, parts their rows by a hash of the series' names into
buckets of bounded size, orders each and counts the distances between neighbours. From these
comes the frequency. The second puts one series after another on its grid, parts it and writes
it. What is shuffled are names of files: Beam's runner never holds the data.
"""

import os
from collections.abc import Sequence
from dataclasses import astuple, replace
from typing import Any

import apache_beam as beam
import tensorflow as tf
from tfx.dsl.components.base import base_beam_executor
from tfx.types import artifact_utils

from tidegate.components import files
from tidegate.components.example_gen.ending import complete
from tidegate.components.example_gen.report import SumOf, keep_report, kept_report
from tidegate.components.example_gen.scatter import Scatter
from tidegate.components.series_example_gen.examples import Output
from tidegate.components.series_example_gen.passes import (
    Arrange,
    Plan,
    ReadFiles,
    WriteBucket,
    bucket_path,
)
from tidegate.components.series_example_gen.report import Reading, SeriesReport, check
from tidegate.components.series_example_gen.splits import check_cutoffs, split_rule
from tidegate.models.core.progress import reporter
from tidegate.models.series.season import season_length
from tidegate.tables.errors import listed
from tidegate.tables.files import data_files, sources
from tidegate.tables.formats import format_of, is_zipped
from tidegate.tables.frequency import infer
from tidegate.tables.grid import Gridding
from tidegate.tables.reads import SeriesReads, SeriesSplits, from_json
from tidegate.tables.rows import unread_columns
from tidegate.tables.series_files import check_step, has_integer_time
from tidegate.tables.time_forms import INTEGER
from tidegate.tables.time_grid import Step

# A bucket is held in memory: this many bytes of input bound it, unless one series has more.
_BUCKET_BYTES = 32 << 20
# Compressed input holds about so much more.
_COMPRESSION = 4


class Executor(base_beam_executor.BaseBeamExecutor):
    """Reads the files, finds the frequency, and writes the examples."""

    def Do(
        self,
        input_dict: dict[str, list[Any]],
        output_dict: dict[str, list[Any]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Reads, orders, splits and writes; see `SeriesExampleGen`.

        Raises:
          InputError: the data cannot be used.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        reads = from_json(SeriesReads, exec_properties["reads"])
        splits = from_json(SeriesSplits, exec_properties["splits"])
        train = exec_properties["train"]
        shown = ", ".join(sources(train))
        files.set_beam_options(self._beam_pipeline_args or [])
        trains = data_files(train, files)
        test = exec_properties.get("test")
        tests = data_files(test, files) if test else []
        examples = artifact_utils.get_single_instance(output_dict["examples"])
        splitting = split_rule(splits, bool(tests))
        plan = _plan(reads, (*trains, *tests), len(trains))
        source = f"column {reads.time!r} of {shown} holds"
        if reads.frequency:
            source = f"data.frequency={reads.frequency} is for"
        form = reads.how.time_format
        check_cutoffs(splitting.cutoffs, plan.integer, source, form)
        scratch = os.path.join(examples.uri, "unordered")
        tf.io.gfile.makedirs(scratch)
        reading = self._read(plan, scratch)
        reading.check(max_bad_share=reads.max_bad_share, source=shown)
        step = reads.step or infer(reading.distances, shown, plain=form == INTEGER)
        check_step(step, reads.how)
        season = splits.season or usual_season(step)
        splitting = replace(splitting, season=season, timezone=reads.how.timezone)
        output = Output(
            folder=examples.uri,
            buckets=plan.buckets,
            gridding=Gridding(
                step,
                plan.inputs,
                reads.static_numbers,
                reads.future,
                reads.static,
                fill=reads.fill == "zero",
                how=reads.how,
            ),
            splitting=splitting,
            reads=reads,
            tests=plan.tests,
        )
        report = self._write(output, scratch)
        tf.io.gfile.rmtree(scratch)
        report.bad, report.places, report.remarks = reading.bad, reading.places, reading.remarks
        check(report, splitting=splitting, step=step, target=reads.target, source=shown)
        unread = unread_columns(plan.inputs[0], reads.how, reads.columns, files)
        if unread:
            reporter().line(
                f"columns that nothing reads: {listed(unread)}; data.future (known ahead), "
                "data.historic or data.static would"
            )
        for line in report.lines(step):
            reporter().line(line)
        complete(examples, exec_properties, report, step=str(step))

    def _read(self, plan: Plan, folder: str) -> Reading:
        result = os.path.join(folder, "reading")
        inputs = list(enumerate(plan.inputs))
        with self._make_beam_pipeline() as pipeline:
            rows = (
                pipeline
                | "Files" >> beam.Create(inputs, reshuffle=len(inputs) > 1)
                | "Read" >> beam.ParDo(ReadFiles(plan)).with_outputs(ReadFiles.REPORT, main="rows")
            )
            distances = (
                rows["rows"]
                | "Scatter" >> beam.ParDo(Scatter(folder))
                | "Buckets" >> beam.GroupByKey()
                | "Arrange" >> beam.ParDo(Arrange(folder, plan))
            )
            (
                (rows[ReadFiles.REPORT], distances)
                | "BothReports" >> beam.Flatten()
                | "SumReports" >> beam.CombineGlobally(SumOf(Reading))
                | "KeepReport" >> beam.Map(keep_report, result)
            )
        return kept_report(Reading, result)

    def _write(self, output: Output, folder: str) -> SeriesReport:
        result = os.path.join(folder, "series")
        paths = [(bucket, bucket_path(folder, bucket)) for bucket in range(output.buckets)]
        there = [(bucket, path) for bucket, path in paths if tf.io.gfile.exists(path)]
        with self._make_beam_pipeline() as pipeline:
            (
                pipeline
                | "Buckets" >> beam.Create(there, reshuffle=len(there) > 1)
                | "Write" >> beam.ParDo(WriteBucket(output))
                | "SumReports" >> beam.CombineGlobally(SumOf(SeriesReport))
                | "KeepReport" >> beam.Map(keep_report, result)
            )
        return kept_report(SeriesReport, result)


def _plan(reads: SeriesReads, inputs: Sequence[str], trains: int) -> Plan:
    return Plan(
        inputs=tuple(inputs),
        reads=reads,
        integer=has_integer_time(inputs[0], reads, files),
        buckets=max(1, -(-sum(map(_text_bytes, inputs)) // _BUCKET_BYTES)),
        tests=frozenset(range(trains, len(inputs))),
    )


def _text_bytes(path: str) -> int:
    """About as many bytes as the rows have as text."""
    compressed = is_zipped(path) or format_of(path) == "parquet"
    return files.size(path) * (_COMPRESSION if compressed else 1)


def usual_season(step: Step) -> int:
    """The season that the transform graph finds for a frequency, in steps."""
    return int(season_length(*(tf.constant(each, tf.int64) for each in astuple(step))))
