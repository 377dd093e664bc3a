"""Two training workers on loopback, through the function that TFX's Trainer calls."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.ports import free_ports

pytestmark = pytest.mark.slow


def written(folder: Path) -> set[str]:
    """All files below a folder, but the event files' own names."""
    return {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and "tfevents" not in path.name
    }


@pytest.mark.parametrize("task", ["language_model", "forecasting"])
def test_two_workers_train_like_one(task: str, toy: Callable[[str], Any], tmp_path: Path) -> None:
    from tidegate.components.trainer.run_fn import run_fn

    prepared = toy(task).without_dropout()
    results, folders = [], [tmp_path / "one", tmp_path / "two"]
    addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
    for folder, workers in zip(folders, ([], addresses), strict=True):
        run_fn(prepared.arguments(folder, 1, steps=12, workers=workers))
        results.append(json.loads((folder / "model_run/1/training.json").read_text()))
    one, two = results
    assert two["steps"] == one["steps"] == 12
    assert two["history"].keys() == one["history"].keys()
    for name, values in one["history"].items():
        # The same global batches: what differs is the order of float32 sums (to 1e-6 in text, whose
        # state is of each worker's lanes), and in forecasting which series' names are hidden.
        assert two["history"][name] == pytest.approx(values, rel=5e-3), name
    assert written(folders[1]) == written(folders[0])
    for split in ("train", "validation"):
        assert len(list((folders[1] / "model_run/1" / split).iterdir())) == 1


def test_workers_that_divide_the_examples_learn_as_well(
    toy: Callable[[str], Any], tmp_path: Path
) -> None:
    from tidegate.components.trainer.run_fn import run_fn

    prepared = toy("text_classification").without_dropout()
    addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
    results = []
    for name, settings in (("one", {}), ("two", {"workers": addresses, "shard": "examples"})):
        # Neither stops early, as other batches might make one of them.
        run_fn(prepared.arguments(tmp_path / name, 1, steps=24, patience=24, **settings))
        results.append(json.loads((tmp_path / name / "model_run/1/training.json").read_text()))
    one, two = results
    assert (two["steps"], two["rows"]) == (one["steps"], one["rows"])
    # Other batches of the same rows: other figures at each step, about the same in the end.
    assert two["history"]["val_loss"] != one["history"]["val_loss"]
    assert two["best"] == pytest.approx(one["best"], rel=0.1)


@pytest.mark.parametrize("count", [2, 3])
def test_each_example_is_one_workers_own(count: int, toy: Callable[[str], Any]) -> None:
    import numpy as np
    import tensorflow_transform as tft

    from tidegate.components.trainer.run_parameters import RunParameters

    prepared = toy("text_classification")
    arguments = prepared.arguments(Path("nowhere"), 1)
    run = RunParameters.read(arguments.custom_config, None)
    transform = tft.TFTransformOutput(arguments.transform_output)

    def read(share: tuple[int, int]) -> list[bytes]:
        """The rows of a pass, whatever a batch pads them with."""
        return [
            np.trim_zeros(np.asarray(row)).tobytes()
            for inputs, _, _ in run.batches(arguments.train_files, transform, None, share)
            for row in inputs["tokens"]
        ]

    parts = [read((count, index)) for index in range(count)]
    assert all(parts)
    assert sorted(row for part in parts for row in part) == sorted(read((1, 0)))
