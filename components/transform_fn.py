"""The function that TFX's Transform calls: a task's `preprocess`.

Only functions here: TFX reloads this module.
"""

from collections.abc import Mapping
from typing import Any

from models.core.task import load_task


def preprocessing_fn(inputs: Mapping[str, Any], custom_config: Mapping[str, Any]) -> dict[str, Any]:
    """Raw features to transformed features, by the task's `preprocess`.

    Args:
      inputs: raw features, each [batch].
      custom_config: `task` and `features`.
    """
    task = load_task(custom_config["task"])
    features = task.features.model_validate(custom_config["features"])
    outputs: dict[str, Any] = task.preprocess(inputs, features)
    return outputs
