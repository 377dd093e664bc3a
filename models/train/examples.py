"""Transformed examples as a tf.data stream."""

import tensorflow as tf
import tensorflow_transform as tft
from tensorflow_transform.saved.saved_transform_io_v2 import SavedModelLoader

# Raw examples that the transform graph takes at once.
_BATCH = 16


def read_examples(
    patterns: list[str], transform: tft.TFTransformOutput, materialized: bool = True
) -> tf.data.Dataset:
    """Streams transformed examples, one an element.

    Args:
      patterns: gzip'd TFRecord files.
      transform: knows the examples' features.
      materialized: the files hold transformed examples; False where they hold raw ones, which
        then go through the transform graph as they are read.

    Returns:
      A data set of dicts of tensors (sparse where the feature varies in length), in the order of
      the files.

    Raises:
      FileNotFoundError: no file matches.
    """
    paths = sorted(path for pattern in patterns for path in tf.io.gfile.glob(pattern))
    if not paths:
        raise FileNotFoundError(f"no transformed examples at {', '.join(patterns)}")
    records = tf.data.TFRecordDataset(paths, compression_type="GZIP")
    if not materialized:
        loader = SavedModelLoader(transform.transform_savedmodel_dir)
        raw = transform.raw_feature_spec()
        return (
            records.batch(_BATCH)
            .map(lambda batch: loader.apply_transform_model(tf.io.parse_example(batch, raw)))
            .unbatch()
        )
    spec = transform.transformed_feature_spec()
    return records.map(
        lambda record: tf.io.parse_single_example(record, spec),
        num_parallel_calls=tf.data.AUTOTUNE,
    )


def count_examples(patterns: list[str]) -> int:
    """How many records the files hold."""
    paths = sorted(path for pattern in patterns for path in tf.io.gfile.glob(pattern))
    return sum(1 for _ in tf.data.TFRecordDataset(paths, compression_type="GZIP"))
