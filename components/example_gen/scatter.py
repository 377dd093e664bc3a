"""Records to files by key, so that a shuffle moves the files' names and not their content."""

import os
import random
from collections.abc import Iterator
from typing import Any

import apache_beam as beam
import tensorflow as tf


class Scatter(beam.DoFn):
    """(key, record) to unordered TFRecord files of their own; yields (key, path).

    A key is a tuple of words and numbers. In each bundle, a key has one file.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def start_bundle(self) -> None:
        self._writers: dict[tuple[Any, ...], tuple[str, tf.io.TFRecordWriter]] = {}

    def process(self, element: tuple[tuple[Any, ...], bytes]) -> None:
        key, record = element
        if key not in self._writers:
            name = "-".join([*map(str, key), f"{random.getrandbits(64):x}"])
            path = os.path.join(self._folder, name)
            self._writers[key] = path, tf.io.TFRecordWriter(path)
        self._writers[key][1].write(record)

    def finish_bundle(self) -> Iterator[Any]:
        from apache_beam.transforms.window import GlobalWindow
        from apache_beam.utils.windowed_value import WindowedValue

        for key, (path, writer) in self._writers.items():
            writer.close()
            yield WindowedValue((key, path), 0, [GlobalWindow()])
