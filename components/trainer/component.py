"""TFX's Trainer, but a run may give it settings of its own."""

from typing import Any, ClassVar

from tfx.components.trainer import executor as tfx_executor
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import channel, component_spec, standard_artifacts
from tfx.types.standard_component_specs import TrainerSpec as TfxTrainerSpec
from tfx.utils import json_utils

from tidegate.components.trainer import settings_at_run


class Executor(settings_at_run.AppliesRunSettings, tfx_executor.GenericExecutor):
    """Calls `run_fn` with the run's settings in its `custom_config`."""


class TrainerSpec(component_spec.ComponentSpec):
    """What Trainer takes and gives."""

    PARAMETERS: ClassVar[dict[str, Any]] = {
        **TfxTrainerSpec.PARAMETERS,
        **settings_at_run.PARAMETERS,
    }
    INPUTS: ClassVar[dict[str, Any]] = TfxTrainerSpec.INPUTS
    OUTPUTS: ClassVar[dict[str, Any]] = TfxTrainerSpec.OUTPUTS
    TYPE_ANNOTATION = TfxTrainerSpec.TYPE_ANNOTATION


class Trainer(base_component.BaseComponent):
    """Trains a model by a function that is found by its import path.

    Args:
      custom_config: what the function is told; its `model` and `training` are what the run's
        settings go over.
      training_steps: number of training steps, or 0 for what `custom_config` says; an int or a
        RuntimeParameter of one.
      settings: model and training settings of the run, as `run_settings.read_settings` takes
        them; a str or a RuntimeParameter of one.
      **others: TFX's own arguments: inputs, `run_fn`, `train_args` and `eval_args`.
    """

    SPEC_CLASS = TrainerSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self, custom_config: dict[str, Any], training_steps: Any, settings: Any, **others: Any
    ) -> None:
        super().__init__(
            spec=TrainerSpec(
                custom_config=json_utils.dumps(custom_config),
                training_steps=training_steps,
                settings=settings,
                model=channel.Channel(type=standard_artifacts.Model),
                model_run=channel.Channel(type=standard_artifacts.ModelRun),
                **others,
            )
        )
