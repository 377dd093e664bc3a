"""The function that TFX's Transform calls: a task's `preprocess`.

Only functions here: TFX reloads this module.
"""

from collections.abc import Mapping
from typing import Any

from tidegate.models.core.task import RawFeature, load_task


def preprocessing_fn(inputs: Mapping[str, Any], custom_config: Mapping[str, Any]) -> dict[str, Any]:
    """Raw features to transformed features, by the task's `preprocess`.

    Args:
      inputs: raw features, each [batch].
      custom_config: `task`, `features` and `raw_features`.
    """
    task = load_task(custom_config["task"])
    features = task.features.model_validate(custom_config["features"])
    raw = tuple(RawFeature(**one) for one in custom_config.get("raw_features", ()))
    outputs: dict[str, Any] = task.preprocess(inputs, features, raw)
    return outputs
