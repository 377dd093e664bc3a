"""The work: records to shuffled tf.Examples by split, in memory that stays as the data grows."""

import hashlib
import os
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import apache_beam as beam
import tensorflow as tf
from tfx.dsl.components.base import base_beam_executor
from tfx.types import artifact_utils

from tidegate.components import files
from tidegate.components.example_gen.ending import complete
from tidegate.components.example_gen.report import REPORT_FILE, SPLITS, keep_report, kept_report
from tidegate.components.example_gen.scatter import Scatter
from tidegate.components.record_example_gen.report import Report, SumReports, check
from tidegate.components.record_example_gen.sources import Source, opened, sources_of
from tidegate.models.core.progress import reporter
from tidegate.tables.cells import as_text, is_nested, is_written_list
from tidegate.tables.errors import InputError, listed, shown
from tidegate.tables.files import sources
from tidegate.tables.formats import FileFormat
from tidegate.tables.numerals import number
from tidegate.tables.reads import Column, RecordReads, RecordSplits, from_json
from tidegate.tables.row_formats import BrokenRow
from tidegate.tables.rows import unread_columns

_SPLIT_NAMES = {
    **{split: split for split in SPLITS},
    "training": "train",
    "validation": "valid",
    "val": "valid",
    "dev": "valid",
    "evaluation": "eval",
    "testing": "test",
}
# A shard is shuffled in memory: this many bytes of input a shard bound it.
_SHARD_BYTES = 64 << 20


