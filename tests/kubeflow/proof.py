"""A compiled pipeline against the same pipeline run on this machine."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.kubeflow import bucket
from tests.kubeflow.spec_runner import SpecRunner, Step
from tidegate.models.core.export import EXTRA_FOLDER, SAMPLES_FILE


@dataclass(frozen=True)
class Proof:
    """A task, its data and a folder for the runs.

    Attributes:
      folder: holds everything.
      task: the task's name.
      data: the data file.
      settings: ``section.key=value``, of both runs.
      s3: boto3's client of the bucket for the artifacts.
    """

    folder: Path
    task: str
    data: Path
    settings: Sequence[str]
    s3: Any

    @property
    def models(self) -> Path:
        """Where the compiled pipeline pushes."""
        return self.folder / "models"

    def compile(self) -> Path:
        """Compiles the pipeline; returns the spec's file."""
        spec = self.folder / "pipeline.json"
        words = [word for option in ("data", "models", "pipeline-root")
                 for word in (f"--{option}", f"gs://not/of/the/run/{option}")]  # fmt: skip
        code = _command("compile", self.task, *words, "--image", "tidegate", "--output", str(spec),
                        *self._settings())  # fmt: skip
        assert code == 0
        return spec

    def run_spec(
        self, python: Path, pre_cache_check: bool, parameters: Mapping[str, Any]
    ) -> dict[str, Step]:
        """Runs the spec; data and output folder are parameters of the run.

        They are local, in place of the gs:// that TFX reads and writes without Kubeflow's help.
        """
        runner = SpecRunner(
            self.compile(),
            s3=self.s3,
            root=f"minio://{bucket.NAME}/{self.task}",
            work=self.folder / "containers",
            python=python,
            pre_cache_check=pre_cache_check,
        )
        given = {"data": str(self.data), "output": str(self.models)}
        return runner.run({**given, **parameters})

    def run_here(self, *settings: str) -> Path:
        """Runs the task's pipeline in this process; returns the model that it pushed."""
        output = self.folder / "out"
        words = ["--data", str(self.data), "--output", str(output)]
        assert _command("run", self.task, *words, *self._settings(*settings)) == 0
        return Path(json.loads((output / "summary.json").read_text())["pushed"])

    def pushed(self) -> Path:
        """The one model that the compiled pipeline has pushed."""
        (version,) = (self.models / self.task).iterdir()
        assert version.name.isdigit()
        return version

    def _settings(self, *more: str) -> list[str]:
        return [word for one in (*self.settings, *more) for word in ("--set", one)]


def _command(*words: str) -> int:
    """The command line's entry point in this process, where TFX is imported once."""
    from tidegate.pipeline import cli

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["tidegate", *words])
        patch.setattr(os, "_exit", sys.exit)  # Commands end their process at once.
        try:
            cli.main()
        except SystemExit as end:
            return int(end.code or 0)
    return 0


def largest_difference(model: Path, other: Path) -> float:
    """How far a loaded model's answers to another's samples are from the other's own.

    Args:
      model: a SavedModel, which is loaded and asked.
      other: a SavedModel with the answers that it gave when it had been trained.

    Raises:
      AssertionError: they differ in their names, shapes or texts.
    """
    import tensorflow as tf
    import tensorflow_text  # noqa: F401  Its ops are in the graph.

    samples = json.loads((other / EXTRA_FOLDER / SAMPLES_FILE).read_text())
    examples = tf.constant([bytes.fromhex(one) for one in samples["examples"]])
    answers = tf.saved_model.load(str(model)).signatures["serving_default"](examples=examples)
    assert sorted(answers) == sorted(samples["answers"])
    largest = 0.0
    for name, answer in answers.items():
        found, expected = answer.numpy(), samples["answers"][name]
        if found.dtype.kind in "OS":
            assert np.char.decode(found.astype("S"), "utf-8").tolist() == expected
        else:
            assert found.shape == np.shape(expected)
            largest = max(largest, float(np.max(np.abs(found - np.asarray(expected)))))
    return largest
