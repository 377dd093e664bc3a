"""Records to files by key, so that a shuffle moves the files' names and not their content."""

import json
import os
import random
import zlib
from collections.abc import Iterator
from typing import Any

import apache_beam as beam
import tensorflow as tf

Key = tuple[Any, ...]
# Files open at once: of keys that have one of their own, and of groups of further keys.
_OWN = 64
_GROUPS = 32


class Scatter(beam.DoFn):
    """(key, record) to unordered TFRecord files of their own; yields (key, path).

    A key is a tuple of words and numbers. In each bundle, a key has one file. However many keys
    there are, at most `_OWN` + `_GROUPS` files are open: records of further keys are written to
    files of groups of keys first, which the bundle's end parts in the same way.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def start_bundle(self) -> None:
        self._files = _Files(self._folder)

    def process(self, element: tuple[Key, bytes]) -> None:
        self._files.write(*element)

    def finish_bundle(self) -> Iterator[Any]:
        from apache_beam.transforms.window import GlobalWindow
        from apache_beam.utils.windowed_value import WindowedValue

        for found in self._files.close():
            yield WindowedValue(found, 0, [GlobalWindow()])


class _Files:
    """The files of some keys.

    Args:
      folder: where they are written.
      depth: in how many groups, one within the other, the keys are.
    """

    def __init__(self, folder: str, depth: int = 0) -> None:
        self._folder = folder
        self._depth = depth
        self._own: dict[Key, tuple[str, tf.io.TFRecordWriter]] = {}
        self._groups: dict[int, tuple[str, tf.io.TFRecordWriter]] = {}

    def write(self, key: Key, record: bytes) -> None:
        """Adds a record."""
        if key not in self._own and len(self._own) < _OWN:
            self._own[key] = self._open("-".join(map(str, key)))
        if key in self._own:
            self._own[key][1].write(record)
            return
        name = json.dumps(key).encode()
        # Other groups at each depth, else the keys of one would stay together.
        group = zlib.crc32(name, self._depth) % _GROUPS
        if group not in self._groups:
            self._groups[group] = self._open(f"group-{group}")
        self._groups[group][1].write(name + b"\n" + record)

    def close(self) -> Iterator[tuple[Key, str]]:
        """The keys and their files; all are closed by then, and those of groups are gone."""
        for _, writer in (*self._own.values(), *self._groups.values()):
            writer.close()
        for key, (path, _) in self._own.items():
            yield key, path
        for path, _ in self._groups.values():
            parted = _Files(self._folder, self._depth + 1)
            for written in tf.data.TFRecordDataset(path).as_numpy_iterator():
                name, _, record = written.partition(b"\n")
                parted.write(tuple(json.loads(name)), record)
            tf.io.gfile.remove(path)
            yield from parted.close()

    def _open(self, name: str) -> tuple[str, tf.io.TFRecordWriter]:
        path = os.path.join(self._folder, f"{name}-{random.getrandbits(64):x}")
        return path, tf.io.TFRecordWriter(path)
