"""Transformed examples from gzip'd TFRecords, in order and complete."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from tidegate.models.core.export import serialize_sample
from tidegate.models.train.examples import count_examples, read_examples


class Spec:
    """The part of a `TFTransformOutput` that `read_examples` uses."""

    def transformed_feature_spec(self) -> dict[str, Any]:
        return {
            "tokens": tf.io.VarLenFeature(tf.int64),
            "target": tf.io.FixedLenFeature([], tf.int64),
        }


def write(path: Path, rows: list[tuple[list[int], int]]) -> None:
    with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
        for tokens, target in rows:
            example = tf.train.Example()
            example.features.feature["tokens"].int64_list.value.extend(tokens)
            example.features.feature["target"].int64_list.value.append(target)
            writer.write(example.SerializeToString())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "part-00001.gz", [([7], 2), ([], 3)])
    write(tmp_path / "part-00000.gz", [([5, 6], 0), ([1, 2, 3], 1)])
    return tmp_path


def test_all_rows_in_the_order_of_the_files(folder: Path) -> None:
    found = list(read_examples([str(folder / "*")], Spec()))  # type: ignore[arg-type]
    assert [int(one["target"]) for one in found] == [0, 1, 2, 3]
    assert all(isinstance(one["tokens"], tf.SparseTensor) for one in found)
    assert [one["tokens"].values.numpy().tolist() for one in found] == [[5, 6], [1, 2, 3], [7], []]


def test_several_patterns(folder: Path) -> None:
    patterns = [str(folder / "part-00001*"), str(folder / "part-00000*")]
    assert count_examples(patterns) == 4
    assert count_examples(patterns[:1]) == 2
    found = read_examples(patterns, Spec())  # type: ignore[arg-type]
    assert len(list(found)) == 4


def test_no_file_is_an_error_that_names_the_pattern(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no transformed examples at .*nothing-\*"):
        read_examples([str(tmp_path / "nothing-*")], Spec())  # type: ignore[arg-type]


@pytest.mark.slow
def test_raw_examples_go_through_the_transform_graph(tmp_path: Path, analyze: Any) -> None:
    spec = {
        "values": tf.io.VarLenFeature(tf.float32),
        "scale": tf.io.FixedLenFeature([], tf.float32),
    }
    records = [{"values": [float(n)] * (n + 1), "scale": 2.0} for n in range(20)]

    def preprocess(inputs: Any) -> dict[str, Any]:
        values = tf.RaggedTensor.from_sparse(inputs["values"])
        return {"doubled": values * inputs["scale"][:, tf.newaxis], "scale": inputs["scale"]}

    _, transform, _ = analyze(records, spec, preprocess)
    with tf.io.TFRecordWriter(str(tmp_path / "raw.gz"), "GZIP") as writer:
        for one in records:
            writer.write(serialize_sample(one))
    found = list(read_examples([str(tmp_path / "raw.gz")], transform, materialized=False))
    assert [one["doubled"].numpy().tolist() for one in found] == [
        [2.0 * n] * (n + 1) for n in range(20)
    ]
    assert all(float(one["scale"]) == 2.0 for one in found)
