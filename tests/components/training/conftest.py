"""Toy records of each task through a real Transform, and the Trainer's arguments for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tidegate.models.core.task import load_task

if TYPE_CHECKING:
    from tests.conftest import Analyze

# Of each task, a model that a step takes milliseconds of.
TINY: dict[str, dict[str, Any]] = {
    "text_classification": {"units": 4, "embedding": 4, "linear_weights": 64, "pooling": "last"},
    "forecasting": {"units": 4},
    "language_model": {"units": 4, "embedding": 4, "window": 4, "lane": 12, "ngrams": 300},
}
# Two workers draw other dropout masks than one: without it they can be compared.
NO_DROPOUT: dict[str, dict[str, Any]] = {
    "text_classification": dict.fromkeys(
        (
            "word_dropout",
            "embedding_dropout",
            "recurrent_input_dropout",
            "dropout",
        ),
        0.0,
    ),
    "forecasting": dict.fromkeys(("recurrent_input_dropout", "dropout"), 0.0),
    "language_model": {},
}


@dataclass(frozen=True)
class Toy:
    """A task's toy records, ready for the Trainer.

    Attributes:
      name: of the task.
      config: the Trainer's `custom_config`, its training settings left out.
      files: pattern of the examples.
      transform: folder of the transform graph.
    """

    name: str
    config: dict[str, Any]
    files: str
    transform: str

    def without_dropout(self) -> Toy:
        """The same with a model that draws no random numbers in training."""
        model = {**self.config["model"], **NO_DROPOUT[self.name]}
        return replace(self, config={**self.config, "model": model})

    def arguments(self, folder: Path, execution: int, **training: Any) -> Any:
        """The Trainer's arguments, as TFX makes them for an execution below a folder."""
        from tfx.components.trainer.fn_args_utils import FnArgs

        settings = {"batch_size": 8, "learning_rate": 0.02, **training}
        return FnArgs(
            train_files=[self.files],
            eval_files=[self.files],
            transform_output=self.transform,
            serving_model_dir=str(folder / "model" / str(execution) / "Format-Serving"),
            model_run_dir=str(folder / "model_run" / str(execution)),
            custom_config={**self.config, "training": settings},
        )


@pytest.fixture(scope="session")
def toy(analyze: Analyze, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Toy]:
    """A task's toy records, by the task's name."""

    def prepare(name: str) -> Toy:
        import tensorflow as tf
        from google.protobuf import text_format
        from tensorflow_metadata.proto.v0 import schema_pb2
        from tensorflow_transform.tf_metadata import schema_utils

        from tidegate.components.schema_gen.component import task_schema
        from tidegate.models.core.export import serialize_sample
        from tidegate.tables.reads import as_dict

        task = load_task(name)
        raw = task.raw_features(task.data())
        schema = text_format.Parse(task_schema(raw), schema_pb2.Schema())
        spec = schema_utils.schema_as_feature_spec(schema).feature_spec
        features = task.features()
        _, transform, serialized = analyze(
            task.toy(), spec, lambda inputs: task.preprocess(inputs, features, raw)
        )
        if not task.materialize:
            serialized = [serialize_sample(one) for one in task.toy()]
        folder = tmp_path_factory.mktemp(f"toy-{name}")
        with tf.io.TFRecordWriter(str(folder / "toy.gz"), "GZIP") as writer:
            for one in serialized:
                writer.write(one)
        config = {
            "task": name,
            "features": features.model_dump(),
            "model": TINY[name],
            "raw_features": [asdict(one) for one in raw],
            "reads": as_dict(task.reads(task.data())),
            "fingerprint": "0",
        }
        return Toy(
            name,
            config,
            str(folder / "toy.gz"),
            str(Path(transform.transform_savedmodel_dir).parent),
        )

    return prepare
