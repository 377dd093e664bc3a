"""The component: what it takes and gives."""

from tfx.dsl.components.base import base_beam_component, executor_spec

from tidegate.components.example_gen.component import ReadsFiles
from tidegate.components.series_example_gen import executor


class SeriesExampleGen(ReadsFiles, base_beam_component.BaseBeamComponent):
    """Orders series, puts them on their time grid, splits them by time and writes tf.Examples.

    One example per series and split (`train`, `valid`, `eval`, `test`):

    - `unique_id`: bytes[1].
    - `start`: int64[1], the time of the first step: seconds since 1970-01-01 UTC, or the integer
      itself in integer time. Steps of whole days follow the clock on the wall where the data
      states its zone.
    - `step_seconds`, `step_months`, `step_index`, `step_business` (days): int64[1] each; the one
      above 0 is the step.
    - `y`: float[n], every step of the grid, NaN where there is no value.
    - a covariate of numbers: float[n] under its column's name, NaN where missing.
    - a static column: bytes[1], empty where missing, or float[1], NaN where missing.
    - `first_target`: int64[1], index of the first step that is the split's own target. The up
      to `context` steps before it are history, six seasons, or 24 steps, if they are more: targets
      of an earlier split.

    Steps before a series' first and after its last value are left out. No step is a target in
    two splits, and no example reaches beyond its split's last target. Beside the splits the
    artifact holds `report.json`: values per split, what could not be used and why.

    `reads` is a `SeriesReads`, `splits` a `SeriesSplits`; the other arguments are those of
    `ReadsFiles`.
    """

    ALSO_RUNS = (*ReadsFiles.ALSO_RUNS, __name__)
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)
