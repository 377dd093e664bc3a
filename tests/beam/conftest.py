"""The data stages of both tasks, run through Beam's runners."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.beam.stages import SETTINGS, RunStages, Stages, stages


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """By task, a small data file."""
    folder, chance = tmp_path_factory.mktemp("data"), random.Random(3)
    words = [f"w{number}" for number in range(40)]
    texts = folder / "texts.csv"
    texts.write_text(
        "text,label\n"
        + "".join(
            f"{' '.join(chance.choices(words, range(1, 41), k=6))} {row},{'ab'[row % 2]}\n"
            for row in range(300)
        )
    )
    series = folder / "series.csv"
    series.write_text(
        "unique_id,ds,y\n"
        + "".join(
            f"s{one},{step},{step % 7 + one + chance.random():.4f}\n"
            for one in range(5)
            for step in range(60)
        )
    )
    return {"text_classification": texts, "forecasting": series}


@pytest.fixture(scope="session")
def run_stages(data: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> RunStages:
    """Runs the stages in this process, with Beam's workers wherever the options say."""
    from benchmarks import data_stages

    def run(task: str, *beam: str, folder: Path | None = None, **more: Any) -> Stages:
        where = folder or tmp_path_factory.mktemp("stages") / "run"
        return stages(data_stages.run(data[task], where, SETTINGS[task], task, beam=beam, **more))

    return run


@pytest.fixture(scope="session")
def direct(run_stages: RunStages) -> dict[str, Stages]:
    """By task, what the direct runner gives in memory."""
    return {task: run_stages(task) for task in SETTINGS}


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Beam's own job service; its HOST:PORT."""
    from benchmarks.worker_pools import job_service

    with job_service(tmp_path_factory.mktemp("service") / "job") as endpoint:
        yield endpoint
