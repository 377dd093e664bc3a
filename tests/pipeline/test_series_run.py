"""`tidegate run forecasting` from a long file to answers over gRPC; the tests in their order."""

from __future__ import annotations

import csv
import json
import math
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.conftest import call_here
from tests.ports import free_ports
from tests.wheel_environment import outside_environment, rooms_of_somebody_else

pytestmark = pytest.mark.slow
HORIZON = 6
SERIES = ("north", "south", "水库")


@dataclass(frozen=True)
class Project:
    """A data file and an output folder."""

    folder: Path
    workers: tuple[str, ...] = ()

    @property
    def data(self) -> Path:
        return self.folder / "sales.csv"

    @property
    def output(self) -> Path:
        return self.folder / "out"

    def arguments(self, *more: str) -> list[str]:
        """Those of a run of the pipeline, small."""
        words = ["run", "forecasting", "--data", str(self.data), "--output", str(self.output)]
        columns = ("data.id_column=store", "data.time_column=day", "data.target_column=sold")
        given = (
            *columns,
            "data.delimiter=;",
            f"features.horizon={HORIZON}",
            "features.context=24",
            "model.units=8",
            *more,
        )
        if self.workers:
            given += (f"training.workers={','.join(self.workers)}",)
        # Trained so briefly, the intervals are far too wide.
        settings = ("training.steps=150", "training.batch_size=32", "gates.relative_wql=2", *given)
        return words + [word for one in settings for word in ("--set", one)]

    def run(self, *more: str) -> int:
        """Runs the pipeline in this process; the exit code."""
        return call_here(*self.arguments(*more))

    def installed(self, python: Path, *words: str) -> subprocess.CompletedProcess[str]:
        """Runs the installed command in the folder of a project with rooms of its own."""
        elsewhere = self.folder / "elsewhere"
        return subprocess.run(
            [str(python.with_name("tidegate")), *words],
            capture_output=True,
            text=True,
            encoding="utf-8",
            cwd=elsewhere if elsewhere.exists() else rooms_of_somebody_else(elsewhere),
            env=outside_environment() | {"HOME": str(self.folder)},
            timeout=600,
        )

    def summary(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.output / "summary.json").read_text())
        return found


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Three monthly series with a yearly season; one value is missing, one row is not there.

    Columns and delimiter are not those that are read without a setting.
    """
    workers = tuple(f"127.0.0.1:{port}" for port in free_ports(2))
    project = Project(tmp_path_factory.mktemp("series"), workers)
    with project.data.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, delimiter=";")
        rows.writerow(["store", "day", "sold"])
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
def first(project: Project, wheel_python: Path) -> subprocess.CompletedProcess[str]:
    """The first run, from the wheel, by two training workers."""
    return project.installed(wheel_python, *project.arguments())


def test_the_first_run_pushes_a_model_better_than_seasonal_naive(
    project: Project, first: subprocess.CompletedProcess[str]
) -> None:
    assert first.returncode == 0, first.stdout + first.stderr
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


def test_the_same_again_trains_nothing(project: Project, first: Any) -> None:
    pushed = project.summary()["pushed"]
    assert project.run() == 0
    found = project.summary()
    assert found["pushed"] == pushed
    assert found["training"]["cached"] is True
    assert "Transform" in found["cached"]


def test_the_file_itself_is_a_request_to_a_server_of_its_own(
    project: Project, first: Any, wheel_python: Path
) -> None:
    answers = project.folder / "answers.csv"
    words = ["--models", str(project.output / "serving"), "--file", str(project.data)]
    asked = project.installed(
        wheel_python, "predict", "forecasting", *words, "--output", str(answers)
    )
    assert asked.returncode == 0, asked.stdout + asked.stderr
    rows = list(csv.DictReader(answers.open(encoding="utf-8")))
    assert [row["store"] for row in rows] == [name for name in SERIES for _ in range(HORIZON)]
    for place, row in enumerate(rows):
        number, step = divmod(place, HORIZON)
        assert row["step"] == str(step + 1)
        assert row["day"] == f"2020-{step + 1:02d}-01"
        quantiles = [float(row[name]) for name in ("lo-95", "lo-50", "median", "hi-50", "hi-95")]
        assert quantiles == sorted(quantiles)
        expected = 100 * (number + 1) + 10 * math.sin(math.tau * step / 12) + 12.6
        assert float(row["mean"]) == pytest.approx(expected, abs=12)


def test_too_long_a_horizon_is_refused_before_anything_is_trained(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    project = Project(tmp_path)
    lines = [f"a;2020-01-{day:02d};{day}" for day in range(1, 11)]
    project.data.write_text("store;day;sold\n" + "\n".join(lines) + "\n")
    assert project.run("features.horizon=40") == 2
    (line,) = capfd.readouterr().err.strip().splitlines()
    assert line.startswith("tidegate: ") and "horizon" in line
    assert not (project.output / "serving").exists()
