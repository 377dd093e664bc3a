"""Runs tidegate as a user does, as a child process, and reads the summary it leaves."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import measure
from benchmarks.workplace import environment

# A model that did not pass its gates still has figures.
EXIT_PUSHED, EXIT_NOT_PUSHED = 0, 3


@dataclass(frozen=True)
class TidegateRun:
    """A finished run.

    Attributes:
      measured: what the process took.
      summary: the content of `summary.json`.
      folder: the output folder.
    """

    measured: measure.Measured
    summary: dict[str, Any]
    folder: Path

    @property
    def seconds(self) -> dict[str, float]:
        """By component, and `imports` and `total`, as tidegate itself has measured them."""
        return self.summary["seconds"]


def command() -> str:
    """The path of the installed command."""
    return str(Path(sys.executable).parent / "tidegate")


def run(
    data: str,
    folder: Path,
    *,
    home: Path,
    task: str = "text_classification",
    test: str | None = None,
    settings: Sequence[str] = (),
    must_push: bool = False,
) -> TidegateRun:
    """Runs ``tidegate run``.

    Args:
      data: a data set's name or a path.
      folder: the output folder.
      home: the process's home, where tidegate keeps the data sets it has prepared.
      task: its name.
      test: a fixed test split.
      settings: ``section.key=value``.
      must_push: a model that does not pass its gates is a failure.

    Raises:
      ChildError: it failed.
    """
    words = [command(), "run", task, "--data", data, "--output", str(folder)]
    if test is not None:
        words += ["--test", test]
    for setting in settings:
        words += ["--set", setting]
    measured = measure.run(
        words,
        env=environment(home),
        accept=(EXIT_PUSHED,) if must_push else (EXIT_PUSHED, EXIT_NOT_PUSHED),
        log=folder / "run.log",
    )
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    return TidegateRun(measured, summary, folder)
