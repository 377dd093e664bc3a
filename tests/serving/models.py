"""Tiny real SavedModels: what servers are tested with."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

CLASSIFY = "tensorflow/serving/classify"
REGRESS = "tensorflow/serving/regress"
WARMUP = Path("assets.extra") / "tf_serving_warmup_requests"


def half_plus_two(folder: Path, offset: float = 2.0) -> Path:
    """Answers ``x * 0.5 + offset``; another offset makes versions that can be told apart.

    Signatures: ``serving_default`` (predict, ``x: float[batch]`` to ``y: float[batch]``),
    ``matrix`` (``x: float[batch, 3]`` to ``y: float[batch, 1]``, the rows' sums; fails in its
    kernel for rows of another size), ``classify`` and ``regress`` (method names set;
    ``inputs``: tf.Examples with the float feature ``x``; the classes are ``low`` and ``high``, the
    scores ``y`` and ``-y``), ``batch`` (``x`` to ``size: int32[batch]``, the rows of the run),
    ``total`` (``x`` to a scalar sum, which no batch can answer), ``sum`` (``a`` and ``b`` to
    ``y = a + b``, either of one row for all of the other), ``offset`` (no inputs).
    """
    module = tf.Module()
    module.offset = tf.Variable(offset, dtype=tf.float32)
    # A table, so that initializers and assets' resources are part of what is loaded.
    module.table = tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer([0, 1], ["low", "high"]), "?"
    )

    def answer(x: tf.Tensor) -> tf.Tensor:
        return x * 0.5 + module.offset

    def parse(examples: tf.Tensor) -> tf.Tensor:
        spec = {"x": tf.io.FixedLenFeature([], tf.float32)}
        return tf.io.parse_example(examples, spec)["x"]

    vector = tf.TensorSpec([None], tf.float32, "x")
    pair = [tf.TensorSpec([None], tf.float32, name) for name in "ab"]
    matrix = tf.TensorSpec([None, 3], tf.float32, "x")
    examples = tf.TensorSpec([None], tf.string, "inputs")

    @tf.function(input_signature=[examples], autograph=False)
    def classify(inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        y = answer(parse(inputs))
        names = tf.tile(module.table.lookup(tf.constant([0, 1])), [tf.size(y)])
        return {"classes": tf.reshape(names, [-1, 2]), "scores": tf.stack([y, -y], axis=1)}

    @tf.function(input_signature=[examples], autograph=False)
    def regress(inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"outputs": answer(parse(inputs))[:, tf.newaxis]}

    functions: dict[str, tuple[Callable[..., dict[str, tf.Tensor]], list[tf.TensorSpec]]] = {
        "serving_default": (lambda x: {"y": answer(x)}, [vector]),
        "matrix": (lambda x: {"y": tf.linalg.matmul(answer(x), tf.ones([3, 1]))}, [matrix]),
        "batch": (lambda x: {"size": tf.fill(tf.shape(x), tf.size(x))}, [vector]),
        "total": (lambda x: {"total": tf.reduce_sum(answer(x))}, [vector]),
        "sum": (lambda a, b: {"y": a + b}, pair),
        "offset": (lambda: {"offset": module.offset + 0.0}, []),
    }
    signatures = {
        name: tf.function(call, input_signature=specs, autograph=False)
        for name, (call, specs) in functions.items()
    }
    tf.saved_model.save(
        module, str(folder), {**signatures, "classify": classify, "regress": regress}
    )

    def finish(graph: meta_graph_pb2.MetaGraphDef) -> None:
        signatures = graph.signature_def
        for method in (CLASSIFY, REGRESS):
            signatures[method.rsplit("/")[-1]].method_name = method
        # MultiInference wants signatures of one input tensor: TF2 gives each its own.
        source = signatures["classify"].inputs["inputs"].name
        target = signatures["regress"].inputs["inputs"].name
        nodes = {node.name: node for node in graph.graph_def.node}
        for node in graph.graph_def.node:
            for index, name in enumerate(node.input):
                if name == target.split(":")[0]:
                    node.input[index] = source.split(":")[0]
        assert source.split(":")[0] in nodes
        signatures["regress"].inputs["inputs"].name = source

    _edit(folder, finish)
    return folder


def text_words(folder: Path) -> Path:
    """``text: string[batch]`` to ``words: int32[batch]``, counted by an op of tensorflow-text."""
    import tensorflow_text

    module = tf.Module()
    tokenizer = tensorflow_text.WhitespaceTokenizer()

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "text")], autograph=False)
    def serve(text: tf.Tensor) -> dict[str, tf.Tensor]:
        words = tokenizer.tokenize(text)
        joined = tf.strings.reduce_join(words, axis=1, separator="_")
        return {"words": tf.cast(words.row_lengths(), tf.int32), "joined": joined}

    tf.saved_model.save(module, str(folder), {"serving_default": serve})
    return folder


def slow(folder: Path, steps: int = 200_000_000) -> Path:
    """``x: float[batch]`` to ``y = x``, after a loop of ``steps``: long, until it is cancelled."""
    module = tf.Module()

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")], autograph=False)
    def serve(x: tf.Tensor) -> dict[str, tf.Tensor]:
        (spent,) = tf.while_loop(
            lambda i: i < steps, lambda i: (i + 1,), (tf.constant(0),), parallel_iterations=1
        )
        return {"y": x + tf.cast(spent - spent, tf.float32)}

    tf.saved_model.save(module, str(folder), {"serving_default": serve})
    return folder


def tf1_half_plus_two(folder: Path) -> Path:
    """A SavedModel as TF1 writes it: reference variables, a table with an initializer."""
    graph = tf.Graph()
    with graph.as_default(), tf.compat.v1.Session(graph=graph) as session:
        x = tf.compat.v1.placeholder(tf.float32, [None], "x")
        half = tf.compat.v1.get_variable("half", initializer=0.5, use_resource=False)
        y = tf.add(x * half, 2.0, name="y")
        table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(["two"], [2.0]), 0.0)
        looked_up = table.lookup(tf.fill(tf.shape(x), "two"))
        session.run([tf.compat.v1.global_variables_initializer()])
        session.run(tf.compat.v1.tables_initializer())
        tf.compat.v1.saved_model.simple_save(
            session,
            str(folder),
            {"x": x},
            {"y": y, "two": looked_up},
            legacy_init_op=tf.compat.v1.tables_initializer(),
        )
    return folder


def broken(folder: Path) -> Path:
    """A folder whose ``saved_model.pb`` is no message."""
    folder.mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"\xff no protobuf")
    return folder


def with_warmup(model: Path, folder: Path, requests: Iterable[predict_pb2.PredictRequest]) -> Path:
    """A copy of a model with these Predict requests as its warm-up file."""
    shutil.copytree(model, folder)
    (folder / WARMUP.parent).mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(folder / WARMUP)) as writer:
        for request in requests:
            log = prediction_log_pb2.PredictionLog()
            log.predict_log.request.CopyFrom(request)
            writer.write(log.SerializeToString())
    return folder


def predict_request(
    name: str, inputs: dict[str, np.ndarray | list[float]], signature: str = ""
) -> predict_pb2.PredictRequest:
    """A Predict request; lists become float vectors."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name = name
    request.model_spec.signature_name = signature
    for alias, values in inputs.items():
        dtype = None if isinstance(values, np.ndarray) else tf.float32
        request.inputs[alias].CopyFrom(tf.make_tensor_proto(values, dtype))
    return request


def publish(model: Path, base: Path, version: int) -> Path:
    """Puts a copy of a model into a base path as a version, complete before it is visible."""
    base.mkdir(parents=True, exist_ok=True)
    beside = base / f".{version}.partial"
    shutil.copytree(model, beside)
    return beside.rename(base / str(version))


def _edit(folder: Path, change: Callable[[meta_graph_pb2.MetaGraphDef], None]) -> None:
    path = folder / "saved_model.pb"
    model = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    for graph in model.meta_graphs:
        change(graph)
    path.write_bytes(model.SerializeToString())
