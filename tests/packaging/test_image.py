"""The image, built without a Docker engine: its own commands, in a fresh environment."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.packaging.build_context import CHECKOUT
from tests.packaging.conftest import Image
from tests.packaging.dockerfile import read_dockerfile
from tests.pipeline.conftest import TINY, sentences, write_csv
from tests.wheel_environment import installed_packages, pinned_versions

pytestmark = pytest.mark.slow


def container(image: Image, folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Runs a command as `docker run` does, in an empty folder."""
    return subprocess.run(
        command,
        cwd=folder,
        env=image.variables,
        text=True,
        capture_output=True,
        check=False,
        timeout=900,
    )


def test_it_has_the_pinned_packages_and_no_others(image: Image, wheel_python: Path) -> None:
    pins, found = pinned_versions(), installed_packages(image.python)
    assert found.pop("tidegate")
    assert found == {name: pins[name] for name in found}
    # The environment that other tests take for an installed one is the same.
    linked = installed_packages(wheel_python)
    assert linked.keys() - {"tidegate"} == found.keys()


def test_its_default_command_answers(image: Image, tmp_path: Path) -> None:
    *_, last = read_dockerfile(CHECKOUT / "Dockerfile")
    done = container(image, tmp_path, *last.last("CMD").words())
    assert (done.returncode, done.stderr) == (0, "")
    assert "Usage: tidegate" in done.stdout


def test_what_only_informs_answers(image: Image, tmp_path: Path) -> None:
    version = installed_packages(image.python)["tidegate"]
    for command, said in (
        (["--version"], f"version {version}"),
        (["tasks"], "text_classification"),
        (["doctor"], "tensorflow-serving-api"),
        (["data", "list"], "climate"),
        (["compile", "--help"], "--pipeline-root"),
        (["submit", "--help"], "--endpoint"),
    ):
        done = container(image, tmp_path, "tidegate", *command)
        assert (done.returncode, done.stderr) == (0, ""), (command, done.stdout)
        assert said in done.stdout


def test_a_run_trains_and_pushes(image: Image, tmp_path: Path) -> None:
    data = write_csv(tmp_path / "texts.csv", sentences(300, seed=1))
    settings = [part for one in (*TINY, "baseline.enabled=False") for part in ("--set", one)]
    arguments = ["--data", str(data), "--output", "out", *settings]
    done = container(image, tmp_path, "tidegate", "run", "text_classification", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    summary = json.loads((tmp_path / "out" / "summary.json").read_text("utf-8"))
    assert (tmp_path / summary["pushed"] / "saved_model.pb").exists()
