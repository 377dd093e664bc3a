"""A server with a small model of each task, and the clients of `examples/clients` beside it."""

from __future__ import annotations

import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.serving_process import ServerProcess
from tests.others.programs import GRPCURL
from tests.pipeline.conftest import Project, call_here

CLIENTS = Path(__file__).parents[2] / "examples" / "clients"
# Trained so briefly, it is no better than the last year again.
SERIES = (
    "features.horizon=6",
    "features.context=24",
    "model.units=8",
    "training.steps=20",
    "gates.relative_mase=99",
    "gates.relative_wql=99",
    "gates.coverage_error=1",
)


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """HOST:PORT of `tidegate serve` with both models, made by the product from raw files."""
    folder = tmp_path_factory.mktemp("others")
    texts = Project(folder)
    assert texts.run_here() == 0
    series, chance = folder / "series.csv", random.Random(5)
    rows = [
        f"{name},{year}-{month:02}-01,{20 + 5 * (month % 6) + chance.random():.3f}"
        for name in ("bath", "garden")
        for year in range(2000, 2024)
        for month in range(1, 13)
    ]
    series.write_text("\n".join(["unique_id,ds,y", *rows]) + "\n")
    words = ["run", "forecasting", "--data", str(series), "--output", str(folder / "series")]
    assert call_here(*words, *(word for one in SERIES for word in ("--set", one))) == 0
    models = folder / "models"
    models.mkdir()
    for output in (texts.output, folder / "series"):
        (model,) = (output / "serving").iterdir()
        (models / model.name).symlink_to(model)
    with ServerProcess(f"--models={models}") as server:
        yield server.address


@pytest.fixture(scope="session")
def clients(address: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of `examples/clients`, with the messages that the server has told."""
    folder = tmp_path_factory.mktemp("clients")
    for path in ("node", "go", "java", "rust"):
        shutil.copytree(
            CLIENTS / path,
            folder / path,
            ignore=shutil.ignore_patterns("node_modules", "gen", "target"),
        )
    service = "tensorflow.serving.PredictionService"
    subprocess.run(
        [str(GRPCURL.path), "-plaintext", "-proto-out-dir", "protos", address, "describe", service],
        cwd=folder,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    shutil.rmtree(folder / "protos" / "google")
    return folder
