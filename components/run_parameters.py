"""What the functions that TFX calls by import path are told, through `custom_config`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from models.core.task import SequenceTask, load_task
from models.core.training_settings import TrainingSettings


@dataclass(frozen=True)
class RunParameters:
    """A task with its settings.

    Attributes:
      task: the task.
      features: its feature settings.
      model: its model settings.
      training: how it is trained.
    """

    task: SequenceTask
    features: Any
    model: Any
    training: TrainingSettings

    @classmethod
    def read(
        cls, custom_config: Mapping[str, Any], hyperparameters: Mapping[str, Any] | None = None
    ) -> "RunParameters":
        """From a component's `custom_config`, with the Tuner's winner on top where there is one.

        Args:
          custom_config: `task`, and the settings of each section as a mapping.
          hyperparameters: KerasTuner's `HyperParameters.get_config()`, names as ``model.units``.
        """
        task = load_task(custom_config["task"])
        sections = {name: dict(custom_config[name]) for name in ("model", "training")}
        for key, value in (hyperparameters or {}).get("values", {}).items():
            section, _, name = key.partition(".")
            if section in sections:
                sections[section][name] = value
        return cls(
            task=task,
            features=task.features.model_validate(custom_config["features"]),
            model=task.model.model_validate(sections["model"]),
            training=TrainingSettings.model_validate(sections["training"]),
        )
