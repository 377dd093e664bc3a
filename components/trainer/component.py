"""TFX's Trainer, but a run may give it settings of its own."""

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types.standard_component_specs import TrainerSpec

from tidegate.components import wiring
from tidegate.components.trainer import executor

# They stand apart from `custom_config`, as inside a text no parameter of a run could stand.
RUN_SETTINGS = {"training_steps": 0, "settings": ""}


class Trainer(wiring.Wired, base_component.BaseComponent):
    """Trains a model by a function that is found by its import path.

    Args:
      custom_config: what the function is told; its `model` and `training` are what the run's
        settings go over.
      training_steps: number of training steps, or 0 for what `custom_config` says; an int or a
        RuntimeParameter of one.
      settings: model and training settings of the run, as `run_parameters.read_settings` takes
        them; a str or a RuntimeParameter of one.
      **others: TFX's own arguments: inputs, `run_fn`, `train_args` and `eval_args`.
    """

    SPEC_CLASS = wiring.spec(parameters=RUN_SETTINGS, base=TrainerSpec)
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)
