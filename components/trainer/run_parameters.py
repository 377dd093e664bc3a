"""What training is told: `custom_config`, with the settings that are given when a run starts.

Light, as `tidegate submit` looks at a run's settings before the run does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from tidegate.models.core.settings import Settings, read_section
from tidegate.models.core.task import Pace, RawFeature, SequenceTask, load_task
from tidegate.models.train.settings import TrainingSettings
from tidegate.tables.errors import InputError, nearest
from tidegate.tables.reads import from_dict

if TYPE_CHECKING:
    import keras
    import tensorflow as tf
    import tensorflow_transform as tft


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


@dataclass(frozen=True)
class RunParameters:
    """A task with its settings.

    Attributes:
      task: the task.
      features: its feature settings.
      model: its model settings.
      training: how it is trained.
      raw: its raw features.
      reads: what was read of the data; None where the component is not told.
    """

    task: SequenceTask
    features: Any
    model: Any
    training: TrainingSettings
    raw: tuple[RawFeature, ...] = ()
    reads: Any = None

    @classmethod
    def read(
        cls, custom_config: Mapping[str, Any], hyperparameters: Mapping[str, Any] | None = None
    ) -> RunParameters:
        """From a component's `custom_config`, with the Tuner's winner on top where there is one.

        Args:
          custom_config: `task`, `raw_features`, and the settings of each section as a mapping.
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
            raw=tuple(RawFeature(**one) for one in custom_config.get("raw_features", ())),
            reads=from_dict(None, reads) if (reads := custom_config.get("reads")) else None,
        )

    def examples(self, files: list[str], transform: tft.TFTransformOutput) -> tf.data.Dataset:
        """Transformed examples, one an element, from what the Trainer is given to read."""
        from tidegate.models.train.examples import read_examples

        return read_examples(files, transform, self.task.materialize)

    def batches(
        self,
        files: list[str],
        transform: tft.TFTransformOutput,
        seed: int | None,
        share: tuple[int, int] = (1, 0),
    ) -> tf.data.Dataset:
        """Batches of (inputs, target, weight), as `SequenceTask.batches` makes them.

        Args:
          files: transformed examples.
          transform: the transform graph.
          seed: order of the rows, or None.
          share: of the examples and of each batch's rows: (in how many parts, which from 0).
        """
        count, index = share
        rows = self.training.batch_size
        examples = self.examples(files, transform)
        batches: tf.data.Dataset = self.task.batches(
            examples if count == 1 else examples.shard(count, index),
            self.features,
            self.model,
            rows // count + (index < rows % count),
            seed,
        )
        return batches

    def rows(self, files: list[str], transform: tft.TFTransformOutput) -> int:
        """How many rows a pass over the files trains on."""
        from tidegate.models.train.examples import count_examples

        if self.task.count is None:
            return count_examples(files)
        examples = self.examples(files, transform)
        return int(self.task.count(examples, self.features, self.model))

    def pace(self, transform: tft.TFTransformOutput) -> Pace:
        """How fast the task's network learns, where the settings do not say."""
        from tidegate.models.core.transform import TransformFacts

        if self.task.pace is None:
            return Pace()
        found: Pace = self.task.pace(TransformFacts(transform))
        return found

    def network(
        self,
        transform: tft.TFTransformOutput,
        train_files: list[str] | None = None,
        model: Any = None,
        use_cudnn: bool | str = "auto",
        noted: dict[str, Any] | None = None,
    ) -> keras.Model:
        """The task's network, with its first weights where it is to be trained.

        Args:
          transform: the transform graph.
          train_files: training data that its first weights may be learnt from; None for a network
            whose weights come from elsewhere.
          model: model settings in place of the run's own.
          use_cudnn: False for an export that loads on any machine.
          noted: gets what was found for the first weights.
        """
        from tidegate.models.core.transform import TransformFacts

        model = model or self.model
        facts = TransformFacts(transform)
        network = self.task.build_model(model, self.features, facts, use_cudnn=use_cudnn)
        if train_files is not None and self.task.warm_start is not None:
            examples = self.examples(train_files, transform)
            found = self.task.warm_start(network, examples, model, self.training.seed, facts)
            if noted is not None:
                noted.update(found or {})
        return network
