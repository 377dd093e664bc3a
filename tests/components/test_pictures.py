"""The curves of a training, and which rows a task's own pictures are of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest

from tidegate.components.pictures.training import training_curves
from tidegate.components.pictures.vector import as_svg
from tidegate.models.core.export import EXTRA_FOLDER
from tidegate.models.core.shown import Table
from tidegate.tables.roles import FILE, Output, Roles


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


def test_a_picture_for_a_page_has_its_colours_and_titles_for_its_points() -> None:
    from matplotlib.figure import Figure

    figure = Figure()
    axes = figure.subplots()
    axes.plot([1, 2, 3], [0.5, float("nan"), 0.25], marker="o", label="<ours>")
    axes.plot([1, 3], [0, 1])
    axes.set_xlabel("step")
    axes.legend()
    axes.set_title('#000000 id="x" url(#x)')  # Words of a user stay as they are.
    drawn = as_svg(figure, "errors")
    assert drawn == as_svg(figure, "errors")
    root = ElementTree.fromstring(drawn)
    assert '#000000 id="x" url(#x)' in "".join(root.itertext())
    titles = [one.text for one in root.iter("{http://www.w3.org/2000/svg}title")]
    assert titles == ["<ours>: step 1, 0.5", "<ours>: step 3, 0.25"]
    attributes = " ".join(value for one in root.iter() for value in one.attrib.values())
    assert "currentColor" in attributes and "var(--paper)" in attributes
    assert "#000000" not in attributes and "#ffffff" not in attributes
    identities = [one.get("id") for one in root.iter() if one.get("id")]
    assert identities and all(str(one).startswith("errors-") for one in identities)
    used = re.findall(r"#(errors-[^)\s]+)", attributes)
    assert used and set(used) <= set(identities)


def drawn_of(rows: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[int, str]:
    """The rows that the executor hands a task's pictures, and the title that it gives them."""
    import tensorflow as tf
    from matplotlib.figure import Figure
    from tfx.types import standard_artifacts

    from tidegate.components.pictures import executor

    eval_folder, figure, judged_rows = folder / "Split-eval", Figure(), []
    eval_folder.mkdir()
    extra = folder / "Format-Serving" / EXTRA_FOLDER
    extra.mkdir(parents=True)
    roles = Roles(outputs={"judged": Output("scores", names=("a", "b"))})
    (extra / FILE).write_text(roles.to_json())
    with tf.io.TFRecordWriter(str(eval_folder / "rows.gz"), "GZIP") as writer:
        for _ in range(rows):
            writer.write(tf.train.Example().SerializeToString())

    def pictures(
        judged: Any, data: Any, features: Any, names: Any
    ) -> Iterator[tuple[str, Figure | Table]]:
        judged_rows.extend(judged())
        assert names == ("a", "b")
        yield "own", figure
        yield "worst", Table("Worst", ("text",), (("<b>",),))

    def asked(ask: Any, data: Any, features: Any) -> Iterator[tuple[str, Figure]]:
        # Of the types that the signature has, also where a list of lists is empty.
        found = ask("echo", {"n": [1, 2], "stop": [[], []]})
        assert found["n"].tolist() == [1, 2] and found["stop"].shape == (2, 0)
        yield "asked", Figure()

    class Echo:
        structured_input_signature = (
            (),
            {
                "n": tf.TensorSpec([None], tf.int64),
                "stop": tf.TensorSpec([None, None], tf.string),
            },
        )

        def __call__(self, **inputs: tf.Tensor) -> dict[str, tf.Tensor]:
            for name, spec in self.structured_input_signature[1].items():
                assert inputs[name].dtype == spec.dtype
            return inputs

    settings = SimpleNamespace(model_validate_json=lambda text: text)
    task = SimpleNamespace(
        examples="series",
        pictures=pictures,
        asked=asked,
        data=settings,
        features=settings,
        raw_features=lambda data: [],
        evaluation=SimpleNamespace(signature="judge", prediction="judged"),
    )

    def judge(batch: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"judged": tf.zeros(tf.shape(batch))}

    exported = SimpleNamespace(signatures={"judge": judge, "echo": Echo()})
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
    for name in ("own", "asked"):
        assert (folder / f"{name}.png").exists() and (folder / f"{name}.svg").exists()
    table = Table.from_json((folder / "worst.json").read_text())
    assert (table.rows, table.note) == ((("<b>",),), figure.get_suptitle())
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
