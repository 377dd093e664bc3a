"""A Trainer that is killed, told to end, and run again, through the function that TFX calls."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tidegate.components.trainer.worker_processes import NAMES

pytestmark = pytest.mark.slow
STEPS = 240
# There is a validation after each 24 steps.
SETTINGS: dict[str, Any] = {"steps": STEPS, "checkpoint_seconds": 1e-6, "patience": 100}


def started(arguments: Any, file: Path) -> subprocess.Popen[bytes]:
    """The Trainer's function in a process of its own."""
    file.write_text(json.dumps({name: getattr(arguments, name) for name in NAMES}))
    return subprocess.Popen(
        [sys.executable, "-m", "tidegate.components.trainer.worker_processes", str(file)],
        env={**os.environ, "PYTHONPATH": os.getcwd()},
        stdout=subprocess.DEVNULL,
    )


def wait_for_checkpoint(process: subprocess.Popen[bytes], folder: Path, after: int) -> int:
    """The step of a checkpoint that lies between two validations."""
    until = time.monotonic() + 300
    while time.monotonic() < until:
        assert process.poll() is None
        for state in folder.glob(".checkpoints/*/step-*/state"):
            step = int(state.parent.name.removeprefix("step-"))
            if step > after and step % 24:
                return step
        time.sleep(0.01)
    raise AssertionError("no checkpoint was written")


def test_killed_and_terminated_it_ends_as_if_nothing_had_happened(
    toy: Callable[[str], Any], tmp_path: Path
) -> None:
    from tidegate.components.trainer.run_fn import run_fn

    prepared = toy("text_classification")
    run_fn(prepared.arguments(tmp_path / "whole", 1, **SETTINGS))
    folder, file = tmp_path / "broken", tmp_path / "arguments.json"

    killed = started(prepared.arguments(folder, 1, **SETTINGS), file)
    first = wait_for_checkpoint(killed, folder, after=0)
    killed.kill()
    assert killed.wait() == -signal.SIGKILL
    # TFX gives the same work another execution.
    terminated = started(prepared.arguments(folder, 2, **SETTINGS), file)
    second = wait_for_checkpoint(terminated, folder, after=first)
    terminated.terminate()
    assert terminated.wait() == 143
    assert not (folder / "model").exists()
    run_fn(prepared.arguments(folder, 3, **SETTINGS))

    whole, broken = (
        json.loads((tmp_path / path / "training.json").read_text())
        for path in ("whole/model_run/1", "broken/model_run/3")
    )
    assert second < STEPS
    assert broken["history"] == whole["history"]
    assert broken["validated"] == whole["validated"]
    assert (broken["best"], broken["steps"]) == (whole["best"], STEPS)
    assert not any((folder / ".checkpoints").iterdir())


@pytest.mark.parametrize("task", ["forecasting", "language_model"])
def test_a_training_of_windows_goes_on(
    task: str, toy: Callable[[str], Any], tmp_path: Path
) -> None:
    # The input holds the state of a transform graph's tables, which no checkpoint can hold. A
    # language model is ended while its lanes carry state.
    from tidegate.components.trainer.run_fn import run_fn
    from tidegate.models.core.progress import LogReporter, set_reporter

    class Terminates(LogReporter):
        def line(self, text: str) -> None:
            if text.startswith("step "):
                signal.raise_signal(signal.SIGTERM)

    settings = {"steps": 12, "validations": 50}
    prepared = toy(task)
    run_fn(prepared.arguments(tmp_path / "whole", 1, **settings))
    set_reporter(Terminates())
    try:
        with pytest.raises(SystemExit):
            run_fn(prepared.arguments(tmp_path / "broken", 1, **settings))
    finally:
        set_reporter(LogReporter())
    assert list(tmp_path.glob("broken/.checkpoints/*/step-*/state"))
    run_fn(prepared.arguments(tmp_path / "broken", 2, **settings))
    whole, broken = (
        json.loads((tmp_path / path / "training.json").read_text())
        for path in ("whole/model_run/1", "broken/model_run/2")
    )
    assert broken["history"] == whole["history"]
    assert broken["validated"] == whole["validated"]
