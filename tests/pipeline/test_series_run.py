"""`tidegate run forecasting` from a long file to answers over gRPC; the tests in their order."""

from __future__ import annotations

import csv
import json
import math
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.conftest import call_here

pytestmark = pytest.mark.slow
HORIZON = 6
SERIES = ("north", "south", "水库")


@dataclass(frozen=True)
class Project:
    """A data file and an output folder."""

    folder: Path

    @property
    def data(self) -> Path:
        return self.folder / "sales.csv"

    @property
    def output(self) -> Path:
        return self.folder / "out"

    def run(self, *more: str) -> int:
        """Runs the pipeline, small; the exit code."""
        words = ["run", "forecasting", "--data", str(self.data), "--output", str(self.output)]
        given = (f"features.horizon={HORIZON}", "features.context=24", "model.units=8", *more)
        # Trained so briefly, the intervals are far too wide.
        settings = ("training.steps=150", "training.batch_size=32", "gates.relative_wql=2", *given)
        return call_here(*words, *(word for one in settings for word in ("--set", one)))

    def summary(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.output / "summary.json").read_text())
        return found


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Three monthly series with a yearly season; one value is missing, one row is not there."""
    project = Project(tmp_path_factory.mktemp("series"))
    with project.data.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["unique_id", "ds", "y"])
        for number, name in enumerate(SERIES):
            for step in range(120):
                if (number, step) == (1, 50):
                    continue
                season = 10 * math.sin(math.tau * step / 12)
                value = 100 * (number + 1) + season + 0.1 * step + 0.3 * ((7 * step) % 5)
                y = "" if (number, step) == (0, 30) else f"{value:.3f}"
                rows.writerow([name, f"{2010 + step // 12}-{step % 12 + 1:02d}-01", y])
    return project


@pytest.fixture(scope="module")
def first(project: Project) -> int:
    """The first run's exit code."""
    return project.run()


def test_the_first_run_pushes_a_model_better_than_seasonal_naive(
    project: Project, first: int
) -> None:
    assert first == 0
    found = project.summary()
    assert found["task"] == "forecasting"
    figures = found["metrics"]["eval"]
    assert 0 < figures["relative_mase"] < 1
    assert figures["mase"] == pytest.approx(figures["relative_mase"] * figures["naive_mase"])
    assert len(figures["arrays"]["mase_by_step"]) == HORIZON
    assert "test" in found["metrics"]
    assert found["serving_check"]["ok"], found["serving_check"]
    assert all(gate["passed"] for gate in found["gates"])
    assert Path(found["pushed"]).is_dir()
    drawn = [Path(path) for path in found["plots"]]
    assert [path.name for path in drawn] == ["errors.png", "forecasts.png", "training.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in drawn)


def test_the_same_again_trains_nothing(project: Project, first: int) -> None:
    pushed = project.summary()["pushed"]
    assert project.run() == 0
    found = project.summary()
    assert found["pushed"] == pushed
    assert found["training"]["cached"] is True
    assert "Transform" in found["cached"]


def test_the_file_itself_is_a_request(project: Project, first: int) -> None:
    answers = project.folder / "answers.csv"
    words = ["--models", str(project.output / "serving"), "--file", str(project.data)]
    asked = subprocess.run(
        [
            sys.executable,
            "-m",
            "tidegate.pipeline.cli",
            "predict",
            "forecasting",
            *words,
            "--output",
            answers,
        ],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, "HOME": str(project.folder)},
        timeout=600,
    )
    assert asked.returncode == 0, asked.stdout + asked.stderr
    rows = list(csv.DictReader(answers.open(encoding="utf-8")))
    assert [row["unique_id"] for row in rows] == [name for name in SERIES for _ in range(HORIZON)]
    for place, row in enumerate(rows):
        number, step = divmod(place, HORIZON)
        assert row["step"] == str(step + 1)
        assert row["ds"] == f"2020-{step + 1:02d}-01"
        quantiles = json.loads(row["quantiles"])
        assert quantiles == sorted(quantiles)
        expected = 100 * (number + 1) + 10 * math.sin(math.tau * step / 12) + 12.6
        assert float(row["mean"]) == pytest.approx(expected, abs=12)


def test_too_long_a_horizon_is_refused_before_anything_is_trained(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    project = Project(tmp_path)
    lines = [f"a,2020-01-{day:02d},{day}" for day in range(1, 11)]
    project.data.write_text("unique_id,ds,y\n" + "\n".join(lines) + "\n")
    assert project.run("features.horizon=40") == 2
    (line,) = capfd.readouterr().err.strip().splitlines()
    assert line.startswith("tidegate: ") and "horizon" in line
    assert not (project.output / "serving").exists()
