"""The component: what it takes and gives."""

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.experimental import simple_artifacts

from tidegate.components import wiring
from tidegate.components.pictures import executor


class Pictures(wiring.Wired, base_component.BaseComponent):
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
      fingerprint: of the task's functions.
    """

    SPEC_CLASS = wiring.spec(
        parameters={"task": str, "data": dict, "features": dict},
        inputs={
            "examples": standard_artifacts.Examples,
            "model": standard_artifacts.Model,
            "model_run": standard_artifacts.ModelRun,
        },
        outputs={"pictures": simple_artifacts.Metrics},
    )
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)
