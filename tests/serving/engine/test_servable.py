"""One loaded version: any SavedModel, TensorFlow's own errors, deadlines."""

import shutil
import threading
import time

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from tidegate.serving.server.loader import load
from tidegate.serving.server.options import EngineOptions
from tidegate.serving.server.status import ServingError

X = np.array([1.0, 2.0, 5.0], np.float32)


def test_signatures_and_variables(load_model):
    servable = load_model("half_plus_two")
    defs = servable.signature_defs
    y = servable.run({"x": X}, defs["serving_default"], ["y"], None)["y"]
    np.testing.assert_array_equal(y, [2.5, 3.0, 4.5])
    total = servable.run({"x": X}, defs["total"], ["total"])["total"]
    assert total.shape == () and total == 10.0
    assert servable.run({}, defs["offset"], ["offset"])["offset"] == 2.0


def test_a_message_is_taken_as_an_array_is(load_model):
    servable = load_model("half_plus_two")
    signature = servable.signature_defs["serving_default"]
    results = servable.run({"x": tf.make_tensor_proto(X)}, signature, ["y"], None)
    np.testing.assert_array_equal(results["y"], [2.5, 3.0, 4.5])
    broken = tf.make_tensor_proto(X)
    broken.tensor_content = b"abc"
    with pytest.raises(ServingError, match=r"^tensor parsing error: x$") as raised:
        servable.run({"x": broken}, signature, ["y"], None)
    assert raised.value.code == grpc.StatusCode.INVALID_ARGUMENT


def test_tables_and_strings(load_model):
    servable = load_model("half_plus_two")
    example = tf.train.Example()
    example.features.feature["x"].float_list.value.append(2.0)
    rows = np.array([example.SerializeToString()], object)
    signature = servable.signature_defs["classify"]
    results = servable.run({"inputs": rows}, signature, ["classes", "scores"], None)
    assert results["classes"].tolist() == [[b"low", b"high"]]
    assert results["scores"].tolist() == [[3.0, -3.0]]


def test_a_tf1_model(load_model):
    servable = load_model("tf1_half_plus_two")
    signature = servable.signature_defs["serving_default"]
    results = servable.run({"x": X}, signature, ["two", "y"], None)
    np.testing.assert_array_equal(results["y"], [2.5, 3.0, 4.5])
    np.testing.assert_array_equal(results["two"], [2.0, 2.0, 2.0])


def test_ops_of_tensorflow_text(load_model):
    servable = load_model("text_words")
    text = np.array(["drei kleine Wörter".encode(), b""], object)
    signature = servable.signature_defs["serving_default"]
    results = servable.run({"text": text}, signature, ["words", "joined"], None)
    assert results["words"].tolist() == [3, 0]
    assert results["joined"].tolist() == ["drei_kleine_Wörter".encode(), b""]


@pytest.mark.parametrize("batching", [False, True])
def test_errors_are_tensorflows(load_model, batching):
    servable = load_model("half_plus_two", enable_batching=batching)
    defs = servable.signature_defs
    with pytest.raises(
        ServingError, match="Matrix size-incompatible: In\\[0\\]: \\[2,2\\]"
    ) as raised:
        servable.run({"x": np.ones((2, 2), np.float32)}, defs["matrix"], ["y"], None)
    assert raised.value.code == grpc.StatusCode.INVALID_ARGUMENT
    words = np.array([b"a"], object)
    with pytest.raises(
        ServingError, match=r"^Expects arg\[0\] to be float but string is provided$"
    ) as raised:
        servable.run({"x": words}, defs["serving_default"], ["y"], None)
    assert raised.value.code == grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("batching", [False, True])
def test_a_run_past_its_deadline_is_cancelled(load_model, batching):
    servable = load_model("slow", enable_batching=batching)
    signature = servable.signature_defs["serving_default"]
    begin = time.monotonic()
    with pytest.raises(ServingError) as raised:
        servable.run({"x": X}, signature, ["y"], begin + 0.2)
    assert raised.value.code == grpc.StatusCode.DEADLINE_EXCEEDED
    # Without the cancellation, its loop takes minutes.
    assert time.monotonic() - begin < 60


def test_a_deadline_that_has_passed(load_model):
    servable = load_model("half_plus_two")
    with pytest.raises(ServingError) as raised:
        signature = servable.signature_defs["serving_default"]
        servable.run({"x": X}, signature, ["y"], time.monotonic() - 1)
    assert raised.value.code == grpc.StatusCode.DEADLINE_EXCEEDED


def test_many_threads_get_their_own_answers(load_model):
    servable = load_model("half_plus_two")
    signature = servable.signature_defs["serving_default"]
    wrong = []

    def call(number):
        for step in range(100):
            x = np.full(1 + step % 3, number, np.float32)
            y = servable.run({"x": x}, signature, ["y"], time.monotonic() + 10)["y"]
            if y.tolist() != [number * 0.5 + 2.0] * len(x):
                wrong.append((number, y))

    threads = [threading.Thread(target=call, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.parametrize(
    ("name", "code", "text"),
    [
        ("broken", grpc.StatusCode.DATA_LOSS, "Cannot parse file"),
        ("untagged", grpc.StatusCode.NOT_FOUND, "matching supplied tags: { serve }"),
        ("unknown_op", grpc.StatusCode.NOT_FOUND, "Op type not registered 'NoSuchOp'"),
        ("missing", grpc.StatusCode.NOT_FOUND, "Could not find a SavedModel"),
        ("no_variables", grpc.StatusCode.INVALID_ARGUMENT, "not a valid checkpoint"),
    ],
)
def test_what_cannot_be_loaded(saved_model, tmp_path, name, code, text):
    folder = tmp_path / name
    if name == "broken":
        folder = saved_model(name)
    elif name != "missing":
        shutil.copytree(saved_model("half_plus_two"), folder)
        path = folder / "saved_model.pb"
        message = saved_model_pb2.SavedModel.FromString(path.read_bytes())
        (graph,) = message.meta_graphs
        if name == "untagged":
            graph.meta_info_def.tags[:] = ["train"]
        elif name == "unknown_op":
            graph.graph_def.node.add(name="odd", op="NoSuchOp")
        else:
            shutil.rmtree(folder / "variables")
        path.write_bytes(message.SerializeToString())
    with pytest.raises(ServingError) as raised:
        load("m", 1, str(folder), EngineOptions())
    assert (raised.value.code, text in raised.value.message) == (code, True), raised.value
