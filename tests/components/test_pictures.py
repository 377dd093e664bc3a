"""The curves of a training, and which rows a task's own pictures are of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tidegate.components.pictures.training import training_curves


def test_a_panel_for_each_figure_with_its_validation() -> None:
    training = {
        "validated": [100, 200, 250],
        "monitor": "val_accuracy",
        "best": 0.8,
        "history": {
            "loss": [3.0, 2.0, 1.0],
            "accuracy": [0.5, 0.7, 0.9],
            "val_loss": [2.5, 2.0, 2.2],
            "val_accuracy": [0.6, 0.8, 0.7],
        },
    }
    loss, accuracy = training_curves(training).axes
    assert (loss.get_title(), accuracy.get_title()) == ("loss", "accuracy")
    own, validation = loss.get_lines()
    assert own.get_xdata().tolist() == [100, 200, 250]
    assert own.get_ydata().tolist() == [3.0, 2.0, 1.0]
    assert validation.get_ydata().tolist() == [2.5, 2.0, 2.2]
    # The weights that were kept are those of the second validation.
    assert accuracy.get_lines()[2].get_xdata() == pytest.approx([200, 200])


def drawn_of(rows: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[int, str]:
    """The rows that the executor hands a task's pictures, and the title that it gives them."""
    import tensorflow as tf
    from matplotlib.figure import Figure
    from tfx.types import standard_artifacts

    from tidegate.components.pictures import executor

    eval_folder, figure, judged_rows = folder / "Split-eval", Figure(), []
    eval_folder.mkdir()
    with tf.io.TFRecordWriter(str(eval_folder / "rows.gz"), "GZIP") as writer:
        for _ in range(rows):
            writer.write(tf.train.Example().SerializeToString())

    def pictures(judged: Any, data: Any, features: Any) -> Iterator[tuple[str, Figure]]:
        judged_rows.extend(judged())
        yield "own", figure

    settings = SimpleNamespace(model_validate_json=lambda text: text)
    task = SimpleNamespace(
        examples="series",
        pictures=pictures,
        data=settings,
        features=settings,
        raw_features=lambda data: [],
        evaluation=SimpleNamespace(signature="judge", prediction="judged"),
    )

    def judge(batch: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"judged": tf.zeros(tf.shape(batch))}

    exported = SimpleNamespace(signatures={"judge": judge})
    monkeypatch.setattr(executor, "_MOST_ROWS", 20)
    monkeypatch.setattr(executor, "load_task", lambda name: task)
    monkeypatch.setattr(executor, "read_training", lambda run: None)
    monkeypatch.setattr(executor, "training_curves", lambda training: Figure())
    monkeypatch.setattr(tf.saved_model, "load", lambda path: exported)
    kinds = {
        "pictures": standard_artifacts.HyperParameters,
        "model_run": standard_artifacts.ModelRun,
        "model": standard_artifacts.Model,
        "examples": standard_artifacts.Examples,
    }
    artifacts = {name: [kind()] for name, kind in kinds.items()}
    for (artifact,) in artifacts.values():
        artifact.uri = str(folder)
    artifacts["examples"][0].split_names = '["eval"]'
    written = {"pictures": artifacts.pop("pictures")}
    executor.Executor().Do(artifacts, written, {"task": "t", "data": "{}", "features": "{}"})
    assert (folder / "own.png").exists()
    return len(judged_rows), figure.get_suptitle()


def test_pictures_of_some_of_the_rows_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = drawn_of(21, tmp_path, monkeypatch)
    assert found == (20, "of the first 20 series of 'eval', which has more")


def test_pictures_of_all_rows_need_no_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert drawn_of(20, tmp_path, monkeypatch) == (20, "")
