"""The ExampleGen's records, as they are before Transform."""

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf


def read_serialized(folder: str) -> Iterator[bytes]:
    """The serialized tf.Examples of a split, in the order of its files.

    Args:
      folder: of the split.
    """
    paths = sorted(tf.io.gfile.glob(os.path.join(folder, "*")))
    for serialized in tf.data.TFRecordDataset(paths, compression_type="GZIP"):
        yield serialized.numpy()


def raw_record(serialized: bytes, sequences: frozenset[str] = frozenset()) -> dict[str, Any]:
    """A tf.Example as a record: text features as str, numbers as they are.

    Args:
      serialized: the tf.Example.
      sequences: names of the features that are a list of numbers, read as arrays.
    """
    example = tf.train.Example.FromString(serialized)
    record: dict[str, Any] = {}
    for name, feature in example.features.feature.items():
        kind = feature.WhichOneof("kind")
        if name in sequences:
            record[name] = np.array(getattr(feature, kind).value)
            continue
        value = getattr(feature, kind).value[0]
        record[name] = value.decode("utf-8", "replace") if kind == "bytes_list" else value
    return record


def read_raw(folder: str, sequences: frozenset[str] = frozenset()) -> Iterator[dict[str, Any]]:
    """The raw records of a split.

    Args:
      folder: of the split.
      sequences: as `raw_record` takes them.
    """
    for serialized in read_serialized(folder):
        yield raw_record(serialized, sequences)
