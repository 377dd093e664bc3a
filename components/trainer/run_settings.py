"""Model and training settings that are given when a run starts, over those of the pipeline.

Light, as `tidegate submit` looks at them before the run does.
"""

from collections.abc import Mapping
from typing import Any

import yaml

from tidegate.models.core.settings import Settings, read_section
from tidegate.models.core.task import load_task
from tidegate.models.train.settings import TrainingSettings
from tidegate.tables.errors import InputError, nearest

# Of a compiled pipeline these alone may change from run to run: all other sections shape the DAG
# or the components before the Trainer.
SECTIONS = ("model", "training")


def read_settings(text: str) -> dict[str, dict[str, Any]]:
    """Sections from the text that a run is given.

    Args:
      text: JSON or YAML, as ``{"model": {"units": 32}}``; empty for none.

    Raises:
      InputError: not of that form, or a section that cannot change from run to run.
    """
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError:
        content = text
    if content is None:
        return {}
    if not isinstance(content, dict) or not all(
        isinstance(values, dict) for values in content.values()
    ):
        raise InputError(
            f"settings={text[:200]!r}: expected sections of settings as JSON or YAML, such as "
            '{"model": {"units": 64}, "training": {"batch_size": 32}}'
        )
    for section in content:
        if section not in SECTIONS:
            raise InputError(
                f"settings: section {str(section)!r} cannot change from run to run, "
                f"{' and '.join(SECTIONS)} alone can; {nearest(str(section), SECTIONS)} "
                "For others compile the pipeline anew"
            )
    return content


def apply(custom_config: Mapping[str, Any], training_steps: int, settings: str) -> dict[str, Any]:
    """A component's `custom_config` with the run's settings over the pipeline's.

    Args:
      custom_config: as `RunParameters.read` wants it.
      training_steps: goes over `training.steps`; 0 leaves it.
      settings: as `read_settings` takes it.

    Raises:
      InputError: an unknown setting, or a value that does not fit.
    """
    given = read_settings(settings)
    if training_steps < 0:
        raise InputError(f"training_steps={training_steps}: expected a number of steps, or 0")
    if training_steps:
        given = {**given, "training": {**given.get("training", {}), "steps": training_steps}}
    types: Mapping[str, type[Settings]] = {
        "model": load_task(custom_config["task"]).model,
        "training": TrainingSettings,
    }
    merged = dict(custom_config)
    for section, values in given.items():
        typed = read_section(section, types[section], {**custom_config[section], **values})
        merged[section] = typed.model_dump()
    return merged
