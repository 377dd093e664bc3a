"""A trained model and its transform graph as one portable SavedModel."""

import json
import keyword
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_transform.saved.saved_transform_io_v2 import SavedModelLoader

from tidegate.models.core.pretrained import write_pretrained
from tidegate.models.core.task import RawFeature, SequenceTask, Signature
from tidegate.models.core.transform import TransformFacts
from tidegate.models.core.warmup import write_warmup
from tidegate.tables.roles import ASKED, FILE, SIGNATURE, TEXT

# The signature that TFMA calls for truth and slices (TFX's name for it).
TRANSFORM_SIGNATURE = "transform_features"
EXTRA_FOLDER = "assets.extra"
WARMUP_FILE = "tf_serving_warmup_requests"
SAMPLES_FILE = "tidegate_samples.json"
# What TensorFlow takes for the name of a function's argument, and writes into the graph unchanged.
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


class ServingModule(tf.Module):
    """Owns network and transform graph, and answers requests.

    Args:
      task: the task.
      network: the trained network.
      transform: the transform graph.
      raw: the raw features; requests do not have the labels among them.
      features: the task's feature settings.
      settings: its model settings.
    """

    def __init__(
        self,
        task: SequenceTask,
        network: keras.Model,
        transform: tft.TFTransformOutput,
        raw: Sequence[RawFeature],
        features: Any,
        settings: Any,
    ) -> None:
        super().__init__()
        self._task = task
        self.features = features
        # In a tuple of names: a tf.Module would track a dict of signatures as its own.
        self._raw = tuple(raw)
        self.facts = TransformFacts(transform, settings, features)
        self._spec = transform.raw_feature_spec()
        self.network = network
        # TFT's transform_features_layer() is a Keras 2 model around this loader: saving it traces
        # it once more in Keras's own format, which takes seconds and which nothing reads.
        self._loader = SavedModelLoader(transform.transform_savedmodel_dir)
        self._loaded = vars(self._loader)  # A tf.Module tracks what is in a dict.
        # Seed states of dropout layers are no weights; a SavedModel must track them all the same.
        self._variables = [variable.value for variable in network.variables]
        # Traced once for all signatures. No autograph here: there is no Python control flow to
        # convert, and converting Keras takes seconds.
        self._answers = tf.function(self.answers, autograph=False)

    @property
    def request_spec(self) -> dict[str, Any]:
        """How a request's tf.Example is parsed: the raw features without the labels."""
        labels = {feature.name for feature in self._raw if feature.label}
        return {name: spec for name, spec in self._spec.items() if name not in labels}

    def answers(self, raw: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Raw features, without labels, to the task's answers."""
        transformed = self.transformed(raw)
        inputs = self._task.inputs(transformed, self.features)
        if self._task.apply is not None:
            outputs = self._task.apply(self.network, inputs)
        else:
            outputs = self.network(inputs, training=False)
        answers: dict[str, tf.Tensor] = self._task.predict(outputs, transformed, self.facts)
        return answers

    def transformed(self, raw: Mapping[str, tf.Tensor]) -> dict[str, Any]:
        """Raw features, without labels, to their transformed features."""
        made: dict[str, Any] = self._loader.apply_transform_model(dict(raw))
        return made

    def signatures(self, roles: str) -> dict[str, Any]:
        """All signatures, traced.

        Args:
          roles: how the model is asked about a file, for who has the server alone.
        """
        examples = tf.TensorSpec((None,), tf.string, name="examples")

        @tf.function(input_signature=[examples], autograph=False)
        def serve_examples(examples: tf.Tensor) -> dict[str, tf.Tensor]:
            return _public(self._answers(tf.io.parse_example(examples, self.request_spec)))

        @tf.function(input_signature=[examples], autograph=False)
        def transform_examples(examples: tf.Tensor) -> dict[str, tf.Tensor]:
            transformed = self._loader.apply_transform_model(
                tf.io.parse_example(examples, self._spec)
            )
            # What is sparse or ragged is an input of the network, no truth and no slice.
            return {k: v for k, v in transformed.items() if isinstance(v, tf.Tensor)}

        rows = tf.TensorSpec((None,), tf.string, name=ASKED)

        @tf.function(input_signature=[rows], autograph=False)
        def tell_roles(rows: tf.Tensor) -> dict[str, tf.Tensor]:
            return {TEXT: tf.fill(tf.shape(rows), roles)}

        found: dict[str, Any] = {
            SIGNATURE: tell_roles,
            "serving_default": serve_examples,
            TRANSFORM_SIGNATURE: transform_examples,
        }
        for name, signature in self._task.signatures(self._raw).items():
            found[name] = self._raw_signature(signature)
        judge = self._task.evaluation.answers
        if judge is not None:

            @tf.function(input_signature=[examples], autograph=False)
            def judge_examples(examples: tf.Tensor) -> dict[str, tf.Tensor]:
                transformed = self._loader.apply_transform_model(
                    tf.io.parse_example(examples, self._spec)
                )
                judged: dict[str, tf.Tensor] = judge(
                    self.network, transformed, self.features, self.facts
                )
                return judged

            found[self._task.evaluation.signature] = judge_examples
        return found

    def _raw_signature(self, signature: Signature) -> Any:
        names = list(signature.inputs)
        specs = [
            tf.TensorSpec(info.shape, info.dtype, name=argument)
            for argument, info in zip(argument_names(names), signature.inputs.values(), strict=True)
        ]

        @tf.function(input_signature=specs, autograph=False)
        def call(*tensors: tf.Tensor) -> dict[str, tf.Tensor]:
            request = dict(zip(names, tensors, strict=True))
            if signature.answers is not None:
                answers = signature.answers(request, self)
            else:
                assert signature.to_features is not None  # One of both is stated.
                answers = self._answers(signature.to_features(request))
            return {name: answers[answer] for name, answer in signature.outputs.items()}

        return call


def export(
    task: SequenceTask,
    trained: keras.Model,
    rebuild: Callable[[], keras.Model],
    transform: tft.TFTransformOutput,
    raw: Sequence[RawFeature],
    features: Any,
    settings: Any,
    reads: Any,
    folder: str,
) -> None:
    """Writes the SavedModel, its warm-up requests and the answers they must give.

    The network is built anew without cuDNN and in float32, so that what a GPU trained loads on
    any machine; the answers are those of the network that was trained.

    Args:
      task: the task.
      trained: the network in memory.
      rebuild: makes the same network with ``use_cudnn=False``.
      transform: the transform graph.
      raw: the raw features; requests do not have the labels among them.
      features: the task's feature settings.
      settings: its model settings.
      reads: what was read of the data, as `SequenceTask.reads` states it.
      folder: where to write.

    Raises:
      ValueError: a cuDNN op is in the exported graph.
    """
    serialized = [serialize_sample(sample) for sample in task.samples(raw)]
    in_memory = ServingModule(task, trained, transform, raw, features, settings)
    requests = tf.io.parse_example(serialized, in_memory.request_spec)
    answers = in_memory.answers(requests)
    made = in_memory.transformed(requests).items()
    dense = {name: one.numpy() for name, one in made if isinstance(one, tf.Tensor)}
    roles = task.roles(reads, features, dense)
    if task.names is not None:
        roles = roles.named(task.names(in_memory.facts))
    text = roles.to_json()
    keras.config.set_dtype_policy("float32")
    network = rebuild()
    network.set_weights(trained.get_weights())
    module = ServingModule(task, network, transform, raw, features, settings)
    signatures = module.signatures(text)
    # signature functions need a concrete function to keep their inputs' names.
    concrete = {name: call.get_concrete_function() for name, call in signatures.items()}
    tf.saved_model.save(module, folder, signatures=concrete)
    _finish_graph(folder, task.signatures(raw))
    extra = os.path.join(folder, EXTRA_FOLDER)
    tf.io.gfile.makedirs(extra)
    write_warmup(
        os.path.join(extra, WARMUP_FILE), task.signatures(raw), task.samples(raw), serialized
    )
    if task.tokens is not None:
        tokens = task.tokens(TransformFacts(transform, settings), features)
        write_pretrained(extra, task.name, trained, settings, tokens)
    _write_samples(os.path.join(extra, SAMPLES_FILE), serialized, _public(answers))
    with tf.io.gfile.GFile(os.path.join(extra, FILE), "w") as file:
        file.write(text)


def _public(answers: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """What `serving_default` answers: the others are for signatures that name them."""
    return {name: answer for name, answer in answers.items() if not name.startswith("_")}


def serialize_sample(sample: Mapping[str, Any]) -> bytes:
    """A raw record to a serialized tf.Example."""
    features = {}
    for name, value in sample.items():
        array = np.ravel(np.asarray(value))
        if array.dtype.kind in "US":
            values = [text.encode() for text in array.tolist()]
            features[name] = tf.train.Feature(bytes_list=tf.train.BytesList(value=values))
        elif array.dtype.kind in "iub":
            features[name] = tf.train.Feature(int64_list=tf.train.Int64List(value=array.tolist()))
        else:
            features[name] = tf.train.Feature(float_list=tf.train.FloatList(value=array))
    example = tf.train.Example(features=tf.train.Features(feature=features))
    serialized: bytes = example.SerializeToString(deterministic=True)
    return serialized


def operations(saved_model: saved_model_pb2.SavedModel) -> set[str]:
    """The names of all ops in a SavedModel, functions included."""
    found: set[str] = set()
    for graph in saved_model.meta_graphs:
        found.update(node.op for node in graph.graph_def.node)
        for function in graph.graph_def.library.function:
            found.update(node.op for node in function.node_def)
    return found


def argument_names(inputs: Sequence[str]) -> list[str]:
    """What a signature's inputs are called as arguments of its function in the graph.

    A column may have any name; an argument is a word of ASCII letters, and no two differ in case
    alone. The others are called `input_0` and so on by their place; clients do not see it.
    """
    all_names = {name.lower() for name in inputs}
    found: list[str] = []
    for place, name in enumerate(inputs):
        plain = _PLAIN.fullmatch(name) and not keyword.iskeyword(name) and name != "self"
        if not plain or name.lower() in {other.lower() for other in inputs[:place]}:
            name = f"input_{place}"
            while name in all_names:
                name += "_"
        found.append(name)
    return found


def _finish_graph(folder: str, signatures: Mapping[str, Signature]) -> None:
    """Sets methods and names of inputs that tf.saved_model.save cannot, and refuses cuDNN ops."""
    path = os.path.join(folder, "saved_model.pb")
    saved = saved_model_pb2.SavedModel()
    with tf.io.gfile.GFile(path, "rb") as file:
        saved.ParseFromString(file.read())
    cudnn = sorted(op for op in operations(saved) if "cudnn" in op.lower())
    if cudnn:
        raise ValueError(f"the exported graph holds {cudnn}: it would not load without a GPU")
    for graph in saved.meta_graphs:
        for name, signature in signatures.items():
            written = graph.signature_def[name]
            written.method_name = signature.method
            _rename(written.inputs, argument_names(list(signature.inputs)), signature.inputs)
            for option, value in signature.defaults.items():
                info = signature.inputs[option]
                row = np.array([value], tf.as_dtype(info.dtype).as_numpy_dtype)
                default = tf.make_tensor_proto(row, info.dtype, row.shape)
                written.defaults[option].CopyFrom(default)
    with tf.io.gfile.GFile(path, "wb") as file:
        file.write(saved.SerializeToString(deterministic=True))


def _rename(fields: Any, before: Iterable[str], after: Iterable[str]) -> None:
    """Gives the entries of a protobuf map other keys."""
    kept = {
        new: type(fields[old]).FromString(fields[old].SerializeToString())
        for old, new in zip(before, after, strict=True)
    }
    fields.clear()
    for name, value in kept.items():
        fields[name].CopyFrom(value)


def _write_samples(path: str, serialized: list[bytes], expected: Mapping[str, tf.Tensor]) -> None:
    """What the serving check compares."""
    samples = {
        "examples": [one.hex() for one in serialized],
        "answers": plain_answers(expected),
    }
    with tf.io.gfile.GFile(path, "w") as file:
        file.write(json.dumps(samples, ensure_ascii=False))


def plain_answers(answers: Mapping[str, tf.Tensor]) -> dict[str, Any]:
    """A signature's answers as JSON holds them: lists of numbers, or of texts."""
    arrays = {name: tensor.numpy() for name, tensor in answers.items()}
    return {
        name: np.char.decode(array.astype("S"), "utf-8").tolist()
        if array.dtype.kind in "OS"
        else array.tolist()
        for name, array in arrays.items()
    }
