"""The baseline component: what it learns from, what it is judged on, what it writes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from sklearn import metrics as sklearn
from tfx.types import artifact_utils, standard_artifacts
from tfx.types.experimental import simple_artifacts

from components.baseline.executor import Executor
from components.raw_examples import read_raw
from models.core.export import serialize_sample
from models.core.task import load_task

TASK = "text_classification"
TRAIN = [
    (f"{word} seen {n % 7}", label)
    for n in range(30)
    for word, label in (("up", "a"), ("down", "b"))
]
EVAL = [("up", "a"), ("up seen", "a"), ("down", "b"), ("down 3", "b"), ("up again", "b")]
TEST = [("down", "b"), ("up", "a"), ("up", "never seen")]


def write_split(folder: Path, rows: Sequence[tuple[str, str]], files: int = 2) -> None:
    folder.mkdir(parents=True)
    size = -(-len(rows) // files)
    for number in range(files):
        with tf.io.TFRecordWriter(str(folder / f"part-{number}.gz"), "GZIP") as writer:
            for text, label in rows[number * size : (number + 1) * size]:
                writer.write(serialize_sample({"text": text, "label": label}))


def execute(folder: Path, max_rows: int = 1_000, **splits: Sequence[tuple[str, str]]) -> Any:
    examples, figures = standard_artifacts.Examples(), simple_artifacts.Metrics()
    examples.uri, figures.uri = str(folder / "examples"), str(folder / "figures")
    (folder / "figures").mkdir(parents=True)
    examples.split_names = artifact_utils.encode_split_names(list(splits))
    for split, rows in splits.items():
        write_split(folder / "examples" / f"Split-{split}", rows)
    Executor().Do(
        {"examples": [examples]},
        {"figures": [figures]},
        {
            "task": TASK,
            "data": "{}",
            "features": json.dumps({"min_count": 1}),
            "max_rows": max_rows,
        },
    )
    return json.loads((folder / "figures" / "metrics.json").read_text())


def test_it_is_judged_on_eval_and_test_and_not_on_valid(tmp_path: Path) -> None:
    written = execute(tmp_path, train=TRAIN, valid=EVAL, eval=EVAL, test=TEST)
    assert sorted(written["metrics"]) == ["eval", "test"]
    task = load_task(TASK)
    assert written["title"] == task.baseline_title
    assert set(written["metrics"]["eval"]) == {*task.evaluation.scalars, "arrays"}
    assert set(written["metrics"]["eval"]["arrays"]) == set(task.evaluation.arrays)
    assert written["metrics"]["eval"]["accuracy"] == pytest.approx(4 / 5)
    assert written["metrics"]["test"]["accuracy"] == pytest.approx(2 / 3)
    answers = ["a", "a", "b", "b", "a"]
    expected = sklearn.f1_score([label for _, label in EVAL], answers, average="macro")
    assert written["metrics"]["eval"]["macro_f1"] == pytest.approx(expected)


def test_it_learns_from_the_first_rows_alone(tmp_path: Path) -> None:
    swapped = [(text, {"a": "b", "b": "a"}[label]) for text, label in TRAIN] * 5
    rows = [*TRAIN, *swapped]
    limited = execute(tmp_path / "limited", max_rows=len(TRAIN), train=rows, eval=EVAL)
    everything = execute(tmp_path / "all", train=rows, eval=EVAL)
    assert limited["metrics"]["eval"]["accuracy"] == pytest.approx(4 / 5)
    assert everything["metrics"]["eval"]["accuracy"] == pytest.approx(1 / 5)


def test_raw_records_are_read_as_text_and_numbers(tmp_path: Path) -> None:
    with tf.io.TFRecordWriter(str(tmp_path / "part.gz"), "GZIP") as writer:
        writer.write(serialize_sample({"text": "水闸", "count": 3, "y": 0.5}))
    assert list(read_raw(str(tmp_path))) == [{"text": "水闸", "count": 3, "y": 0.5}]


def test_sequences_are_read_as_arrays(tmp_path: Path) -> None:
    with tf.io.TFRecordWriter(str(tmp_path / "part.gz"), "GZIP") as writer:
        writer.write(serialize_sample({"y": [0.5, float("nan")], "one": [7.0], "count": 3}))
    (found,) = read_raw(str(tmp_path), frozenset({"y", "one"}))
    np.testing.assert_array_equal(found["y"], [0.5, np.nan])
    assert found["one"].tolist() == [7.0] and found["count"] == 3
