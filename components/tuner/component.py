"""TFX's Tuner, but a run may give it settings of its own."""

from tfx.components.tuner import executor as tfx_executor
from tfx.dsl.components.base import base_component, executor_spec
from tfx.types.standard_component_specs import TunerSpec

from tidegate.components import wiring
from tidegate.components.trainer.component import RUN_SETTINGS
from tidegate.components.trainer.executor import AppliesRunSettings


class Executor(AppliesRunSettings, tfx_executor.Executor):
    """Calls `tuner_fn` with the run's settings in its `custom_config`."""


class Tuner(wiring.Wired, base_component.BaseComponent):
    """Searches settings by a function that is found by its import path.

    Args:
      custom_config: what the function is told; its `model` and `training` are what the run's
        settings go over, and where the search starts.
      training_steps: as the Trainer's, so that both see the same settings.
      settings: as the Trainer's.
      **others: TFX's own arguments: inputs, `tuner_fn`, `train_args` and `eval_args`.
    """

    SPEC_CLASS = wiring.spec(parameters=RUN_SETTINGS, base=TunerSpec)
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)
