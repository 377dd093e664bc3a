"""The baseline component: what it learns from, what it is judged on, what it writes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from sklearn import metrics as sklearn
from tfx.types import artifact_utils, standard_artifacts
from tfx.types.experimental import simple_artifacts

from tidegate.components.baseline.executor import Executor
from tidegate.components.example_gen.raw_examples import read_raw
from tidegate.models.core.export import serialize_sample
from tidegate.models.core.task import load_task
from tidegate.models.forecasting import baseline as forecasting
from tidegate.models.forecasting import rivals

TASK = "text_classification"
TRAIN = [
    (f"{word} seen {n % 7}", label)
    for n in range(30)
    for word, label in (("up", "a"), ("down", "b"))
]
EVAL = [("up", "a"), ("up seen", "a"), ("down", "b"), ("down 3", "b"), ("up again", "b")]
TEST = [("down", "b"), ("up", "a"), ("up", "never seen")]


def write_split(folder: Path, rows: Sequence[Mapping[str, Any]], files: int = 2) -> None:
    folder.mkdir(parents=True)
    size = -(-len(rows) // files)
    for number in range(files):
        with tf.io.TFRecordWriter(str(folder / f"part-{number}.gz"), "GZIP") as writer:
            for row in rows[number * size : (number + 1) * size]:
                writer.write(serialize_sample(row))


def run(
    folder: Path,
    task: str,
    features: Mapping[str, Any],
    max_rows: int,
    splits: Mapping[str, Sequence[Mapping[str, Any]]],
) -> Any:
    examples, figures = standard_artifacts.Examples(), simple_artifacts.Metrics()
    examples.uri, figures.uri = str(folder / "examples"), str(folder / "figures")
    (folder / "figures").mkdir(parents=True)
    examples.split_names = artifact_utils.encode_split_names(list(splits))
    for split, rows in splits.items():
        write_split(folder / "examples" / f"Split-{split}", rows)
    Executor().Do(
        {"examples": [examples]},
        {"figures": [figures]},
        {"task": task, "data": "{}", "features": json.dumps(features), "max_rows": max_rows},
    )
    return json.loads((folder / "figures" / "metrics.json").read_text())


def execute(folder: Path, max_rows: int = 1_000, **splits: Sequence[tuple[str, str]]) -> Any:
    rows = {
        split: [{"text": text, "label": label} for text, label in some]
        for split, some in splits.items()
    }
    return run(folder, TASK, {"min_count": 1}, max_rows, rows)


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
    assert (limited["rows"], limited["more"]) == (len(TRAIN), True)
    assert (everything["rows"], everything["more"]) == (len(rows), False)
    exact = execute(tmp_path / "exact", max_rows=len(TRAIN), train=TRAIN, eval=EVAL)
    assert (exact["rows"], exact["more"]) == (len(TRAIN), False)


def test_figures_of_chunks_are_those_of_the_whole_and_rivals_get_what_was_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    borders = {"train": (0, 0, 70), "valid": (50, 70, 90), "eval": (70, 90, 110)}
    borders["test"] = (90, 110, 130)
    values = np.random.default_rng(0).normal(50.0, 5.0, (5, 130))
    month = {"step_seconds": 0, "step_months": 1, "step_index": 0, "step_business": 0}
    begin_month = np.datetime64("1990-01")
    splits = {
        split: [
            {
                "unique_id": f"s{row}",
                "start": int((begin_month + begin).astype("datetime64[s]").astype(int)),
                "y": values[row, begin:end].tolist(),
                "first_target": first - begin,
                **month,
            }
            for row in range(5)
        ]
        for split, (begin, first, end) in borders.items()
    }
    seen = []

    def mean(history: np.ndarray, season: int, horizon: int) -> tuple[np.ndarray, np.ndarray]:
        seen.append(history)
        return np.full(horizon, history.mean()), np.ones(horizon)

    monkeypatch.setattr(rivals, "ets", mean)
    monkeypatch.setattr(rivals, "arima", mean)
    features = {"horizon": 6, "context": 20, "backtest_windows": 2}
    whole = run(tmp_path / "whole", "forecasting", features, 1_000, splits)
    assert sorted(whole["metrics"]) == sorted(whole["rivals"]) == ["eval", "test", "valid"]
    assert whole["metrics"]["eval"]["windows"] == 10
    assert whole["rivals"]["eval"]["ETS"]["covers"] == "all series"
    assert whole["rivals"]["eval"]["ETS"]["whole"]
    # On noise the mean is best.
    assert whole["reference"] in ("ETS", "ARIMA")
    # The last one first; of valid, of eval, then of test.
    origins = ((84, 70), (104, 90), (124, 110))
    assert [len(one) for one in seen] == [origin for pair in origins for origin in pair * 10]
    np.testing.assert_array_equal(seen[20], values[0, :104].astype(np.float32))
    monkeypatch.setattr(forecasting, "_CHUNK", 2)
    chunked = run(tmp_path / "chunked", "forecasting", features, 1_000, splits)
    for split, figures in whole["metrics"].items():
        assert set(chunked["metrics"][split]) == set(figures)
        for name, value in figures.items():
            found = chunked["metrics"][split][name]
            if name == "arrays":
                assert found == value
            else:
                assert found == pytest.approx(value, rel=1e-12), name


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
