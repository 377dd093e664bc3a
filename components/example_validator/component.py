"""The component: what it takes and gives."""

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types.standard_component_specs import ExampleValidatorSpec

from tidegate.components import wiring
from tidegate.components.example_validator import executor


class StrictExampleValidator(wiring.Wired, base_component.BaseComponent):
    """TFX's ExampleValidator; a run whose data has anomalies ends here.

    Args:
      statistics: StatisticsGen's.
      schema: what they are held against.
    """

    SPEC_CLASS = wiring.spec(base=ExampleValidatorSpec)
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)
