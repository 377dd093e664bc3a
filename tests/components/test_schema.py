"""The schema of single values, sequences and labels, as parsing and validation read it."""

from __future__ import annotations

import tensorflow as tf
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_transform.tf_metadata import schema_utils

from tidegate.components.schema_gen.component import task_schema
from tidegate.models.core.task import RawFeature

RAW = (
    RawFeature("name", "n"),
    RawFeature("values", "v", kind="float", sequence=True),
    RawFeature("count", "", kind="int", label=True),
)


def test_sequences_are_of_any_length_and_the_rest_are_single_values() -> None:
    schema = text_format.Parse(task_schema(RAW), schema_pb2.Schema())
    spec = schema_utils.schema_as_feature_spec(schema).feature_spec
    assert spec == {
        "name": tf.io.FixedLenFeature([], tf.string),
        "values": tf.io.VarLenFeature(tf.float32),
        "count": tf.io.FixedLenFeature([], tf.int64),
    }


def test_every_feature_is_in_every_record_and_labels_in_no_request() -> None:
    schema = text_format.Parse(task_schema(RAW), schema_pb2.Schema())
    for feature in schema.feature:
        assert feature.presence.min_fraction == 1.0
        assert ("SERVING" in feature.not_in_environment) == (feature.name == "count")
    (values,) = (feature for feature in schema.feature if feature.name == "values")
    assert values.value_count.min == 1 and not values.HasField("shape")
