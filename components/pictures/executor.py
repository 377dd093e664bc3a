"""The work: an exported model's answers on `eval` to pictures and tables."""

import io
import itertools
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_text  # noqa: F401  Registers the ops of exported models.
from matplotlib.figure import Figure
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import path_utils

from tidegate.components.example_gen.raw_examples import raw_record, read_serialized
from tidegate.components.pictures.judged import judged
from tidegate.components.pictures.training import training_curves
from tidegate.components.pictures.vector import as_svg
from tidegate.components.trainer.report import read_training
from tidegate.models.core.export import EXTRA_FOLDER
from tidegate.models.core.progress import reporter
from tidegate.models.core.shown import Table
from tidegate.models.core.task import SequenceTask, load_task
from tidegate.tables.roles import FILE, Roles

# A picture is of these many rows at most, the first ones: SeriesExampleGen orders series by a hash
# of their names, so that they are a sample.
_MOST_ROWS = 1_000


class Executor(base_executor.BaseExecutor):
    """Draws."""

    def Do(
        self,
        input_dict: dict[str, list[Any]],
        output_dict: dict[str, list[Any]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes the training's curves and what the task shows, a table as JSON.

        A picture is a PNG for who opens the file, and an SVG for a page. The task's are of the
        first `_MOST_ROWS` rows of `eval`; where it has more, they say so.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        task = load_task(exec_properties["task"])
        folder = artifact_utils.get_single_uri(output_dict["pictures"])
        run = artifact_utils.get_single_uri(input_dict["model_run"])
        _write(folder, "training", training_curves(read_training(run)))
        if task.pictures is None:
            return
        data = task.data.model_validate_json(exec_properties["data"])
        features = task.features.model_validate_json(exec_properties["features"])
        sequences = frozenset(one.name for one in task.raw_features(data) if one.sequence)
        eval_folder = artifact_utils.get_split_uri([*input_dict["examples"]], "eval")
        model = artifact_utils.get_single_instance(input_dict["model"])
        path = path_utils.serving_model_path(model.uri)
        exported = tf.saved_model.load(path)

        def shown_rows() -> Iterator[tuple[dict[str, Any], np.ndarray]]:
            return _judged(task, exported, eval_folder, sequences)

        caption = _caption(eval_folder, task.examples)
        if caption:
            reporter().line(f"pictures: {caption}")
        names = _names(path, task.evaluation.prediction)
        for name, shown in task.pictures(shown_rows, data, features, names):
            _keep(folder, name, shown, caption)
        if task.asked is not None:
            for name, shown in task.asked(_asking(exported), data, features):
                _keep(folder, name, shown, None)


def _asking(exported: Any) -> Callable[[str, Mapping[str, Any]], dict[str, np.ndarray]]:
    """(signature, inputs by name) to outputs by name, of an exported model."""

    def ask(signature: str, inputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
        function = exported.signatures[signature]
        _, specs = function.structured_input_signature
        given = {
            # A list of empty lists has no second axis else.
            name: tf.constant(
                np.array(value, object if specs[name].dtype == tf.string else None),
                specs[name].dtype,
            )
            for name, value in inputs.items()
        }
        return {name: output.numpy() for name, output in function(**given).items()}

    return ask


def _keep(folder: str, name: str, shown: Figure | Table, caption: str | None) -> None:
    """Writes a picture, or a table as JSON, with what it leaves out."""
    if isinstance(shown, Table):
        note = ". ".join(text for text in (shown.note, caption) if text)
        _write_text(folder, f"{name}.json", replace(shown, note=note).to_json())
        return
    if caption:
        shown.suptitle(caption, fontsize="small")
    _write(folder, name, shown)


def _names(model: str, answer: str) -> tuple[str, ...]:
    """What the entries along an answer's last axis are called, as the exported model says it."""
    with tf.io.gfile.GFile(os.path.join(model, EXTRA_FOLDER, FILE)) as file:
        outputs = Roles.from_json(file.read(), model).outputs
    return outputs[answer].names if answer in outputs else ()


def _caption(folder: str, examples: str) -> str | None:
    """What pictures of a split leave out; None where they leave out nothing.

    Args:
      folder: of the split.
      examples: what its rows are, in the plural.
    """
    others = itertools.islice(read_serialized(folder), _MOST_ROWS, None)
    if next(others, None) is None:
        return None
    return f"of the first {_MOST_ROWS:,} {examples} of 'eval', which has more"


def _judged(
    task: SequenceTask, exported: Any, folder: str, sequences: frozenset[str]
) -> Iterator[tuple[dict[str, Any], np.ndarray]]:
    """The first raw records of a split, each with what the Evaluator judges of its answer."""
    rows = itertools.islice(read_serialized(folder), _MOST_ROWS)
    for batch, found in judged(task, exported, rows):
        for one, prediction in zip(batch, found, strict=True):
            yield raw_record(one, sequences), prediction


def _write(folder: str, name: str, figure: Figure) -> None:
    stored = io.BytesIO()
    figure.savefig(stored, format="png", dpi=110)
    with tf.io.gfile.GFile(os.path.join(folder, f"{name}.png"), "wb") as file:
        file.write(stored.getvalue())
    _write_text(folder, f"{name}.svg", as_svg(figure, name))


def _write_text(folder: str, name: str, text: str) -> None:
    with tf.io.gfile.GFile(os.path.join(folder, name), "w") as file:
        file.write(text)
