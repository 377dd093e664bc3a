"""TFX's Evaluator for a split that the data may turn out not to have."""

import json
from typing import Any

from tfx.components.evaluator import component as tfx_component
from tfx.components.evaluator import executor as tfx_executor
from tfx.dsl.components.base import executor_spec
from tfx.types import artifact_utils

from tidegate.models.core.progress import reporter


class Executor(tfx_executor.Executor):
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


class OptionalEvaluator(tfx_component.Evaluator):
    """TFX's Evaluator; a split column need not name a test split."""

    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)
