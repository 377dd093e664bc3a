"""The settings of a run: a file and ``--set`` to typed sections."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field

from models.core.errors import InputError, nearest
from models.core.settings import Settings, read_section
from models.core.task import SequenceTask


class TunerSettings(Settings):
    """The search over the ranges that model and training settings state."""

    trials: int = Field(0, ge=0, description="models to try; 0 leaves the Tuner out")
    epochs: int = Field(2, ge=1, description="most passes over the training data a trial")


class BaselineSettings(Settings):
    """The simple model that is trained beside the LSTM."""

    enabled: bool = Field(True, description="train it and show its figures")
    max_rows: int = Field(50_000, ge=1, description="rows it learns from at most; it holds them")


class ServingSettings(Settings):
    """What is pushed, and the check before."""

    model_name: str | None = Field(
        None, description="folder of the versions under DIR/serving; the task's name if not given"
    )
    tolerance: float = Field(
        1e-3, gt=0, description="largest difference of an answer served from that in training"
    )
    timeout: float = Field(300.0, gt=0, description="seconds for loading and for the answers")
    latency_ms: float = Field(
        1_000.0, gt=0, description="largest median of a single request's milliseconds"
    )
    memory_mb: float = Field(
        4_096.0, gt=0, description="largest peak of the serving process's memory, in MiB"
    )


class BeamSettings(Settings):
    """How the Beam components run."""

    runner: str = Field("DirectRunner", description="Beam runner")
    direct_running_mode: str = Field(
        "in_memory", description="DirectRunner only: in_memory, multi_threading, multi_processing"
    )
    direct_num_workers: int = Field(1, ge=0, description="DirectRunner only; 0 is one a core")
    options: dict[str, str | int | float] = Field(
        default_factory=dict, description="any other pipeline option, without its dashes"
    )

    def arguments(self) -> list[str]:
        """Beam's pipeline arguments."""
        arguments = [f"--runner={self.runner}"]
        if self.runner == "DirectRunner":
            arguments += [
                f"--direct_running_mode={self.direct_running_mode}",
                f"--direct_num_workers={self.direct_num_workers}",
                # Nothing is sent to other machines. Without this flag TFX packs itself into a
                # source distribution for each component: seconds, and litter in /tmp.
                "--sdk_container_image=none",
            ]
        return arguments + [f"--{key}={value}" for key, value in self.options.items()]


def section_types(task: SequenceTask) -> dict[str, type[Settings]]:
    """All sections of settings of a run, by name."""
    from models.core.training_settings import TrainingSettings

    return {
        **task.sections,
        "training": TrainingSettings,
        "tuner": TunerSettings,
        "baseline": BaselineSettings,
        "serving": ServingSettings,
        "beam": BeamSettings,
    }


@dataclass(frozen=True)
class RunConfig:
    """A run's task and settings.

    Attributes:
      task: the task.
      sections: settings by section name.
    """

    task: SequenceTask
    sections: Mapping[str, Settings]

    def __getattr__(self, name: str) -> Any:
        # Not yet there while a copy is being made.
        sections = self.__dict__.get("sections", {})
        if name not in sections:
            raise AttributeError(name)
        return sections[name]

    def as_dict(self) -> dict[str, dict[str, Any]]:
        """Section to setting to value; reads back through `make_config`."""
        return {name: settings.model_dump() for name, settings in self.sections.items()}


def read_file(path: str) -> dict[str, Any]:
    """Reads a YAML file of sections.

    Raises:
      InputError: there is no such file, or it is not a mapping of sections.
    """
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"no such configuration file: {path}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        raise InputError(
            f"{path}{line}: not YAML: {getattr(error, 'problem', None) or error}"
        ) from None
    if content is None:
        return {}
    if not isinstance(content, dict) or not all(
        isinstance(section, str)
        and isinstance(values, dict)
        and all(isinstance(k, str) for k in values)
        for section, values in content.items()
    ):
        raise InputError(f"{path}: expected sections of settings, as 'model: {{units: 64}}'")
    return content


def parse_assignments(assignments: Sequence[str]) -> dict[str, dict[str, Any]]:
    """``section.key=value`` to sections.

    The value stays text, which `read_section` converts to the setting's type: a column may be
    called 1 or yes. Only null, a quoted text, a [list] and a {mapping} are read as YAML.

    Raises:
      InputError: not of that form.
    """
    sections: dict[str, dict[str, Any]] = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        section, dot, key = name.strip().partition(".")
        if not equals or not dot or not key:
            raise InputError(f"--set {assignment}: expected section.key=value")
        sections.setdefault(section, {})[key] = _value(value)
    return sections


def _value(text: str) -> Any:
    stripped = text.strip()
    if stripped in ("", "~", "null") or stripped[0] in "'\"[{":
        try:
            return yaml.safe_load(text)
        except yaml.YAMLError:
            pass
    return text


def make_config(task: SequenceTask, *layers: Mapping[str, Mapping[str, Any]]) -> RunConfig:
    """Typed settings from layers of given values, later ones over earlier ones.

    Args:
      task: the task.
      *layers: section to key to value.

    Raises:
      InputError: an unknown section or key, or a value that does not fit.
    """
    types = section_types(task)
    merged: dict[str, dict[str, Any]] = {name: {} for name in types}
    for layer in layers:
        for section, values in layer.items():
            if section not in types:
                raise InputError(f"unknown section {section!r}. {nearest(section, types)}")
            merged[section].update(values)
    return RunConfig(
        task, {name: read_section(name, cls, merged[name]) for name, cls in types.items()}
    )
