"""The work of the Trainer: TFX's, with the settings that a run has given."""

from typing import Any

from tfx.components.trainer import executor as tfx_executor
from tfx.types.standard_component_specs import CUSTOM_CONFIG_KEY
from tfx.utils import json_utils

from tidegate.components.trainer.run_parameters import apply


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


class Executor(AppliesRunSettings, tfx_executor.GenericExecutor):
    """Calls `run_fn` with the run's settings in its `custom_config`."""
