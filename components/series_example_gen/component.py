"""The component: what it takes and gives."""

import json
from typing import Any, ClassVar

from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import channel, component_spec, standard_artifacts

from tidegate.components.series_example_gen import executor


class SeriesExampleGenSpec(component_spec.ComponentSpec):
    """What SeriesExampleGen takes and gives."""

    PARAMETERS: ClassVar[dict[str, Any]] = {
        "task": component_spec.ExecutionParameter(type=str),
        "data": component_spec.ExecutionParameter(type=str),
        "context": component_spec.ExecutionParameter(type=int),
        "horizon": component_spec.ExecutionParameter(type=int),
        "season": component_spec.ExecutionParameter(type=int),
        "train": component_spec.ExecutionParameter(type=str),
        "test": component_spec.ExecutionParameter(type=str, optional=True),
        "fingerprint": component_spec.ExecutionParameter(type=str),
    }
    INPUTS: ClassVar[dict[str, Any]] = {}
    OUTPUTS: ClassVar[dict[str, Any]] = {
        "examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
    }


class SeriesExampleGen(base_beam_component.BaseBeamComponent):
    """Orders series, puts them on their time grid, splits them by time and writes tf.Examples.

    One example per series and split (`train`, `valid`, `eval`, `test`):

    - `unique_id`: bytes[1].
    - `start`: int64[1], the time of the first step: seconds since 1970-01-01 UTC, or the integer
      itself in integer time. Steps of whole days follow the clock on the wall where the data
      states its zone.
    - `step_seconds`, `step_months`, `step_index`: int64[1] each; the one above 0 is the step.
    - `y`: float[n], every step of the grid, NaN where there is no value.
    - a covariate of numbers: float[n] under its column's name, NaN where missing.
    - a static column: bytes[1], empty where missing, or float[1], NaN where missing.
    - `first_target`: int64[1], index of the first step that is the split's own target. The up
      to `context` steps before it are history, two seasons in `eval` and `test` if they are more:
      targets of an earlier split.

    Steps before a series' first and after its last value are left out. No step is a target in
    two splits, and no example reaches beyond its split's last target. Beside the splits the
    artifact holds `report.json`: values per split, what could not be used and why.

    Args:
      task: the task's name.
      data: the task's data settings.
      features: its feature settings; `context`, `horizon` and `season` are used.
      train: a data file, or a folder of them; a str, or a RuntimeParameter of one.
      test: the same for a fixed test split: later steps of the same series; or None.
      fingerprint: of the data and the code, for TFX's cache, as `data_fingerprint.join` makes it.

    Raises (when it runs):
      InputError: the data cannot be used; the message names series and place.
    """

    SPEC_CLASS = SeriesExampleGenSpec
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
        super().__init__(
            spec=SeriesExampleGenSpec(
                task=task,
                data=json.dumps(data, sort_keys=True),
                context=features["context"],
                horizon=features["horizon"],
                season=features["season"] or 0,
                train=train,
                test=test,
                fingerprint=fingerprint,
                examples=channel.Channel(type=standard_artifacts.Examples),
            )
        )
