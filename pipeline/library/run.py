"""A run from Python, and what it left."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd

from tidegate.components import files
from tidegate.pipeline.library.frames import held_frame
from tidegate.pipeline.library.model import Model
from tidegate.pipeline.library.page import page
from tidegate.pipeline.library.wording import in_python
from tidegate.pipeline.run import local_run
from tidegate.pipeline.run.candidate import Candidate, read_candidate
from tidegate.pipeline.run.made import Made
from tidegate.pipeline.run.output_place import output_place
from tidegate.pipeline.run.request import HeldData, RunRequest, make_request, parse_settings
from tidegate.pipeline.run.summary import finished_summary, not_pushed
from tidegate.tables.errors import InputError

Data: TypeAlias = "str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | pd.DataFrame"


class Figure:
    """A picture that a run has drawn; a notebook shows it.

    Attributes:
      path: of the PNG file, or its URI.
    """

    def __init__(self, path: str) -> None:
        self.path = path

    @property
    def name(self) -> str:
        """What it shows, as the file is called: ``training``."""
        return self.path.rpartition("/")[2].removesuffix(".png")

    def __repr__(self) -> str:
        return f"Figure({self.path!r})"

    def _repr_png_(self) -> bytes:
        with files.open_bytes(self.path) as file:
            return file.read()


class Run:
    """A finished run, as its output folder holds it: `Run("runs/sales")` opens one again.

    A notebook shows figures, gates and pictures of it.

    Attributes:
      output: the output folder, a path or a URI.
      summary: the content of its `summary.json`.

    Raises:
      InputError: no run was finished there.
    """

    def __init__(self, output: str | os.PathLike[str]) -> None:
        self.output = os.fspath(output)
        self.summary: dict[str, Any] = finished_summary(self.output)

    def __repr__(self) -> str:
        state = f"pushed={self.pushed!r}" if self.pushed else not_pushed(self.summary)
        return f"Run({self.output!r}, {state})"

    def _repr_html_(self) -> str:
        return page(self.summary, self.figures)

    @property
    def metrics(self) -> dict[str, dict[str, Any]]:
        """By split (`eval`, and `test` where there is one), the figures of the model.

        `baseline` holds those of the simple model beside it, `slices` those of parts of the rows,
        `arrays` those by step or class; a figure that is not defined is None. The task's page in
        docs/ says what each is.
        """
        found: dict[str, dict[str, Any]] = self.summary["metrics"]
        return found

    @property
    def gates(self) -> list[dict[str, Any]]:
        """What the model had to pass: `metric`, `value`, `expected` and `passed` of each."""
        found: list[dict[str, Any]] = self.summary["gates"]
        return found

    @property
    def pushed(self) -> str | None:
        """The folder of the pushed version; None where the model did not pass its gates."""
        found: str | None = self.summary["pushed"]
        return found

    @property
    def figures(self) -> dict[str, Figure]:
        """The pictures, by name."""
        plots = os.path.join(self.output, "plots")
        found = [
            Figure(os.path.join(plots, os.path.basename(path))) for path in self.summary["plots"]
        ]
        return {figure.name: figure for figure in found}

    @cached_property
    def _candidate(self) -> Candidate:
        return read_candidate(self.output)

    @cached_property
    def candidate(self) -> Model:
        """The model that the run has trained, whether it passed its gates or not."""
        return Model(self._candidate.path)

    @cached_property
    def _model(self) -> Model:
        if self.pushed is None:
            raise InputError(
                f"{self._candidate.failed}; run.candidate.predict asks its model all the same"
            )
        return Model(self.pushed)

    def predict(self, data: Any, **how: Any) -> pd.DataFrame:
        """Asks the pushed model; see `Model.predict`.

        Raises:
          InputError: the model did not pass its gates, or it cannot read the data.
        """
        return self._model.predict(data, **how)


def run(request: RunRequest) -> Run:
    """See `tidegate.run`."""
    with in_python(_frames(request)):
        local_run.run(request)
    return Run(request.output)


def create_pipeline(request: RunRequest, name: str | None) -> Any:
    """See `tidegate.create_pipeline`."""
    place = output_place(request.output)
    made = Made()
    with in_python(_frames(request)):
        try:
            made.folder(str(place.local))
            placed = local_run.placed(request, place, made)
            local_run.check_data(placed)
            return local_run.pipeline_of(placed, place, made, name)
        except InputError:
            made.undo()
            raise


def requested(
    task: str,
    data: Data,
    output: str | os.PathLike[str],
    test: Data | None,
    settings: Mapping[str, Any] | None,
    fresh: bool = False,
) -> RunRequest:
    """What a call from Python asks for; see `tidegate.run`."""
    folder = os.fspath(output)
    if files.is_local(folder):
        # Absolute: what is written down holds wherever a notebook goes on.
        folder = str(Path(folder).absolute())
    with in_python():
        return make_request(
            task,
            _given(data, "data"),
            None if test is None else _given(test, "test"),
            folder,
            parse_settings(settings or {}),
            fresh=fresh,
        )


def _given(data: Any, what: str) -> str | list[str] | HeldData:
    if isinstance(data, pd.DataFrame):
        return held_frame(data, what)
    if isinstance(data, str | os.PathLike):
        return os.fspath(data)
    if (
        isinstance(data, list | tuple)
        and data
        and all(isinstance(p, str | os.PathLike) for p in data)
    ):
        return [os.fspath(path) for path in data]
    raise InputError(
        f"{what}: expected a pandas DataFrame, a path or a data set's name, got "
        f"{type(data).__name__}"
    )


def _frames(request: RunRequest) -> dict[str, str]:
    """By the path of the file that a frame becomes, what the frame is called in the call."""
    place = output_place(request.output)
    return {
        place.absolute("data", data.name): what
        for what, data in (("data", request.train), ("test", request.test))
        if isinstance(data, HeldData)
    }
