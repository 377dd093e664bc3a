"""The work: raw examples to the baseline's metrics."""

import functools
import itertools
import json
import os
import time
from collections.abc import Iterator
from typing import Any

import tensorflow as tf
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

from models.core.task import load_task

METRICS_FILE = "metrics.json"
# Splits that the model is judged on; `valid` decides when it stops and is no judge.
_JUDGED = ("eval", "test")


def read_raw(folder: str) -> Iterator[dict[str, Any]]:
    """The raw records of a split: text features as str, numbers as they are."""
    paths = sorted(tf.io.gfile.glob(os.path.join(folder, "*")))
    for serialized in tf.data.TFRecordDataset(paths, compression_type="GZIP"):
        example = tf.train.Example.FromString(serialized.numpy())
        record: dict[str, Any] = {}
        for name, feature in example.features.feature.items():
            kind = feature.WhichOneof("kind")
            value = getattr(feature, kind).value[0]
            record[name] = value.decode("utf-8", "replace") if kind == "bytes_list" else value
        yield record


class Executor(base_executor.BaseExecutor):
    """Fits and judges the task's baseline."""

    def Do(
        self,
        input_dict: dict[str, list[Any]],
        output_dict: dict[str, list[Any]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes `metrics.json`: by split, the task's scalar figures; and the seconds."""
        self._log_startup(input_dict, output_dict, exec_properties)
        task = load_task(exec_properties["task"])
        begin = time.monotonic()
        examples = artifact_utils.get_single_instance(input_dict["examples"])
        splits = artifact_utils.decode_split_names(examples.split_names)

        def rows(split: str) -> Iterator[dict[str, Any]]:
            folder = artifact_utils.get_split_uri([examples], split)
            most = exec_properties["max_rows"] if split == "train" else None
            return itertools.islice(read_raw(folder), most)

        answers = task.baseline(
            {
                split: functools.partial(rows, split)
                for split in splits
                if split == "train" or split in _JUDGED
            },
            task.data.model_validate_json(exec_properties["data"]),
            task.features.model_validate_json(exec_properties["features"]),
        )
        figures = {}
        for split, (targets, predictions) in answers.items():
            found = task.evaluation.summarise(task.evaluation.statistics(targets, predictions))
            figures[split] = {name: found[name] for name in task.evaluation.scalars}
        written = {
            "title": task.baseline_title,
            "metrics": figures,
            "seconds": round(time.monotonic() - begin, 2),
        }
        folder = artifact_utils.get_single_uri(output_dict["figures"])
        with tf.io.gfile.GFile(os.path.join(folder, METRICS_FILE), "w") as file:
            file.write(json.dumps(written))
