"""The settings of a run: a file and ``--set`` to typed sections."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, field_validator, model_validator

from tidegate.components import files
from tidegate.models.core.settings import InputFile, Memory, ModelFile, Settings, read_section
from tidegate.models.core.task import SequenceTask
from tidegate.pipeline.beam import gather
from tidegate.pipeline.kubeflow.settings import KubeflowSettings
from tidegate.tables.errors import InputError, nearest


class TunerSettings(Settings):
    """The search over the ranges that model and training settings state."""

    trials: int = Field(0, ge=0, description="models to try; 0 leaves the Tuner out")
    steps: int | None = Field(
        None, ge=1, description="steps of a trial; a third of the training's if not given"
    )


class BaselineSettings(Settings):
    """The simple model that is trained beside the LSTM."""

    enabled: bool = Field(True, description="train the baseline and show its figures")
    max_rows: Annotated[int, Memory()] = Field(
        50_000, ge=1, description="most rows that it learns from; it holds them in memory"
    )


class ServingSettings(Settings):
    """What is pushed, and the check before."""

    model_name: str | None = Field(
        None, description="folder of the versions under DIR/serving; the task's name if not given"
    )
    tolerance: float = Field(
        1e-3,
        gt=0,
        description="largest difference between a served answer and the answer in training",
    )
    timeout: float = Field(
        300.0, gt=0, description="seconds for loading the model and for all answers"
    )
    latency_ms: float = Field(
        1_000.0, gt=0, description="largest median time of a single request, in milliseconds"
    )
    memory_mb: float = Field(
        4_096.0, gt=0, description="largest peak of the serving process's memory, in MiB"
    )


class BeamSettings(Settings):
    """How the Beam components run; any other option of Beam's pipelines may be given beside these.

    Workers need tidegate: on this machine and beside a worker pool the installed package, in a
    container an image that has it.
    """

    runner: str = Field("DirectRunner", description="Beam runner, or the import path of a runner")
    direct_running_mode: Literal["in_memory", "multi_threading", "multi_processing"] = Field(
        "in_memory", description="where DirectRunner's workers run"
    )
    direct_num_workers: int = Field(
        1, ge=0, description="DirectRunner's workers; 0 for a worker a core"
    )
    job_endpoint: str | None = Field(None, description="HOST:PORT of a Beam job service")
    job_server_timeout: int = Field(
        3600,
        ge=1,
        description="seconds that a job service may take for an answer; with Beam's own local job "
        "service, which does not notice a lost worker, for a whole job",
    )
    environment_type: Literal["DOCKER", "PROCESS", "EXTERNAL", "LOOPBACK"] | None = Field(
        None, description="where a job service runs its workers; DOCKER if not given"
    )
    environment_config: str | None = Field(
        None, description="EXTERNAL: HOST:PORT of the worker pool; PROCESS: JSON with its command"
    )
    sdk_worker_parallelism: int | None = Field(
        None, ge=0, description="worker processes on each node of a cluster; 0: the runner decides"
    )
    sdk_container_image: str | None = Field(
        None, description="image of the workers, with tidegate in it"
    )
    options: dict[str, str | int | float | bool | list[str] | dict[str, Any]] = Field(
        default_factory=dict, description="any other pipeline option, without its dashes"
    )

    @field_validator("environment_config", mode="before")
    @classmethod
    def _json(cls, value: Any) -> Any:
        return json.dumps(value) if isinstance(value, dict) else value

    @model_validator(mode="after")
    def _fits(self) -> "BeamSettings":
        if self.runner == "PortableRunner" and not self.job_endpoint:
            raise ValueError("runner=PortableRunner needs job_endpoint=HOST:PORT")
        kind, config = self.environment_type, self.environment_config
        if kind in ("EXTERNAL", "PROCESS") and not (config or self._given("environment_option")):
            raise ValueError(f"environment_type={kind} needs environment_config")
        if kind == "LOOPBACK" and config:
            raise ValueError("environment_type=LOOPBACK takes no environment_config")
        return self

    @property
    def in_containers(self) -> bool:
        """Whether the workers run in containers, which need an image with tidegate in it."""
        if self.environment_type:
            return self.environment_type == "DOCKER"
        if self.runner == "FlinkRunner":
            return str(self.options.get("flink_master", "[auto]")) not in ("[auto]", "[local]")
        if self.runner == "SparkRunner":
            return not str(self.options.get("spark_master_url", "local")).startswith("local")
        return self.runner in ("PortableRunner", "DataflowRunner")

    def arguments(self) -> list[str]:
        """Beam's pipeline arguments.

        Raises:
          InputError: the workers run in containers, and nothing says how tidegate gets there.
        """
        from tidegate.pipeline import beam

        given = self.model_dump(exclude={"options"}, exclude_none=True)
        if self.runner.endswith("DirectRunner"):
            given = {
                name: value
                for name, value in given.items()
                if name in ("runner", "direct_running_mode", "direct_num_workers")
            }
            # Beam's DirectRunner would fetch the Prism runner and hand the pipeline to it. It does
            # not do so with this flag, which says nothing else to a pipeline without triggers.
            given["allow_unsafe_triggers"] = True
        else:
            if self.runner == "PrismRunner":
                self._check_prism()
            del given["direct_running_mode"], given["direct_num_workers"]
        if not self.in_containers:
            # The workers have what is installed beside them. Without this flag TFX packs itself
            # into a source distribution for each component: seconds, and litter in /tmp.
            given["sdk_container_image"] = "none"
        elif not self._given("setup_file", "extra_package", "requirements_file"):
            image = self.sdk_container_image or self.environment_config
            if not image:
                raise InputError(
                    f"beam.runner={self.runner}: its workers run in containers, which need "
                    "tidegate; give beam.sdk_container_image=IMAGE"
                )
            given["sdk_container_image"] = image
            if self.runner != "DataflowRunner":
                given["environment_type"] = "DOCKER"
                given["environment_config"] = self.environment_config or image
        return beam.arguments({**given, **self.options})

    def _check_prism(self) -> None:
        """Beam's PrismRunner fetches a program from the internet unless it is given a file."""
        place = str(self.options.get("prism_location") or "")
        if not Path(place).is_file():
            received = f"received beam.prism_location={place}" if place else "it is not given"
            raise InputError(
                f"beam.runner=PrismRunner: expected beam.prism_location=FILE, the prism program on "
                f"this machine; {received}. Nothing is downloaded"
            )

    def _given(self, *names: str) -> bool:
        """Whether one of these options is given, in the singular or in the plural."""
        return any(self.options.get(f"{name}{end}") for name in names for end in ("", "s"))


