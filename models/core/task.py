"""The contract of a task: one frozen value that states everything once.

A folder under `models/` whose `task.py` holds `TASK = SequenceTask(...)` is a task; nothing else
registers it. Functions are stated by import path (`Imported`), so that a task's settings can be
listed without importing TensorFlow, and TFX can fingerprint the code behind each.
"""

import functools
import importlib
import importlib.util
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from models.core.errors import InputError, nearest
from models.core.settings import Settings


@dataclass(frozen=True)
class Imported:
    """A function (or class) named by its import path, imported at its first use.

    Attributes:
      path: dotted path, ``models.text_classification.preprocess.preprocess``.
    """

    path: str

    @property
    def module(self) -> str:
        """The module that holds the function."""
        return self.path.rpartition(".")[0]

    def load(self) -> Any:
        """The function itself.

        Raises:
          ImportError, AttributeError: the path names nothing.
        """
        module, _, name = self.path.rpartition(".")
        return getattr(importlib.import_module(module), name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.load()(*args, **kwargs)


@dataclass(frozen=True)
class RawFeature:
    """A feature as it is read, before Transform: one value per record.

    Attributes:
      name: its name in tf.Examples and requests.
      column: its column in the user's data.
      kind: ``bytes`` (UTF-8 text), ``float`` or ``int``.
      label: the answer to learn; absent from requests.
      key: equal values are kept on one side of a split.
    """

    name: str
    column: str
    kind: Literal["bytes", "float", "int"] = "bytes"
    label: bool = False
    key: bool = False


@dataclass(frozen=True)
class TensorInfo:
    """Dtype and shape of a signature's input; None is any size."""

    dtype: str
    shape: tuple[int | None, ...]


@dataclass(frozen=True)
class Signature:
    """One way to call the exported model, beside `serving_default`.

    Attributes:
      inputs: the tensors of a request.
      to_features: request tensors to raw features (the label is never among them).
      outputs: name in the response to name of an answer of `SequenceTask.predict`.
      method: TF Serving's method name; Classify and Regress check it.
    """

    inputs: Mapping[str, TensorInfo]
    to_features: Imported
    outputs: Mapping[str, str]
    method: str = "tensorflow/serving/predict"


@dataclass(frozen=True)
class Objective:
    """What training minimises and what it keeps the best weights by.

    Attributes:
      loss: a Keras loss over (target, model output).
      metrics: Keras metrics, computed on the part cut from train.
      monitor: name of the validation figure that decides, for example ``val_accuracy``.
      mode: ``max`` where more is better, ``min`` where less is.
    """

    loss: Any
    metrics: tuple[Any, ...]
    monitor: str
    mode: Literal["min", "max"]


@dataclass(frozen=True)
class Gate:
    """A bound that a model must hold to be pushed.

    Attributes:
      metric: one of the task's scalar metrics.
      at_least: lowest value that passes, or None.
      at_most: highest value that passes, or None.
      max_loss: how much worse than the last blessed model it may be, or None; in the metric's
        own unit.
      higher_is_better: the metric's direction.
    """

    metric: str
    at_least: float | None = None
    at_most: float | None = None
    max_loss: float | None = None
    higher_is_better: bool = True


@dataclass(frozen=True)
class Evaluation:
    """How predictions are judged: an additive statistic per batch, and figures from its sum.

    Attributes:
      prediction: the answer of `SequenceTask.predict` that is judged.
      target: the transformed feature that holds the truth.
      statistics: (targets[batch, ...], predictions[batch, ...]) to a dict of arrays; the
        statistics of two parts of the data add up, element by element, to those of both.
      scalars: names of the figures that `summarise` returns as numbers.
      summarise: the summed statistics to figures: numbers under the names in `scalars`, arrays
        under those in `arrays`.
      arrays: names of the figures that it returns as arrays.
      axis: the vocabulary that names the entries of the arrays' axes, or None.
      slices: each a tuple of feature names; raw or transformed features.
      gates: the task's gate settings to `Gate`s.
      headline: the figures that a person sees first.
    """

    prediction: str
    target: str
    statistics: Imported
    scalars: tuple[str, ...]
    arrays: tuple[str, ...]
    axis: str | None
    summarise: Imported
    slices: tuple[tuple[str, ...], ...]
    gates: Imported
    headline: tuple[str, ...]


@dataclass(frozen=True)
class SequenceTask:
    """Everything that is particular to a task.

    Attributes:
      name: the folder's name under `models/`.
      title: one line for a person.
      default_data: the data set for a first run; needs no download.
      example_gen: the TFX component that reads its records.
      data: settings of what is read; used by the ExampleGen.
      features: settings fixed before Transform.
      model: settings of the network; tunable.
      gates: settings of the bounds.
      raw_features: (data settings) to a tuple of `RawFeature`.
      preprocess: (raw features, feature settings) to transformed features, in the graph.
      inputs: (transformed features) to the model's dense inputs, in the graph.
      batches: (examples, feature settings, model settings, batch size, seed or None) to batches of
        (inputs, target, weight); a seed means shuffled and without end, for training.
      build_model: (model settings, feature settings, `TransformFacts`, use_cudnn) to an unbuilt
        or built keras.Model over the inputs.
      objective: (model settings) to an `Objective`.
      predict: (model outputs, transformed features, `TransformFacts`) to named answers.
      warm_start: (network, transformed training examples, model settings, seed): gives the
        network its first weights, where they can be learnt without labels; or None.
      signatures: ways to call the exported model, beside `serving_default`.
      evaluation: metrics, slices and gates.
      baseline: (records by split, data settings, feature settings) to targets and predictions by
        split: what a simple model reaches on the same splits.
      baseline_title: what the baseline is, for a person.
      samples: a few deterministic raw records without the label.
      toy: a few labelled raw records whose labels can be learnt from them; tests train on these.
    """

    name: str
    title: str
    default_data: str
    example_gen: Imported
    data: type[Settings]
    features: type[Settings]
    model: type[Settings]
    gates: type[Settings]
    raw_features: Callable[[Any], tuple[RawFeature, ...]]
    preprocess: Imported
    inputs: Imported
    batches: Imported
    build_model: Imported
    objective: Imported
    predict: Imported
    evaluation: Evaluation
    baseline: Imported
    baseline_title: str
    samples: Callable[[], tuple[Mapping[str, Any], ...]]
    toy: Callable[[], tuple[Mapping[str, Any], ...]]
    warm_start: Imported | None = None
    signatures: Mapping[str, Signature] = field(default_factory=dict)

    @property
    def sections(self) -> dict[str, type[Settings]]:
        """The task's sections of settings, by name."""
        return {
            "data": self.data,
            "features": self.features,
            "model": self.model,
            "gates": self.gates,
        }


def task_names() -> tuple[str, ...]:
    """The tasks found: folders of `models/` with a `task.py`."""
    models = importlib.import_module("models")
    return tuple(
        sorted(
            found.name
            for found in pkgutil.iter_modules(models.__path__)
            # models/core/task.py is this file, the contract.
            if found.ispkg
            and found.name != "core"
            and importlib.util.find_spec(f"models.{found.name}.task")
        )
    )


@functools.cache
def load_task(name: str) -> SequenceTask:
    """The task of that name.

    Raises:
      InputError: no such task; names the nearest.
    """
    known = task_names()
    if name not in known:
        raise InputError(f"no task {name!r}. {nearest(name, known)}")
    task = importlib.import_module(f"models.{name}.task").TASK
    assert isinstance(task, SequenceTask)
    return task
