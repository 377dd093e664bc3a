"""The component: what it takes and gives."""

import json
from typing import Any, ClassVar

from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import channel, component_spec, standard_artifacts

from tidegate.components.record_example_gen import executor


class RecordExampleGenSpec(component_spec.ComponentSpec):
    """What RecordExampleGen takes and gives."""

    PARAMETERS: ClassVar[dict[str, Any]] = {
        "task": component_spec.ExecutionParameter(type=str),
        "data": component_spec.ExecutionParameter(type=str),
        "train": component_spec.ExecutionParameter(type=str),
        "test": component_spec.ExecutionParameter(type=str, optional=True),
        "fingerprint": component_spec.ExecutionParameter(type=str),
    }
    INPUTS: ClassVar[dict[str, Any]] = {}
    OUTPUTS: ClassVar[dict[str, Any]] = {
        "examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
    }


class RecordExampleGen(base_beam_component.BaseBeamComponent):
    """Reads records, checks them, splits them and writes shuffled tf.Examples.

    Splits: `train`, `valid` (cut from train for early stopping), `eval` (held out, the gates are
    judged on it) and, with a test file or a split column that has it, `test`. A hash of the key
    feature decides, so that equal texts are on one side. Beside the splits the artifact holds
    `report.json`: rows per split and label, and rows that could not be used.

    Args:
      task: the task's name.
      data: the task's data settings.
      features: its feature settings, which do not change the records.
      train: a data file, or a folder of them; a str, or a RuntimeParameter of one.
      test: the same for a fixed test split, or None.
      fingerprint: of the data and the code, for TFX's cache, as `data_fingerprint.join` makes it.

    Raises (when it runs):
      InputError: the data cannot be used; the message names file and line.
    """

    SPEC_CLASS = RecordExampleGenSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)

    def __init__(
        self,
        task: str,
        data: dict[str, Any],
        features: dict[str, Any],
        train: Any,
        test: Any,
        fingerprint: str,
    ) -> None:
        del features
        super().__init__(
            spec=RecordExampleGenSpec(
                task=task,
                data=json.dumps(data, sort_keys=True),
                train=train,
                test=test,
                fingerprint=fingerprint,
                examples=channel.Channel(type=standard_artifacts.Examples),
            )
        )
