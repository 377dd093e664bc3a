"""`--set tuner.trials=N`: the search runs in the pipeline, and its winner is trained."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from models.core.task import load_task

pytestmark = pytest.mark.slow


def test_the_winner_of_the_search_is_trained(project: Any) -> None:
    settings = (
        "tuner.trials=2",
        "tuner.epochs=1",
        # Small, whatever the search draws: the ranges begin at 32 units.
        "baseline.enabled=false",
        "features.max_tokens=8",
        "gates.margin=-1",
    )
    ran = subprocess.run(
        [sys.executable, "-m", "pipeline.cli", *project.arguments(*settings)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=project.environment(),
        timeout=600,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "] Tuner: " in ran.stdout
    (found,) = Path(project.output).glob("tfx/artifacts/Tuner/best_hyperparameters/*/*")
    values = json.loads(found.read_text())["values"]
    task = load_task("text_classification")
    assert {name for name in values if name.startswith("model.")} == {
        f"model.{name}" for name in task.model.tunable()
    }
    summary = json.loads((Path(project.output) / "summary.json").read_text())
    trained = {
        **{f"model.{key}": value for key, value in summary["training"]["model"].items()},
        **{f"training.{key}": value for key, value in summary["training"]["training"].items()},
    }
    assert {name: trained[name] for name in values} == values
    # What was tried differs from what the settings say: the search did choose.
    assert any(values[f"model.{name}"] != default for name, default in _given(summary).items())
    assert summary["pushed"] and summary["training"]["steps"] > 0


def _given(summary: dict[str, Any]) -> dict[str, Any]:
    tunable = load_task("text_classification").model.tunable()
    return {key: value for key, value in summary["settings"]["model"].items() if key in tunable}
