"""The work: text to tf.Examples by split, in its order, in memory that stays as the data grows."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import tensorflow as tf
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

from tidegate.components import files
from tidegate.components.example_gen.ending import complete
from tidegate.components.example_gen.report import RowReport
from tidegate.components.text_example_gen.pieces import (
    Fragments,
    Piece,
    measure,
    pieces,
    sources_of,
    with_splits,
)
from tidegate.tables.errors import InputError
from tidegate.tables.files import data_files, sources
from tidegate.tables.reads import RecordReads, TextSplits, from_json

# Characters of a file: of larger ones, TFDV and Transform read several at a time.
_FILE = 64 << 20


@dataclass
class Report(RowReport):
    """`rows` are pieces.

    Attributes:
      noted: by split, what a person should know of it.
    """

    noted: dict[str, Any] = field(default_factory=dict)


class Executor(base_executor.BaseExecutor):
    """Reads the text twice: to measure it, and to part it."""

    def Do(
        self,
        input_dict: dict[str, list[Any]],
        output_dict: dict[str, list[Any]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Reads, parts and writes; see `TextExampleGen`.

        Raises:
          InputError: the data cannot be used.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        reads = from_json(RecordReads, exec_properties["reads"])
        splits = from_json(TextSplits, exec_properties["splits"])
        train, test = exec_properties["train"], exec_properties.get("test")
        found = sources_of(
            data_files(train, files), data_files(test, files) if test else [], splits
        )
        text = Fragments(found, reads, splits)
        sizes = measure(text.read(RowReport()))
        report = Report()
        examples = artifact_utils.get_single_instance(output_dict["examples"])
        characters = _write(
            pieces(with_splits(text.read(report), sizes, splits)), examples.uri, report
        )
        name = ", ".join(sources(train))
        report.check_rows(max_bad_share=reads.max_bad_share, source=name)
        _check(report, splits, name)
        report.noted = {f"characters of {split}": count for split, count in characters.items()}
        complete(examples, exec_properties, report)


def _check(report: RowReport, splits: TextSplits, source: str) -> None:
    """Raises InputError: a split has no text."""
    if not sum(report.rows.values()):
        raise InputError(f"{source}: nothing but white space; expected text")
    for split in ("train", "valid", "eval"):
        if report.rows.get(split):
            continue
        if splits.documents == "stream":
            advice = "expected more text, or files or a column that give it"
        else:
            advice = "expected more documents, or data.documents=stream"
        raise InputError(
            f"{source}: {sum(report.rows.values())} documents or pieces leave none for the split "
            f"{split!r}; {advice}"
        )


def _write(found: Iterator[Piece], folder: str, report: RowReport) -> dict[str, int]:
    """Writes the pieces in their order; gives the characters by split."""
    characters: dict[str, int] = {}
    with ExitStack() as open_files:
        # By split, the file that is written now and its number: however long the text is, no more.
        writers: dict[str, tuple[int, tf.io.TFRecordWriter]] = {}
        for piece in found:
            read = characters.get(piece.split, 0)
            number, writer = writers.get(piece.split, (-1, None))
            if number != read // _FILE:
                if writer is not None:
                    writer.close()
                number = read // _FILE
                path = os.path.join(
                    folder, f"Split-{piece.split}", f"data_tfrecord-{number:05d}.gz"
                )
                tf.io.gfile.makedirs(os.path.dirname(path))
                writer = open_files.enter_context(tf.io.TFRecordWriter(path, "GZIP"))
                writers[piece.split] = number, writer
            writer.write(_example(piece))
            report.rows[piece.split] = report.rows.get(piece.split, 0) + 1
            characters[piece.split] = read + len(piece.text)
    return characters


def _example(piece: Piece) -> bytes:
    text = piece.text.encode("utf-8", "replace")
    features = {
        "text": tf.train.Feature(bytes_list=tf.train.BytesList(value=[text])),
        "part": tf.train.Feature(int64_list=tf.train.Int64List(value=[piece.part])),
    }
    example = tf.train.Example(features=tf.train.Features(feature=features))
    serialized: bytes = example.SerializeToString(deterministic=True)
    return serialized
