"""Text classification: the compiled pipeline, step by step from the wheel, and the local run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.kubeflow.proof import Proof, largest_difference
from tests.kubeflow.spec_runner import Step
from tests.pipeline.conftest import TINY, sentences, write_csv

pytestmark = pytest.mark.slow
STEPS = 40


@pytest.fixture(scope="module")
def proof(tmp_path_factory: pytest.TempPathFactory, s3: Any) -> Proof:
    folder = tmp_path_factory.mktemp("proof")
    data = write_csv(folder / "train.csv", sentences(300, seed=1))
    return Proof(folder, "text_classification", data, TINY, s3)


@pytest.fixture(scope="module")
def steps(proof: Proof, wheel_python: Path) -> dict[str, Step]:
    """All steps, with the hook that Vertex AI runs before it looks into its cache."""
    return proof.run_spec(wheel_python, True, {"training_steps": STEPS})


def test_every_step_runs_and_the_model_is_pushed(steps: dict[str, Step], proof: Proof) -> None:
    assert set(steps) == {
        "RecordExampleGen",
        "StatisticsGen",
        "SchemaGen",
        "ExampleValidator",
        "Transform",
        "Baseline",
        "Trainer",
        "LatestPushedModel",
        "Evaluator",
        "Pictures",
        "ServingCheck",
        "Pusher",
    }
    assert all(step.triggered for step in steps.values())
    assert steps["RecordExampleGen"].hook_seconds > 0
    assert steps["Evaluator"].artifacts["blessing"].metadata["blessed"] == 1
    assert steps["ServingCheck"].artifacts["blessing"].metadata["blessed"] == 1
    pushed = steps["Pusher"].artifacts["pushed_model"].metadata
    assert (pushed["pushed"], pushed["pushed_destination"]) == (1, str(proof.pushed()))


def test_no_step_leaves_anything_where_it_started(steps: dict[str, Step]) -> None:
    for step in steps.values():
        assert step.log is not None
        assert list((step.log.parent / "work").iterdir()) == []


def test_the_model_answers_as_the_local_runs(steps: dict[str, Step], proof: Proof) -> None:
    local = proof.run_here(f"training.steps={STEPS}")
    assert largest_difference(proof.pushed(), local) < 1e-4
