"""Forecasting: the compiled pipeline, step by step from the wheel."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from tests.kubeflow.proof import Proof
from tests.kubeflow.spec_runner import Step

pytestmark = pytest.mark.slow
STEPS = 150
SETTINGS = (
    "features.horizon=6",
    "features.context=24",
    "model.units=8",
    "training.batch_size=32",
    "baseline.enabled=false",
    "gates.relative_wql=2",  # Trained so briefly, the intervals are far too wide.
)


@pytest.fixture(scope="module")
def proof(tmp_path_factory: pytest.TempPathFactory, s3: Any) -> Proof:
    """Three monthly series with a yearly season."""
    folder = tmp_path_factory.mktemp("proof")
    lines = ["unique_id,ds,y"]
    for number in range(3):
        for step in range(120):
            season = 10 * math.sin(math.tau * step / 12)
            value = 100 * (number + 1) + season + 0.1 * step + 0.3 * ((7 * step) % 5)
            lines.append(f"s{number},{2010 + step // 12}-{step % 12 + 1:02d}-01,{value:.3f}")
    (folder / "sales.csv").write_text("\n".join(lines) + "\n")
    return Proof(folder, "forecasting", folder / "sales.csv", SETTINGS, s3)


@pytest.fixture(scope="module")
def steps(proof: Proof, wheel_python: Path) -> dict[str, Step]:
    """All steps, as the open-source Kubeflow Pipelines runs them: without the hook."""
    return proof.run_spec(wheel_python, False, {"training_steps": STEPS})


def test_every_step_runs_and_the_model_is_pushed(steps: dict[str, Step], proof: Proof) -> None:
    assert set(steps) == {
        "SeriesExampleGen",
        "StatisticsGen",
        "SchemaGen",
        "ExampleValidator",
        "Transform",
        "Trainer",
        "LatestPushedModel",
        "Evaluator",
        "Pictures",
        "TestEvaluator",
        "ServingCheck",
        "Pusher",
    }
    assert all(step.triggered for step in steps.values())
    assert steps["Evaluator"].artifacts["blessing"].metadata["blessed"] == 1
    assert steps["ServingCheck"].artifacts["blessing"].metadata["blessed"] == 1
    pushed = steps["Pusher"].artifacts["pushed_model"].metadata
    assert (pushed["pushed"], pushed["pushed_destination"]) == (1, str(proof.pushed()))
