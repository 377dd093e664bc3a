"""TFX's Tuner, but a run may give it settings of its own."""

from typing import Any, ClassVar

from tfx.components.tuner import executor as tfx_executor
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import channel, component_spec, standard_artifacts
from tfx.types.standard_component_specs import TunerSpec as TfxTunerSpec
from tfx.utils import json_utils

from tidegate.components.trainer import settings_at_run


class Executor(settings_at_run.AppliesRunSettings, tfx_executor.Executor):
    """Calls `tuner_fn` with the run's settings in its `custom_config`."""


class TunerSpec(component_spec.ComponentSpec):
    """What Tuner takes and gives."""

    PARAMETERS: ClassVar[dict[str, Any]] = {**TfxTunerSpec.PARAMETERS, **settings_at_run.PARAMETERS}
    INPUTS: ClassVar[dict[str, Any]] = TfxTunerSpec.INPUTS
    OUTPUTS: ClassVar[dict[str, Any]] = TfxTunerSpec.OUTPUTS


class Tuner(base_component.BaseComponent):
    """Searches settings by a function that is found by its import path.

    Args:
      custom_config: what the function is told; its `model` and `training` are what the run's
        settings go over, and where the search starts.
      training_steps: as the Trainer's, so that both see the same settings.
      settings: as the Trainer's.
      **others: TFX's own arguments: inputs, `tuner_fn`, `train_args` and `eval_args`.
    """

    SPEC_CLASS = TunerSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self, custom_config: dict[str, Any], training_steps: Any, settings: Any, **others: Any
    ) -> None:
        super().__init__(
            spec=TunerSpec(
                custom_config=json_utils.dumps(custom_config),
                training_steps=training_steps,
                settings=settings,
                best_hyperparameters=channel.Channel(type=standard_artifacts.HyperParameters),
                tuner_results=channel.Channel(type=standard_artifacts.TunerResults),
                **others,
            )
        )
