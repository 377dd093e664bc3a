"""Raw sequences to a validated LSTM model behind TensorFlow Serving.

    import tidegate

    run = tidegate.run("forecasting", data=frame, output="runs/sales")
    run.metrics["eval"]["mase"]
    run.predict(frame)

Importing this module imports neither TensorFlow nor pandas; the functions do when they are called.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from tfx.orchestration.pipeline import Pipeline

    from tidegate.pipeline.library.model import Model
    from tidegate.pipeline.library.run import Figure, Run
    from tidegate.pipeline.run.local_run import RunError
    from tidegate.tables.errors import InputError

__all__ = [
    "Figure",
    "InputError",
    "Model",
    "Run",
    "RunError",
    "create_pipeline",
    "load",
    "run",
]

# What is imported when it is first asked for, and from where.
_LAZY = {
    "Figure": "tidegate.pipeline.library.run",
    "InputError": "tidegate.tables.errors",
    "Model": "tidegate.pipeline.library.model",
    "Run": "tidegate.pipeline.library.run",
    "RunError": "tidegate.pipeline.run.local_run",
}


def run(
    task: str,
    data: str | os.PathLike[str] | pd.DataFrame,
    *,
    output: str | os.PathLike[str],
    test: str | os.PathLike[str] | pd.DataFrame | None = None,
    settings: Mapping[str, Any] | None = None,
    fresh: bool = False,
) -> Run:
    """Runs a task's pipeline on this machine, as `tidegate run` does, and gives its outcome.

    Progress goes to the standard output, a line for each component; what TFX, Beam and TensorFlow
    print goes to `run.log` in the output folder, with all else that this process prints meanwhile.
    The same call again does nothing that is done already. Two calls in one process follow each
    other, in whatever threads they are.

    Args:
      task: ``text_classification``, ``forecasting``, or another that `tidegate tasks` lists.
      data: what is learnt from: a frame, a file or folder (CSV, TSV, JSON lines, Parquet) or its
        URI, or the name of a data set. A frame has the columns of such a file, series in the long
        form: a row for each series and time. It is written to the output folder as Parquet.
      output: the folder of the model and all that belongs to it; a path or a URI.
      test: a fixed test split in the same form; figures on it are reported apart.
      settings: those of `tidegate tasks`, as ``{"training": {"steps": 10}}`` or
        ``{"training.steps": 10}``; Beam's options are the section `beam`.
      fresh: use nothing of a former run.

    Returns:
      The finished run. Its `pushed` is None where the model did not pass its gates.

    Raises:
      InputError: data or settings are wrong; one line says what, where, and what to do.
      RunError: a component failed; the message names the log.
      KeyboardInterrupt: the run was stopped. The same call goes on after the last finished
        component.
    """
    from tidegate.pipeline.run.caller import own_random_numbers

    with own_random_numbers():  # What is imported here draws some, too.
        from tidegate.pipeline.library import run as library

        return library.run(library.requested(task, data, output, test, settings, fresh))


def load(path: str | os.PathLike[str]) -> Model:
    """Loads a model into this process; no server is needed.

    Args:
      path: a version's folder, the folder of a model's versions, of which the newest is taken, or a
        folder of one such model, as `OUTPUT/serving`; a path or a URI. Any SavedModel with
        signatures will do.

    Raises:
      InputError: there is no model, there are several, or it cannot be loaded.
    """
    from tidegate.pipeline.library.model import Model

    return Model(os.fspath(path))


def create_pipeline(
    task: str,
    data: str | os.PathLike[str] | pd.DataFrame,
    *,
    output: str | os.PathLike[str],
    test: str | os.PathLike[str] | pd.DataFrame | None = None,
    settings: Mapping[str, Any] | None = None,
    name: str | None = None,
) -> Pipeline:
    """The TFX pipeline of a task, for a runner of one's own; nothing has run yet.

    Args: as `run`, and `name`, the pipeline's, which is made of the task's if not given.

    Returns:
      The pipeline, with ML Metadata's database below `output`.

    Raises:
      InputError: data or settings are wrong.
    """
    from tidegate.pipeline.library import run as library

    return library.create_pipeline(library.requested(task, data, output, test, settings), name)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("tidegate")
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_LAZY])
