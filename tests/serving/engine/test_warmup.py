"""Warm-up requests: every kind, the limit, and what is none."""

import shutil

import grpc
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from tests.serving.models import CLASSIFY, REGRESS, WARMUP, predict_request
from tidegate.serving.server.loader import load
from tidegate.serving.server.options import EngineOptions
from tidegate.serving.server.status import ServingError
from tidegate.serving.server.warmup import MAX_RECORDS, warm_up

Log = prediction_log_pb2.PredictionLog


def predict_log():
    log = Log()
    log.predict_log.request.CopyFrom(predict_request("m", {"x": [1.0]}))
    return log


def examples_log(kind, x=1.0):
    log = Log()
    request = getattr(log, kind).request
    example = request.input.example_list.examples.add()
    example.features.feature["x"].float_list.value.append(x)
    if kind == "multi_inference_log":
        for name, method in (("classify", CLASSIFY), ("regress", REGRESS)):
            task = request.tasks.add(method_name=method)
            task.model_spec.name, task.model_spec.signature_name = "m", name
    else:
        request.model_spec.name = "m"
        request.model_spec.signature_name = kind.removesuffix("_log")
    return log


@pytest.fixture
def model(saved_model, tmp_path):
    """(records) to a model with these as its warm-up file."""

    def build(records):
        folder = tmp_path / "model"
        shutil.copytree(saved_model("half_plus_two"), folder)
        (folder / WARMUP.parent).mkdir()
        with tf.io.TFRecordWriter(str(folder / WARMUP)) as writer:
            for record in records:
                writer.write(record if isinstance(record, bytes) else record.SerializeToString())
        return str(folder)

    return build


@pytest.mark.parametrize("batching", [False, True])
def test_every_kind_of_request(model, batching):
    kinds = ("classify_log", "regress_log", "multi_inference_log")
    path = model([predict_log(), *map(examples_log, kinds)])
    servable = load("m", 1, path, EngineOptions(enable_batching=batching))
    assert warm_up(servable, path) == 4
    servable.close()


def empty(kind):
    log = examples_log(kind)
    del getattr(log, kind).request.input.example_list.examples[:]
    return log


@pytest.mark.parametrize(
    ("record", "text"),
    [
        (b"\xff no log", "Failed to parse warmup record"),
        (Log(), "Unsupported log_type for warmup"),
        (empty("classify_log"), "Input is empty."),
        (empty("regress_log"), "Input is empty."),
        (empty("multi_inference_log"), "Input is empty."),
    ],
    ids=["no log", "no kind", "classify", "regress", "multi"],
)
def test_a_request_that_fails_fails_the_load(model, record, text):
    path = model([predict_log(), record])
    with pytest.raises(ServingError, match=text) as raised:
        load("m", 1, path, EngineOptions())
    assert f"{path}/{WARMUP}" in raised.value.message
    load("m", 1, path, EngineOptions(enable_model_warmup=False)).close()


def test_a_file_that_is_no_tfrecord(model):
    path = model([])
    with open(f"{path}/{WARMUP}", "wb") as file:
        file.write(b"these are no records at all")
    with pytest.raises(ServingError) as raised:
        load("m", 1, path, EngineOptions())
    assert raised.value.code == grpc.StatusCode.DATA_LOSS
    assert f"The warm-up file {path}/{WARMUP} cannot be read" in raised.value.message


def test_too_many_requests(model):
    with pytest.raises(ServingError, match=r"exceeds the maximum \(1000\)"):
        load("m", 1, model([predict_log()] * (MAX_RECORDS + 1)), EngineOptions())
