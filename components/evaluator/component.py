"""TFX's Evaluator, where there may be no model to compare with, or no split to judge."""

import json
import os
from typing import Any

from tfx.components.evaluator import component as tfx_component
from tfx.components.evaluator import executor as tfx_executor
from tfx.dsl.components.base import executor_spec
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.types.standard_component_specs import BASELINE_MODEL_KEY
from tfx.utils import path_utils

from tidegate.components.latest_model.pushed import GRAPH_FILE
from tidegate.models.core.progress import reporter


class Executor(tfx_executor.Executor):
    """TFX's, for a baseline that may be an empty artifact."""

    def Do(
        self,
        input_dict: dict[str, list[Any]],
        output_dict: dict[str, list[Any]],
        exec_properties: dict[str, Any],
    ) -> None:
        """As TFX's; without a baseline where it holds no model."""
        there = [
            model
            for model in input_dict.get(BASELINE_MODEL_KEY, [])
            if fileio.exists(os.path.join(path_utils.serving_model_path(model.uri), GRAPH_FILE))
        ]
        super().Do({**input_dict, BASELINE_MODEL_KEY: there}, output_dict, exec_properties)


class OptionalExecutor(Executor):
    """Evaluates the splits asked for, or nothing where one of them is not there."""

    def Do(
        self,
        input_dict: dict[str, list[Any]],
        output_dict: dict[str, list[Any]],
        exec_properties: dict[str, Any],
    ) -> None:
        """As TFX's; without any output where a split is missing."""
        examples = artifact_utils.get_single_instance(input_dict["examples"])
        there = artifact_utils.decode_split_names(examples.split_names)
        missing = sorted(set(json.loads(exec_properties["example_splits"])) - set(there))
        if missing:
            reporter().line(f"no {', '.join(missing)} split in the data: nothing to judge apart")
            return
        super().Do(input_dict, output_dict, exec_properties)


class Evaluator(tfx_component.Evaluator):
    """TFX's Evaluator; on a cluster each input is an artifact, even where there is no model."""

    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)


class OptionalEvaluator(tfx_component.Evaluator):
    """TFX's Evaluator; a split column need not name a test split."""

    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(OptionalExecutor)
