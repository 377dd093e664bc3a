"""The component: what it takes and gives."""

import json
from typing import Any, ClassVar

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import channel, component_spec, standard_artifacts
from tfx.types.experimental import simple_artifacts

from tidegate.components.baseline import executor


class BaselineSpec(component_spec.ComponentSpec):
    """What Baseline takes and gives."""

    PARAMETERS: ClassVar[dict[str, Any]] = {
        "task": component_spec.ExecutionParameter(type=str),
        "data": component_spec.ExecutionParameter(type=str),
        "features": component_spec.ExecutionParameter(type=str),
        "max_rows": component_spec.ExecutionParameter(type=int),
        "fingerprint": component_spec.ExecutionParameter(type=str),
    }
    INPUTS: ClassVar[dict[str, Any]] = {
        "examples": component_spec.ChannelParameter(type=standard_artifacts.Examples)
    }
    OUTPUTS: ClassVar[dict[str, Any]] = {
        "figures": component_spec.ChannelParameter(type=simple_artifacts.Metrics)
    }


class Baseline(base_component.BaseComponent):
    """Trains the task's baseline on `train` and judges it on the other splits.

    Its output `figures` holds the metrics by split, as `metrics.json`. Of the type's name Kubeflow
    Pipelines asks a form that a type of our own in this module could not have.

    Args:
      task: the task's name.
      data: the task's data settings.
      features: the task's feature settings.
      examples: the ExampleGen's examples.
      max_rows: rows of train that it learns from at most, the first; they are shuffled.
      fingerprint: of the code, for TFX's cache.
    """

    SPEC_CLASS = BaselineSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        task: str,
        data: dict[str, Any],
        features: dict[str, Any],
        examples: Any,
        max_rows: int,
        fingerprint: str,
    ) -> None:
        super().__init__(
            spec=BaselineSpec(
                task=task,
                data=json.dumps(data, sort_keys=True),
                features=json.dumps(features, sort_keys=True),
                max_rows=max_rows,
                fingerprint=fingerprint,
                examples=examples,
                figures=channel.Channel(type=simple_artifacts.Metrics),
            )
        )
