"""A task's raw features as the schema that TFX knows."""

from collections.abc import Sequence

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from tidegate.models.core.task import RawFeature

_TYPES = {"bytes": schema_pb2.BYTES, "float": schema_pb2.FLOAT, "int": schema_pb2.INT}


def task_schema(features: Sequence[RawFeature]) -> str:
    """The schema that a task's records must satisfy, as text format.

    Each feature has one value in every record, a sequence at least one; a label is not there when
    serving.
    """
    schema = schema_pb2.Schema(default_environment=["TRAINING", "SERVING"])
    for raw in features:
        feature = schema.feature.add(name=raw.name, type=_TYPES[raw.kind])
        feature.presence.min_fraction = 1.0
        feature.presence.min_count = 1
        if raw.sequence:
            feature.value_count.min = 1
        else:
            feature.shape.SetInParent()
        if raw.label:
            feature.not_in_environment.append("SERVING")
    text: str = text_format.MessageToString(schema)
    return text
