"""The component: what it takes and gives."""

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.experimental import simple_artifacts

from tidegate.components import wiring
from tidegate.components.baseline import executor


class Baseline(wiring.Wired, base_component.BaseComponent):
    """Trains the task's baseline on `train` and judges it on the other splits.

    Its output `figures` holds the metrics by split, as `metrics.json`. Of the type's name Kubeflow
    Pipelines asks a form that a type of our own in this module could not have.

    Args:
      task: the task's name.
      data: the task's data settings.
      features: the task's feature settings.
      examples: the ExampleGen's examples.
      max_rows: rows of train that it learns from at most, the first; they are shuffled.
      fingerprint: of the task's functions.
    """

    SPEC_CLASS = wiring.spec(
        parameters={"task": str, "data": dict, "features": dict, "max_rows": int},
        inputs={"examples": standard_artifacts.Examples},
        outputs={"figures": simple_artifacts.Metrics},
    )
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)
