"""The component: what it takes and gives."""

from typing import Any

from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import standard_artifacts

from tidegate.components.example_gen import data_fingerprint
from tidegate.components.series_example_gen import executor
from tidegate.components.wiring import Wired, spec
from tidegate.tables.files import several
from tidegate.tables.reads import SeriesReads, SeriesSplits, to_json


class SeriesExampleGen(Wired, base_beam_component.BaseBeamComponent):
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
      data: a data file, a folder of them, or a list of such; or a RuntimeParameter of one.
      reads: what is read of it: columns, their roles, and how files are read.
      splits: where series are parted in time: horizon, context, sizes or cutoffs.
      test: as `data`, for a fixed test split: later steps of the same series; or None.
      fingerprint: of the data, for TFX's cache, empty where a run alone knows its data; where not
        given, that of the files that are there when this is called.

    Raises (when it runs):
      InputError: the data cannot be used; the message names series and place.
    """

    SPEC_CLASS = spec(
        {"reads": str, "splits": str, "train": str, "test": ""},
        outputs={"examples": standard_artifacts.Examples},
    )
    # How the arguments become parameters is in this file.
    ALSO_RUNS = (__name__,)
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)

    def __init__(
        self,
        data: Any,
        reads: SeriesReads,
        splits: SeriesSplits,
        test: Any = None,
        fingerprint: str | None = None,
    ) -> None:
        if fingerprint is None:
            fingerprint = data_fingerprint.known(data, test)
        super().__init__(
            reads=to_json(reads),
            splits=to_json(splits),
            train=several(data) if isinstance(data, list | tuple) else data,
            test=test or "",
            fingerprint=fingerprint,
        )
