"""What makes a component take a run's settings: two parameters, an executor that applies them."""

from collections.abc import Mapping
from typing import Any

from tfx.types import component_spec
from tfx.types.standard_component_specs import CUSTOM_CONFIG_KEY
from tfx.utils import json_utils

from tidegate.components.trainer.run_settings import apply

# Beside TFX's own. They stand apart from `custom_config`, as inside a text no parameter of a run
# could stand.
PARAMETERS: Mapping[str, Any] = {
    "training_steps": component_spec.ExecutionParameter(type=int),
    "settings": component_spec.ExecutionParameter(type=str),
}


class AppliesRunSettings:
    """Mixed into an executor: what it reads as `custom_config` holds the run's settings."""

    def Do(
        self,
        input_dict: dict[str, list[Any]],
        output_dict: dict[str, list[Any]],
        exec_properties: dict[str, Any],
    ) -> None:
        """As the executor's.

        Raises:
          InputError: the run's settings do not fit.
        """
        merged = apply(
            json_utils.loads(exec_properties[CUSTOM_CONFIG_KEY]),
            exec_properties["training_steps"],
            exec_properties["settings"],
        )
        inner: Any = super()
        inner.Do(
            input_dict,
            output_dict,
            {**exec_properties, CUSTOM_CONFIG_KEY: json_utils.dumps(merged)},
        )
