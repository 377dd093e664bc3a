"""Every task found, run through its contract up to a network: shared by the tests of this folder.

A test asks for `prepared` and runs once for each task; nothing here names one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tidegate.models.core.task import RawFeature, SequenceTask, load_task, task_names

if TYPE_CHECKING:
    from tests.conftest import Analyze


@dataclass(frozen=True)
class Prepared:
    """A task with its default settings, and its toy records through a real Transform.

    Attributes:
      task: the task.
      features: its feature settings.
      model: its model settings.
      raw: its raw features.
      labels: names of those that requests do not have.
      request_spec: how a request's tf.Example is parsed.
      transform: the transform graph.
      facts: what it has learnt.
      files: pattern of the toy records as the Trainer gets them.
      rows: how many they are.
    """

    task: SequenceTask
    features: Any
    model: Any
    raw: tuple[RawFeature, ...]
    labels: frozenset[str]
    request_spec: dict[str, Any]
    transform: Any
    facts: Any
    files: str
    rows: int

    def samples(self) -> tuple[Mapping[str, Any], ...]:
        """The task's sample requests."""
        return self.task.samples(self.raw)

    def examples(self) -> Any:
        """The transformed toy records, one an element."""
        from tidegate.models.train.examples import read_examples

        return read_examples([self.files], self.transform, self.task.materialize)

    def batches(self, batch_size: int = 8, seed: int | None = None) -> Any:
        """The task's batches of the transformed toy records."""
        return self.task.batches(self.examples(), self.features, self.model, batch_size, seed)

    @cached_property
    def unseeded(self) -> Any:
        """The batches of one pass, made once for tests that only look at them."""
        return self.batches()

    @cached_property
    def passed(self) -> list[Any]:
        """Those batches, read."""
        return list(self.unseeded)

    def module(self, network: Any) -> Any:
        """What is exported, around a network."""
        from tidegate.models.core.export import ServingModule

        return ServingModule(
            self.task, network, self.transform, self.raw, self.features, self.model
        )

    def judged(self, network: Any) -> tuple[Any, Any]:
        """Targets and predictions of the toy records, as the Evaluator gets them."""
        import tensorflow as tf

        from tidegate.models.core.export import serialize_sample

        evaluation = self.task.evaluation
        records = tf.constant([serialize_sample(one) for one in self.task.toy()])
        predictions = self.module(network).signatures("{}")[evaluation.signature](records)
        if evaluation.target is None:
            return None, predictions[evaluation.prediction].numpy()
        layer = self.transform.transform_features_layer()
        targets = layer(self.parsed(self.task.toy(), labels=True))[evaluation.target]
        return targets.numpy(), predictions[evaluation.prediction].numpy()

    def slices(self) -> set[str]:
        """Names of the features by whose value the figures are reported."""
        stated = {name for names in self.task.evaluation.slices for name in names}
        return stated | {feature.name for feature in self.raw if feature.slice}

    def network_untouched(self, use_cudnn: Any = "auto") -> Any:
        """A fresh network, never run: it can be traced as if a GPU were there."""
        return self.task.build_model(self.model, self.features, self.facts, use_cudnn=use_cudnn)

    def network(self, use_cudnn: Any = "auto", warm: bool = True) -> Any:
        """A fresh network whose weights are drawn at random: zeros would hide its parts.

        Those that the task gives it before training are its own, if it is `warm`.
        """
        network = self.network_untouched(use_cudnn)
        if not network.built:
            network(self.passed[0][0])  # A network that carries state is built.
        random = np.random.default_rng(0)
        network.set_weights([random.normal(0, 0.3, one.shape) for one in network.get_weights()])
        if warm and self.task.warm_start is not None:
            self.task.warm_start(network, self.examples(), self.model, 0, self.facts)
        return network

    def parsed(self, records: Sequence[Mapping[str, Any]], labels: bool = False) -> dict[str, Any]:
        """Raw records as a server parses them, without labels, or as the Evaluator does."""
        import tensorflow as tf

        from tidegate.models.core.export import serialize_sample

        spec = self.transform.raw_feature_spec() if labels else self.request_spec
        serialized = [serialize_sample(one) for one in records]
        found: dict[str, Any] = tf.io.parse_example(serialized, spec)
        return found


@pytest.fixture(scope="session", params=task_names())
def task(request: pytest.FixtureRequest) -> SequenceTask:
    return load_task(request.param)


@pytest.fixture(scope="session")
def prepared(
    task: SequenceTask, analyze: Analyze, tmp_path_factory: pytest.TempPathFactory
) -> Prepared:
    import tensorflow as tf
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0 import schema_pb2
    from tensorflow_transform.tf_metadata import schema_utils

    from tidegate.components.schema_gen.component import task_schema
    from tidegate.models.core.export import serialize_sample
    from tidegate.models.core.transform import TransformFacts

    raw = task.raw_features(task.data())
    schema = text_format.Parse(task_schema(raw), schema_pb2.Schema())
    spec = schema_utils.schema_as_feature_spec(schema).feature_spec
    features = task.features()
    rows, transform, serialized = analyze(
        task.toy(), spec, lambda inputs: task.preprocess(inputs, features, raw)
    )
    if not task.materialize:
        serialized = [serialize_sample(one) for one in task.toy()]
    folder = tmp_path_factory.mktemp(task.name)
    with tf.io.TFRecordWriter(str(folder / "toy.gz"), "GZIP") as writer:
        for one in serialized:
            writer.write(one)
    labels = frozenset(feature.name for feature in raw if feature.label)
    return Prepared(
        task=task,
        features=features,
        model=task.model(),
        raw=raw,
        labels=labels,
        request_spec={name: one for name, one in spec.items() if name not in labels},
        transform=transform,
        facts=TransformFacts(transform),
        files=str(folder / "toy.gz"),
        rows=len(rows),
    )


@pytest.fixture(scope="session")
def network(prepared: Prepared) -> Any:
    """A network with random weights that no test may change."""
    return prepared.network()


def given_inputs(network: Any) -> list[Any]:
    """The network's inputs that batches and requests give: all but what it carries."""
    from tidegate.models.core.carried import carried

    return [one for one in network.inputs if one.name not in carried(network)]


@pytest.fixture(scope="session")
def run(network: Any) -> Any:
    """The network outside training, from no state, traced once for inputs of any size.

    It gives the outputs as a list of arrays.
    """
    import tensorflow as tf

    from tidegate.models.core.carried import zero_state

    spec = {one.name: tf.TensorSpec(one.shape, one.dtype) for one in given_inputs(network)}

    @tf.function(input_signature=[spec], autograph=False)
    def outputs(inputs: Any) -> Any:
        rows = tf.shape(next(iter(inputs.values())))[0]
        found = network({**inputs, **zero_state(network, rows)}, training=False)
        return tf.nest.flatten(found)

    return lambda inputs: [one.numpy() for one in outputs(inputs)]


@pytest.fixture
def gpu_visible(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tells Keras that there is a GPU: graphs that are traced take cuDNN where they may."""
    import tensorflow as tf

    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind=None: [kind])


@pytest.fixture(scope="session")
def exported(prepared: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The task's SavedModel, written once."""
    import keras

    from tidegate.models.core.export import export

    folder = tmp_path_factory.mktemp("exported") / prepared.task.name
    before = keras.config.dtype_policy()
    export(
        prepared.task,
        prepared.network(),
        lambda: prepared.network(use_cudnn=False),
        prepared.transform,
        prepared.raw,
        prepared.features,
        prepared.model,
        prepared.task.reads(prepared.task.data()),
        str(folder),
    )
    keras.config.set_dtype_policy(before)
    return folder