@dataclass(frozen=True)
class Plan:
    """How rows get their split.

    Attributes:
      reads: what is read of a row.
      splits: how rows are parted.
      keep_in_train: labels of which the hash would leave train no row.
      shards: files a split.
    """

    reads: RecordReads
    splits: RecordSplits
    keep_in_train: frozenset[str] = frozenset()
    shards: int = 1

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are read."""
        names = [column.source for column in self.reads.columns]
        return (*names, self.splits.column) if self.splits.column else tuple(names)

    def place(self, key: str) -> float:
        """Where in [0, 1) a key falls: the same on every machine."""
        digest = hashlib.blake2b(f"{self.splits.seed}\0{key}".encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big") / 2**64

    def split_of(self, key: str, label: str | None) -> str:
        """`train`, `valid` or `eval` for a row of the training data."""
        place, splits = self.place(key), self.splits
        if label in self.keep_in_train or place >= splits.valid_share + splits.eval_share:
            return "train"
        return "eval" if place < splits.eval_share else "valid"


class _ReadFiles(beam.DoFn):
    """A `Source` to ((split, shard), tf.Example) and a `Report`."""

    REPORT = "report"

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def process(self, element: Source) -> Iterator[Any]:
        report, plan = Report(), self._plan
        # A source whose split is known needs no column that says it.
        columns = plan.columns[: len(plan.reads.columns)] if element.split else plan.columns
        try:
            with opened(element, plan.reads.how, columns) as rows:
                for number, cells in rows:
                    if isinstance(cells, BrokenRow):
                        report.add_bad(cells.reason, rows.place(number))
                        continue
                    row = self._row(rows.place(number), cells, element.split, report)
                    if row is not None:
                        yield row
                count, first = rows.several_lines
                report.add_several_lines(count, rows.place(first))
        except InputError as error:
            # Not raised: a runner would wrap it, and the user would lose the line.
            report.fatal.append(str(error))
        yield beam.pvalue.TaggedOutput(self.REPORT, report)

    def _row(
        self, place: str, cells: Sequence[Any], split: str, report: Report
    ) -> tuple[tuple[str, int], bytes] | None:
        plan = self._plan
        values: dict[str, tf.train.Feature] = {}
        key, label = "", None
        # Behind the features' cells, that of the split column stands.
        for feature, cell in zip(plan.reads.columns, cells, strict=False):
            _check_single(cell, feature, place)
            text = as_text(cell)
            if not text.strip():
                report.add_bad(f"empty {feature.name}", place)
                return None
            if feature.kind == "bytes":
                if feature.label:
                    text = label = text.strip()
                    if len(label.splitlines()) > 1:  # A vocabulary has one entry a line.
                        report.add_bad("label with a line break", place)
                        return None
                values[feature.name] = _bytes_feature(text)
            else:
                try:
                    values[feature.name] = _number_feature(feature.kind, text, plan.reads.how)
                except ValueError:
                    report.add_bad(f"{feature.name} is not a number", place)
                    return None
            if feature.key:
                key = text
        if not split and plan.splits.column:
            given = as_text(cells[-1]).strip().lower()
            if given not in _SPLIT_NAMES:
                raise InputError(
                    f"{place}: column {plan.splits.column!r} says {shown(given)!r}; "
                    f"expected {', '.join(SPLITS)}"
                )
            split = _SPLIT_NAMES[given]
        if split:
            report.add_given(split)
        if split in ("", "train"):
            split = plan.split_of(key, label)
        report.add_row(split, label)
        example = tf.train.Example(features=tf.train.Features(feature=values))
        # Another hash than the split's, else each shard would hold one part of its range.
        shard = int(plan.place(f"shard\0{key}") * plan.shards)
        # The shuffle sorts bytes: the order of a map's entries must not change them.
        return (split, shard), example.SerializeToString(deterministic=True)


def _check_single(cell: Any, feature: Column, place: str) -> None:
    """Refuses a list for a value, also for a label one that is written as a text.

    Raises:
      InputError: it is one.
    """
    what = "list" if not isinstance(cell, dict) else "record"
    if is_nested(cell) or (feature.label and is_written_list(as_text(cell).strip())):
        several = ": a text with several labels is no task of this kind" if feature.label else ""
        raise InputError(
            f"{place}: column {feature.source!r} holds a {what}, {shown(str(cell))}; expected one "
            f"{'label' if feature.label else 'value'} a row{several}"
        )


def _bytes_feature(text: str) -> tf.train.Feature:
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[text.encode()]))


def _number_feature(kind: str, text: str, how: FileFormat) -> tf.train.Feature:
    if kind == "int":
        whole = int(text if how.plain_numbers else as_text(number(text, how)))
        return tf.train.Feature(int64_list=tf.train.Int64List(value=[whole]))
    return tf.train.Feature(float_list=tf.train.FloatList(value=[number(text, how)]))


class _ShuffleShard(beam.DoFn):
    """((split, shard), paths) to one shuffled file of the split's folder.

    The data may be sorted, by label or by time; training must not see that order. What it reads
    stays: a runner may do a bundle again.
    """

    def __init__(self, folder: str, shards: int, seed: int) -> None:
        self._folder = folder
        self._shards = shards
        self._seed = seed

    def process(self, element: tuple[tuple[str, int], Iterable[str]]) -> None:
        (split, shard), paths = element
        examples = [record.numpy() for path in paths for record in tf.data.TFRecordDataset(path)]
        examples.sort()  # The order of bundles is not fixed; the seed's order is.
        random.Random(f"{self._seed} {shard}").shuffle(examples)
        target = os.path.join(
            self._folder, f"Split-{split}", f"data_tfrecord-{shard:05d}-of-{self._shards:05d}.gz"
        )
        tf.io.gfile.makedirs(os.path.dirname(target))
        with tf.io.TFRecordWriter(target, "GZIP") as writer:
            for example in examples:
                writer.write(example)


class Executor(base_beam_executor.BaseBeamExecutor):
    """Runs the reading, again where the first pass shows that the splits must be cut anew."""

    def Do(
        self,
        input_dict: dict[str, list[Any]],
        output_dict: dict[str, list[Any]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Reads, splits and writes; see `RecordExampleGen`.

        Raises:
          InputError: the data cannot be used.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        reads = from_json(RecordReads, exec_properties["reads"])
        splits = from_json(RecordSplits, exec_properties["splits"])
        train, test = exec_properties["train"], exec_properties.get("test")
        files.set_beam_options(self._beam_pipeline_args or [])
        inputs = sources_of(reads, train, test)
        examples = artifact_utils.get_single_instance(output_dict["examples"])
        size = sum(files.size(path) for source in inputs for path in source.paths)
        plan = Plan(reads, splits, shards=max(1, -(-size // _SHARD_BYTES)))
        report = self._run(plan, inputs, examples.uri)
        amended = amend(plan, report)
        if amended != plan:
            tf.io.gfile.rmtree(examples.uri)
            report = self._run(amended, inputs, examples.uri)
        check(report, max_bad_share=reads.max_bad_share, source=", ".join(sources(train)))
        if not reads.parallel:
            unread = unread_columns(inputs[0].paths[0], reads.how, plan.columns, files)
            if unread:
                reporter().line(f"columns that nothing reads: {listed(unread)}")
        complete(examples, exec_properties, report)

    def _run(self, plan: Plan, inputs: list[Source], folder: str) -> Report:
        scratch = os.path.join(folder, "unshuffled")
        tf.io.gfile.makedirs(scratch)
        report_path = os.path.join(scratch, REPORT_FILE)

        with self._make_beam_pipeline() as pipeline:
            rows = (
                pipeline
                | "Files" >> beam.Create(inputs, reshuffle=len(inputs) > 1)
                | "Read"
                >> beam.ParDo(_ReadFiles(plan)).with_outputs(_ReadFiles.REPORT, main="rows")
            )
            (
                rows[_ReadFiles.REPORT]
                | "SumReports" >> beam.CombineGlobally(SumReports())
                | "KeepReport" >> beam.Map(keep_report, report_path)
            )
            (
                rows["rows"]
                | "Scatter" >> beam.ParDo(Scatter(scratch))
                | "GroupFiles" >> beam.GroupByKey()
                | "Shuffle" >> beam.ParDo(_ShuffleShard(folder, plan.shards, plan.splits.seed))
            )
        report = kept_report(Report, report_path)
        tf.io.gfile.rmtree(scratch)
        return report


def amend(plan: Plan, report: Report) -> Plan:
    """The plan that the first pass shows to be needed; the same one where it was right.

    A split that the split column gives is not cut from train as well; a class of which the hash
    left train no row stays there whole.
    """
    if report.fatal:
        return plan
    splits = plan.splits
    if "valid" in report.given:
        splits = replace(splits, valid_share=0.0)
    if "eval" in report.given:
        splits = replace(splits, eval_share=0.0)
    train = report.labels.get("train", {})
    lost = {
        label
        for split, counts in report.labels.items()
        if split in ("valid", "eval") and split not in report.given
        for label in counts
        if label not in train
    }
    return replace(plan, splits=splits, keep_in_train=frozenset(lost))
