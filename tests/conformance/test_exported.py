"""The SavedModel of every task, as a server would take it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from tidegate.components.serving_check.probe import Bounds, ModelProcess, probe
from tidegate.models.core.export import (
    EXTRA_FOLDER,
    SAMPLES_FILE,
    TRANSFORM_SIGNATURE,
    WARMUP_FILE,
    operations,
)
from tidegate.tables.roles import ASKED, FILE, SIGNATURE, TEXT, Roles

from .conftest import Prepared

pytestmark = pytest.mark.slow

BOUNDS = Bounds(tolerance=1e-3, timeout=300, latency_ms=60_000, memory_mb=64_000)


def saved_model(folder: Path) -> saved_model_pb2.SavedModel:
    return saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())


def test_a_fresh_process_gives_the_answers_of_the_model_in_memory(
    exported: Path, prepared: Prepared, network: object
) -> None:
    result = probe(ModelProcess(), str(exported), replace(BOUNDS, tolerance=2e-4))
    assert result["ok"], result.get("problem")
    signatures = 1 + len(prepared.task.signatures(prepared.raw))
    assert result["requests"] == signatures * (len(prepared.samples()) + 1)
    # What that process compared with is what the network in memory answers.
    answers = prepared.module(network).answers(prepared.parsed(prepared.samples()))
    expected = {name: answer for name, answer in answers.items() if not name.startswith("_")}
    recorded = json.loads((exported / EXTRA_FOLDER / SAMPLES_FILE).read_text())["answers"]
    assert set(recorded) == set(expected)
    for name, answer in expected.items():
        array = answer.numpy()
        if array.dtype.kind == "O":
            assert np.char.decode(array.astype("S"), "utf-8").tolist() == recorded[name]
        else:
            np.testing.assert_allclose(recorded[name], array, atol=1e-6)


def test_signatures_have_the_stated_names_inputs_outputs_and_methods(
    exported: Path, prepared: Prepared
) -> None:
    (graph,) = saved_model(exported).meta_graphs
    assert list(graph.meta_info_def.tags) == ["serve"]
    found = dict(graph.signature_def)
    found.pop("__saved_model_init_op", None)
    stated = prepared.task.signatures(prepared.raw)
    evaluation = prepared.task.evaluation
    own = {"serving_default", SIGNATURE, TRANSFORM_SIGNATURE, evaluation.signature}
    assert set(found) == {*own, *stated}
    for name, signature in stated.items():
        assert found[name].method_name == signature.method
        assert set(found[name].inputs) == set(signature.inputs)
        assert set(found[name].outputs) == set(signature.outputs)
        for tensor, info in signature.inputs.items():
            assert tf.as_dtype(found[name].inputs[tensor].dtype).name == info.dtype
    assert found["serving_default"].method_name == "tensorflow/serving/predict"
    assert set(found["serving_default"].inputs) == {"examples"}
    assert evaluation.prediction in found[evaluation.signature].outputs
    assert evaluation.target is None or evaluation.target in found[TRANSFORM_SIGNATURE].outputs


def test_it_tells_how_a_file_is_asked_about(exported: Path, prepared: Prepared) -> None:
    written = (exported / EXTRA_FOLDER / FILE).read_text()
    roles = Roles.from_json(written, "the file")
    assert roles.reads == prepared.task.reads(prepared.task.data())
    asked = prepared.task.signatures(prepared.raw)[str(roles.signature)]
    assert {*roles.inputs, *asked.defaults} == set(asked.inputs)
    assert set(roles.outputs) == set(asked.outputs)
    for role in roles.inputs.values():
        assert role.of in (*roles.inputs, "")
    # Who has the server alone is told the same.
    tell = tf.saved_model.load(str(exported)).signatures[SIGNATURE]
    told = tell(**{ASKED: tf.constant([b"", b""])})[TEXT].numpy().tolist()
    assert told == [written.encode()] * 2


def test_the_graph_holds_no_cudnn_op(exported: Path) -> None:
    found = operations(saved_model(exported))
    assert not [op for op in found if "udnn" in op]
    # The search does reach the recurrence.
    assert any("While" in op or op == "BlockLSTMV2" for op in found)


def test_every_signature_answers_what_serving_default_does(
    exported: Path, prepared: Prepared
) -> None:
    model = tf.saved_model.load(str(exported))
    samples = json.loads((exported / EXTRA_FOLDER / SAMPLES_FILE).read_text())
    examples = tf.constant([bytes.fromhex(one) for one in samples["examples"]])
    for place, sample in enumerate(prepared.samples()):  # one by one: they differ in length
        expected = model.signatures["serving_default"](examples=examples[place : place + 1])
        raw = prepared.parsed([sample])
        for name, signature in prepared.task.signatures(prepared.raw).items():
            if signature.answers is not None:
                continue  # It has answers of its own.
            if set(signature.inputs) == {"inputs"}:  # Classify and Regress take tf.Examples
                given = {"inputs": examples[place : place + 1]}
            else:
                given = {key: dense(raw[key]) for key in signature.inputs if key in raw}
                for mask in set(signature.inputs) - set(raw):  # Of the values; none is left out.
                    shape = next(one.shape for one in given.values() if one.shape.rank == 2)
                    given[mask] = tf.ones(shape, tf.bool)
            answers = model.signatures[name](**given)
            assert set(answers) == set(signature.outputs)
            for output, answer in signature.outputs.items():
                if answer not in expected:
                    assert answer.startswith("_")
                elif answers[output].dtype == tf.string:
                    assert (answers[output].numpy() == expected[answer].numpy()).all()
                else:
                    np.testing.assert_allclose(answers[output], expected[answer], atol=1e-6)


def dense(tensor: tf.Tensor | tf.SparseTensor) -> tf.Tensor:
    return tf.sparse.to_dense(tensor) if isinstance(tensor, tf.SparseTensor) else tensor


def test_the_transform_signature_gives_truth_and_slices(exported: Path, prepared: Prepared) -> None:
    from tidegate.models.core.export import serialize_sample

    model = tf.saved_model.load(str(exported))
    records = prepared.task.toy()
    examples = tf.constant([serialize_sample(one) for one in records])
    found = model.signatures[TRANSFORM_SIGNATURE](examples=examples)
    layer = prepared.transform.transform_features_layer()
    expected = layer(prepared.parsed(records, labels=True))
    evaluation = prepared.task.evaluation
    raw = prepared.transform.raw_feature_spec()
    named = prepared.slices() | ({evaluation.target} - {None})
    for name in named - set(raw):
        assert found[name].numpy().tolist() == expected[name].numpy().tolist()


def test_the_warm_up_asks_every_signature_for_each_sample_and_for_all(
    exported: Path, prepared: Prepared
) -> None:
    from tensorflow_serving.apis import prediction_log_pb2

    records = tf.data.TFRecordDataset(str(exported / EXTRA_FOLDER / WARMUP_FILE))
    sizes: dict[str, list[int]] = {}
    for record in records:
        log = prediction_log_pb2.PredictionLog.FromString(record.numpy())
        request = getattr(log, log.WhichOneof("log_type")).request
        if log.HasField("predict_log"):
            rows = [tensor.tensor_shape.dim[0].size for tensor in request.inputs.values()]
        else:
            rows = [len(request.input.example_list.examples)]
        (size,) = set(rows)
        sizes.setdefault(request.model_spec.signature_name, []).append(size)
    every = [1] * len(prepared.samples()) + [len(prepared.samples())]
    names = {"serving_default", *prepared.task.signatures(prepared.raw)}
    assert sizes == dict.fromkeys(names, every)


@pytest.mark.parametrize("batched", [False, True])
def test_what_a_request_leaves_out_has_its_default_in_each_row(
    batched: bool, exported: Path, prepared: Prepared
) -> None:
    from tensorflow_serving.apis import predict_pb2

    from tidegate.serving.server.loader import load
    from tidegate.serving.server.options import BatchingParameters, EngineOptions
    from tidegate.serving.server.predict import predict

    stated = {
        name: one for name, one in prepared.task.signatures(prepared.raw).items() if one.defaults
    }
    if not stated:
        pytest.skip("this task's requests leave nothing out")
    options = EngineOptions(
        enable_model_warmup=False, enable_batching=batched, batching=BatchingParameters()
    )
    servable = load("model", 1, str(exported), options)
    samples = prepared.samples()[:4]
    try:
        for name, signature in stated.items():
            answers = []
            for whole in (True, False):
                request = predict_pb2.PredictRequest()
                request.model_spec.signature_name = name
                for key, info in signature.inputs.items():
                    if key in signature.defaults and not whole:
                        continue
                    values = [{**one, **signature.defaults}[key] for one in samples]
                    array = np.array(values, tf.as_dtype(info.dtype).as_numpy_dtype)
                    request.inputs[key].CopyFrom(
                        tf.make_tensor_proto(array, info.dtype, array.shape)
                    )
                response = predict_pb2.PredictResponse()
                predict(servable, request, response, None)
                answers.append({k: tf.make_ndarray(v) for k, v in response.outputs.items()})
            assert set(answers[0]) == set(signature.outputs)
            for key, array in answers[0].items():
                assert len(array) == len(samples)
                np.testing.assert_array_equal(array, answers[1][key])
    finally:
        servable.close()


def test_the_library_continues_texts(exported: Path, prepared: Prepared) -> None:
    from tidegate.pipeline.library.model import Model
    from tidegate.tables.errors import InputError

    if "generate" not in prepared.task.signatures(prepared.raw):
        pytest.skip("this task generates nothing")
    with Model(str(exported)) as model:
        found = model.generate(["a", "b"], length=3, samples=[1, 2], temperature=0.5, stop=["x"])
        assert found["text"].tolist() == ["a", "b", "b"]
        assert (found["tokens"] <= 3).all() and (found["log_probability"] <= 0).all()
        alone = model.generate("b", length=3, samples=2, temperature=0.5, stop=["x"])
        assert alone["continuation"].tolist() == found["continuation"].tolist()[1:]
        with pytest.raises(InputError, match="Did you mean 'temperature'"):
            model.generate("a", temprature=1.0)