def section_types(task: SequenceTask) -> dict[str, type[Settings]]:
    """All sections of settings of a run, by name."""
    from tidegate.models.train.settings import TrainingSettings

    return {
        **task.sections,
        "training": TrainingSettings,
        "tuner": TunerSettings,
        "baseline": BaselineSettings,
        "serving": ServingSettings,
        "beam": BeamSettings,
        "kubeflow": KubeflowSettings,
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


def input_files(config: RunConfig) -> dict[str, tuple[InputFile, ...]]:
    """By setting, as `section.key`, the files that it names."""
    return {
        f"{section}.{key}": paths
        for section, settings in config.sections.items()
        for key, paths in settings.input_files().items()
    }


def check_input_files(config: RunConfig) -> None:
    """Opens the files that settings name; a model must be one that training can start from.

    Raises:
      InputError: one is not there, cannot be read, or is no such model.
    """
    for setting, paths in input_files(config).items():
        for path in paths:
            try:
                is_model = isinstance(path, ModelFile)
                with files.open_bytes(path) as file:
                    content = file.read() if is_model else file.read(1)
            except FileNotFoundError:
                raise InputError(f"{setting}={path}: no such file") from None
            except (OSError, ValueError) as error:
                raise InputError(
                    f"{setting}={path}: cannot be read: {files.reason(error)}"
                ) from None
            if is_model:
                from tidegate.models.core.pretrained import check_sizes

                check_sizes(path, content, config.model)


def read_file(path: str) -> dict[str, Any]:
    """Reads a YAML file of sections.

    Args:
      path: of the file, or its URI.

    Raises:
      InputError: there is no such file, or it is not a mapping of sections.
    """
    try:
        with files.open_bytes(path) as file:
            content = yaml.safe_load(file.read().decode("utf-8"))
    except FileNotFoundError:
        raise InputError(f"no such configuration file: {path}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {files.reason(error)}") from None
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


def assigned(value: Any) -> str:
    """A setting's value as ``--set`` takes it: `parse_assignments` reads it back."""
    if isinstance(value, str):
        return value if value == _value(value) else json.dumps(value, ensure_ascii=False)
    return json.dumps(value, ensure_ascii=False)  # JSON is YAML.


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
    for layer in ({"training": task.training}, *layers):
        for section, values in layer.items():
            if section not in types:
                raise InputError(f"unknown section {section!r}. {nearest(section, types)}")
            merged[section].update(values)
    merged["beam"] = gather(merged["beam"], BeamSettings.model_fields)
    return RunConfig(
        task, {name: read_section(name, cls, merged[name]) for name, cls in types.items()}
    )
