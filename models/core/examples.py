"""Transformed examples as a tf.data stream."""

import tensorflow as tf
import tensorflow_transform as tft


def read_examples(patterns: list[str], transform: tft.TFTransformOutput) -> tf.data.Dataset:
    """Streams transformed examples, one an element.

    Args:
      patterns: gzip'd TFRecord files.
      transform: knows the examples' features.

    Returns:
      A data set of dicts of tensors (sparse where the feature varies in length), in the order of
      the files.

    Raises:
      FileNotFoundError: no file matches.
    """
    paths = sorted(path for pattern in patterns for path in tf.io.gfile.glob(pattern))
    if not paths:
        raise FileNotFoundError(f"no transformed examples at {', '.join(patterns)}")
    spec = transform.transformed_feature_spec()
    return tf.data.TFRecordDataset(paths, compression_type="GZIP").map(
        lambda record: tf.io.parse_single_example(record, spec),
        num_parallel_calls=tf.data.AUTOTUNE,
    )


def count_examples(patterns: list[str]) -> int:
    """How many records the files hold."""
    paths = sorted(path for pattern in patterns for path in tf.io.gfile.glob(pattern))
    return sum(1 for _ in tf.data.TFRecordDataset(paths, compression_type="GZIP"))
