"""Parts of the export that need no model: samples as tf.Examples, the search for ops."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from tidegate.models.core import export


def test_samples_become_examples_of_their_kind() -> None:
    sample = {
        "text": "水 é",
        "count": 3,
        "flag": True,
        "value": 0.5,
        "many": [1.0, 2.5],
        "words": ["a", ""],
    }
    found = tf.io.parse_single_example(
        export.serialize_sample(sample),
        {
            "text": tf.io.FixedLenFeature([], tf.string),
            "count": tf.io.FixedLenFeature([], tf.int64),
            "flag": tf.io.FixedLenFeature([], tf.int64),
            "value": tf.io.FixedLenFeature([], tf.float32),
            "many": tf.io.FixedLenFeature([2], tf.float32),
            "words": tf.io.FixedLenFeature([2], tf.string),
        },
    )
    assert found["text"].numpy().decode() == "水 é"
    assert (int(found["count"]), int(found["flag"]), float(found["value"])) == (3, 1, 0.5)
    np.testing.assert_array_equal(found["many"], [1.0, 2.5])
    assert found["words"].numpy().tolist() == [b"a", b""]


def test_equal_samples_give_equal_bytes() -> None:
    assert export.serialize_sample({"a": 1, "b": "x"}) == export.serialize_sample(
        {"a": 1, "b": "x"}
    )


def saved_with(graph_op: str, function_op: str) -> saved_model_pb2.SavedModel:
    saved = saved_model_pb2.SavedModel()
    definition = saved.meta_graphs.add().graph_def
    definition.node.add(name="one", op=graph_op)
    definition.library.function.add().node_def.add(name="two", op=function_op)
    return saved


def test_operations_are_found_in_graphs_and_functions() -> None:
    assert export.operations(saved_with("MatMul", "While")) == {"MatMul", "While"}


@pytest.mark.parametrize("ops", [("MatMul", "CudnnRNNV3"), ("CudnnRNNV3", "MatMul")])
def test_a_cudnn_op_is_refused_wherever_it_is(ops: tuple[str, str], tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_bytes(saved_with(*ops).SerializeToString())
    with pytest.raises(ValueError, match=r"CudnnRNNV3.*would not load without a GPU"):
        export._finish_graph(str(tmp_path), {})


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        (["text", "unique_id"], ["text", "unique_id"]),
        (["y", "价格", "是否 促销", "50%"], ["y", "input_1", "input_2", "input_3"]),
        # Names of a graph's operations do not differ by case alone.
        (["y", "Y", "self", "class"], ["y", "input_1", "input_2", "input_3"]),
        (["a b", "input_0", "Input_2", "a-b"], ["input_0_", "input_0", "Input_2", "input_3"]),
    ],
)
def test_inputs_that_cannot_name_an_argument_are_numbered(
    columns: list[str], expected: list[str]
) -> None:
    assert export.argument_names(columns) == expected
