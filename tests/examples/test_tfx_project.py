"""A project in the layout of TFX's templates that uses our components, from the wheel."""

from __future__ import annotations

import csv
import json
import math
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.pipeline.conftest import sentences, write_csv
from tests.wheel_environment import outside_environment

pytestmark = pytest.mark.slow
PROJECT = Path(__file__).parents[2] / "examples" / "tfx_project"
EXECUTORS = {
    "texts": "tidegate.components.record_example_gen.executor.Executor",
    "series": "tidegate.components.series_example_gen.executor.Executor",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project in a folder of its own, with data for both pipelines."""
    folder = tmp_path_factory.mktemp("somebody") / "project"
    shutil.copytree(PROJECT, folder, ignore=shutil.ignore_patterns("__pycache__"))
    write_csv(folder / "texts.csv", sentences(300, seed=1))
    with (folder / "series.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["shop", "month", "sold"])
        for shop in range(40):
            for month in range(60):
                sold = (shop + 1) * (10 + 5 * math.sin(math.tau * month / 12 + shop))
                rows.writerow([f"s{shop}", f"{2015 + month // 12}-{month % 12 + 1:02d}-01", sold])
    return folder


def python(wheel_python: Path, project: Path, *arguments: str) -> None:
    """Runs a file of the project where its `models/` and `pipeline/` are."""
    done = subprocess.run(
        [str(wheel_python), *arguments],
        cwd=project,
        env=outside_environment(),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5_000:]


@pytest.mark.parametrize("name", sorted(EXECUTORS))
def test_a_run_serves_the_model_and_pushes_it(wheel_python: Path, project: Path, name: str) -> None:
    python(wheel_python, project, "local_runner.py", name, f"{name}.csv")
    artifacts = project / "output" / name / "artifacts"
    (result,) = artifacts.glob("ServingCheck/blessing/*/result.json")
    found = json.loads(result.read_text("utf-8"))
    assert found["ok"], found
    (trained,) = artifacts.glob("Trainer/model/*/Format-Serving/saved_model.pb")
    (pushed,) = (project / "output" / "serving" / name).glob("*/saved_model.pb")
    assert pushed.read_bytes() == trained.read_bytes()


def test_the_pipelines_compile_for_kubeflow(wheel_python: Path, project: Path) -> None:
    python(wheel_python, project, "kubeflow_runner.py", "gs://bucket/folder", "image:1")
    for name, example_gen in EXECUTORS.items():
        spec = json.loads((project / f"{name}.json").read_text("utf-8"))["pipelineSpec"]
        executors = spec["deploymentSpec"]["executors"].values()
        paths = {one["container"]["args"][1] for one in executors}
        assert {
            example_gen,
            "tidegate.components.serving_check.executor.Executor",
            "tidegate.components.pusher.executor.Executor",
        } <= paths
        given = spec["root"]["dag"]["tasks"]["Trainer"]["inputs"]["parameters"]["run_fn"]
        assert f"models.{name}.run_fn" in json.dumps(given)
