"""The work: raw examples to the baseline's metrics."""

import functools
import json
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

import numpy as np
import tensorflow as tf
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

from tidegate.components.baseline.reference import METRICS_FILE, chosen
from tidegate.components.example_gen.raw_examples import read_raw
from tidegate.models.core.part import Part
from tidegate.models.core.task import SequenceTask, load_task

# Splits that the model is judged on; `valid` decides when it stops, and between simple models.
_JUDGED = ("eval", "test")


class Executor(base_executor.BaseExecutor):
    """Fits and judges the task's baseline."""

    def Do(
        self,
        input_dict: dict[str, list[Any]],
        output_dict: dict[str, list[Any]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes `metrics.json`: by split, the task's figures, and the seconds.

        Where the task has rivals: by split and title, the part they cover and their figures; and
        which of all is the reference.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        task = load_task(exec_properties["task"])
        begin = time.monotonic()
        examples = artifact_utils.get_single_instance(input_dict["examples"])
        splits = artifact_utils.decode_split_names(examples.split_names)
        data = task.data.model_validate_json(exec_properties["data"])
        features = task.features.model_validate_json(exec_properties["features"])
        sequences = frozenset(one.name for one in task.raw_features(data) if one.sequence)

        learnt: dict[str, int] = {}
        more: set[str] = set()

        def rows(split: str) -> Iterator[dict[str, Any]]:
            folder = artifact_utils.get_split_uri([examples], split)
            most = exec_properties["max_rows"] if split == "train" else None
            for number, record in enumerate(read_raw(folder, sequences), 1):
                if most is not None and number > most:
                    more.add(split)
                    return
                learnt[split] = max(learnt.get(split, 0), number)
                yield record

        records = {split: functools.partial(rows, split) for split in splits}
        reference = task.evaluation.reference
        wanted = ("train", *_JUDGED) if reference is None else splits
        judged = {split: read for split, read in records.items() if split in wanted}
        figures = {
            split: _figures(task, chunks)
            for split, chunks in task.baseline(judged, data, features).items()
        }
        written: dict[str, Any] = {
            "title": task.baseline_title,
            "rows": learnt.get("train", 0),
            "more": "train" in more,
            "metrics": figures,
        }
        if task.rivals is not None:
            written["rivals"] = {
                split: {
                    title: {**_covered(task, part), **_figures(task, chunks)}
                    for title, (chunks, part) in by_title.items()
                }
                for split, by_title in task.rivals(records, data, features).items()
            }
        if reference is not None:
            written["reference"], written["part"] = chosen(written, reference)
        written["seconds"] = round(time.monotonic() - begin, 2)
        folder = artifact_utils.get_single_uri(output_dict["figures"])
        with tf.io.gfile.GFile(os.path.join(folder, METRICS_FILE), "w") as file:
            file.write(json.dumps(written))


def _covered(task: SequenceTask, part: Part | None) -> dict[str, Any]:
    if part is None:
        return {"covers": f"all {task.examples}", "whole": True}
    return {"covers": part.title, "whole": False, "part": asdict(part)}


def _figures(task: SequenceTask, chunks: Iterable[tuple[Any, Any]]) -> dict[str, Any]:
    """The figures of one or more chunks, held one at a time: their statistics add up.

    Args:
      task: the task.
      chunks: targets and predictions, as `Evaluation.statistics` takes them.
    """
    evaluation = task.evaluation
    sums: dict[str, np.ndarray] = {}
    for targets, predictions in chunks:
        for name, sum_ in evaluation.statistics(targets, predictions).items():
            sums[name] = sums[name] + sum_ if name in sums else sum_
    found = evaluation.summarise(sums)
    arrays = {name: np.round(found[name], 6).tolist() for name in evaluation.arrays}
    return {**{name: found[name] for name in evaluation.scalars}, "arrays": arrays}
