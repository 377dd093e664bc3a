"""A task's raw features as the schema that TFX knows, in an artifact.

No file has to be where the component runs.
"""

import os
from collections.abc import Sequence
from typing import Any

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.dsl.components.base import base_component, base_executor, executor_spec
from tfx.dsl.io import fileio
from tfx.types import artifact_utils, standard_artifacts

from tidegate.components import wiring
from tidegate.models.core.task import RawFeature

SCHEMA_FILE = "schema.pbtxt"
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


class Executor(base_executor.BaseExecutor):
    """Writes the schema down."""

    def Do(
        self,
        input_dict: dict[str, list[Any]],
        output_dict: dict[str, list[Any]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes `schema.pbtxt`."""
        self._log_startup(input_dict, output_dict, exec_properties)
        folder = artifact_utils.get_single_uri(output_dict["schema"])
        with fileio.open(os.path.join(folder, SCHEMA_FILE), "w") as file:
            file.write(exec_properties["text"])


class SchemaGen(wiring.Wired, base_component.BaseComponent):
    """Emits a schema that is given as text.

    TFX's ImportSchemaGen reads a file, which a step on a cluster could not see.

    Args:
      text: the schema in text format.
    """

    SPEC_CLASS = wiring.spec(
        parameters={"text": str}, outputs={"schema": standard_artifacts.Schema}
    )
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)
