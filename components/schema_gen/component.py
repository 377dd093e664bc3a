"""The task's schema as an artifact; no file has to be where the component runs."""

import os
from typing import Any, ClassVar

from tfx.dsl.components.base import base_component, base_executor, executor_spec
from tfx.dsl.io import fileio
from tfx.types import artifact_utils, channel, component_spec, standard_artifacts

SCHEMA_FILE = "schema.pbtxt"


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


class SchemaGenSpec(component_spec.ComponentSpec):
    """What SchemaGen takes and gives."""

    PARAMETERS: ClassVar[dict[str, Any]] = {"text": component_spec.ExecutionParameter(type=str)}
    INPUTS: ClassVar[dict[str, Any]] = {}
    OUTPUTS: ClassVar[dict[str, Any]] = {
        "schema": component_spec.ChannelParameter(type=standard_artifacts.Schema)
    }


class SchemaGen(base_component.BaseComponent):
    """Emits a schema that is given as text.

    TFX's ImportSchemaGen reads a file, which a step on a cluster could not see.

    Args:
      text: the schema in text format.
    """

    SPEC_CLASS = SchemaGenSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(self, text: str) -> None:
        super().__init__(
            spec=SchemaGenSpec(text=text, schema=channel.Channel(type=standard_artifacts.Schema))
        )
