"""The component: what it takes and gives."""

import json
from typing import Any, ClassVar

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import channel, component_spec, standard_artifacts
from tfx.types.experimental import simple_artifacts

from tidegate.components.pictures import executor


class PicturesSpec(component_spec.ComponentSpec):
    """What Pictures takes and gives."""

    PARAMETERS: ClassVar[dict[str, Any]] = {
        "task": component_spec.ExecutionParameter(type=str),
        "data": component_spec.ExecutionParameter(type=str),
        "features": component_spec.ExecutionParameter(type=str),
        "fingerprint": component_spec.ExecutionParameter(type=str),
    }
    INPUTS: ClassVar[dict[str, Any]] = {
        "examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
        "model": component_spec.ChannelParameter(type=standard_artifacts.Model),
        "model_run": component_spec.ChannelParameter(type=standard_artifacts.ModelRun),
    }
    OUTPUTS: ClassVar[dict[str, Any]] = {
        "pictures": component_spec.ChannelParameter(type=simple_artifacts.Metrics)
    }


class Pictures(base_component.BaseComponent):
    """Draws the training's curves, and what the task shows of its answers on `eval`.

    Its output `pictures` holds one PNG each. As for Baseline's, Kubeflow Pipelines asks a form of
    the type's name that a type of our own in this module could not have.

    Args:
      task: the task's name.
      data: the task's data settings.
      features: the task's feature settings.
      examples: the ExampleGen's examples.
      model: the Trainer's model.
      model_run: the Trainer's logs.
      fingerprint: of the code, for TFX's cache.
    """

    SPEC_CLASS = PicturesSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        task: str,
        data: dict[str, Any],
        features: dict[str, Any],
        examples: Any,
        model: Any,
        model_run: Any,
        fingerprint: str,
    ) -> None:
        super().__init__(
            spec=PicturesSpec(
                task=task,
                data=json.dumps(data, sort_keys=True),
                features=json.dumps(features, sort_keys=True),
                fingerprint=fingerprint,
                examples=examples,
                model=model,
                model_run=model_run,
                pictures=channel.Channel(type=simple_artifacts.Metrics),
            )
        )
