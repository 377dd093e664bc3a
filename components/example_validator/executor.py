"""TFX's ExampleValidator, but anomalies stop the run."""

import os
from typing import Any

from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx.components.example_validator import executor as tfx_executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.utils import io_utils

from tidegate.tables.errors import InputError


class Executor(tfx_executor.Executor):
    """Validates the statistics against the schema and stops at anomalies."""

    def Do(
        self,
        input_dict: dict[str, list[Any]],
        output_dict: dict[str, list[Any]],
        exec_properties: dict[str, Any],
    ) -> None:
        """As TFX's.

        Raises:
          InputError: a split does not satisfy the task's schema.
        """
        super().Do(input_dict, output_dict, exec_properties)
        anomalies = artifact_utils.get_single_instance(output_dict["anomalies"])
        for split in artifact_utils.decode_split_names(anomalies.split_names):
            path = io_utils.get_only_uri_in_dir(os.path.join(anomalies.uri, f"Split-{split}"))
            with fileio.open(path, "rb") as file:
                found = anomalies_pb2.Anomalies.FromString(file.read())
            for feature, info in sorted(found.anomaly_info.items()):
                raise InputError(
                    f"the {split} data does not fit the task's schema: feature {feature!r}: "
                    f"{info.description}"
                )
