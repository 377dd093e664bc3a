"""The contract of a task: one frozen value that states everything once.

A folder under `models/` whose `task.py` holds `TASK = SequenceTask(...)` is a task; nothing else
registers it. Functions are stated by import path (`Imported`), so that a task's settings can be
listed without importing TensorFlow, and TFX can fingerprint the code behind each. What a stage of
the pipeline uses is annotated with it; `fingerprint.task_fingerprint` follows from that.
"""

import enum
import functools
import importlib
import importlib.util
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Protocol

from tidegate.models.core.settings import Settings
from tidegate.tables.errors import InputError, nearest
from tidegate.tables.roles import Roles


class Stage(enum.Enum):
    """Who uses a part of a task while the pipeline runs: what it makes is kept by that part.

    A part without a stage is used where the pipeline is made or reported on, or reaches a stage as
    one of its parameters.
    """

    TRANSFORM = enum.auto()
    TRAINING = enum.auto()
    EVALUATION = enum.auto()
    BASELINE = enum.auto()
    PICTURES = enum.auto()


@dataclass(frozen=True)
class Imported:
    """A function (or class) named by its import path, imported at its first use.

    Attributes:
      path: dotted path, ``tidegate.models.text_classification.preprocess.preprocess``.
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
    """A feature as it is read, before Transform.

    Attributes:
      name: its name in tf.Examples and requests.
      column: its column in the user's data; empty where the ExampleGen makes it.
      kind: ``bytes`` (UTF-8 text), ``float`` or ``int``.
      label: known in training alone, as the answer to learn is; absent from requests.
      key: equal values are kept on one side of a split.
      sequence: a list of any length, one value a step, in place of a single value.
      role: what the task has it for, in the task's own words, where the name does not say.
      slice: the Evaluator also reports the figures by its value.
    """

    name: str
    column: str
    kind: Literal["bytes", "float", "int"] = "bytes"
    label: bool = False
    key: bool = False
    sequence: bool = False
    role: str = ""
    slice: bool = False


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
      to_features: request tensors to raw features (the label is never among them); one with a
        varying number of values a row is sparse, as a parsed tf.Example's is. None where `answers`
        reads the request.
      outputs: name in the response to name of an answer of `SequenceTask.predict`, or of `answers`.
      answers: (request tensors, `Served`) to named answers, in the graph: a loop that decodes, a
        score, a step from a state that the client keeps. None for the answers of
        `SequenceTask.predict`.
      defaults: by input that a request may leave out, its value for a row; `answers` gets it as one
        row for all.
      method: TF Serving's method name; Classify and Regress check it.
      rows: samples to rows of the inputs, by name, all of one shape: what warms the signature up.
        None where the inputs are raw features by the same names.
    """

    inputs: Mapping[str, TensorInfo]
    outputs: Mapping[str, str]
    to_features: Annotated[Imported | None, Stage.TRAINING] = None
    answers: Annotated[Imported | None, Stage.TRAINING] = None
    defaults: Mapping[str, Any] = field(default_factory=dict)
    method: str = "tensorflow/serving/predict"
    rows: Imported | None = None


class Served(Protocol):
    """What a signature of its own may use of the model."""

    network: Any
    facts: Any
    features: Any

    def transformed(self, raw: Mapping[str, Any]) -> Mapping[str, Any]:
        """Raw features, without labels, to transformed ones."""

    def answers(self, raw: Mapping[str, Any]) -> Mapping[str, Any]:
        """Raw features, without labels, to the answers of `SequenceTask.predict`."""


@dataclass(frozen=True)
class Objective:
    """What training minimises and what it keeps the best weights by.

    Attributes:
      loss: a Keras loss over (target, network's outputs), whose `call` gives a loss for each
        weight: for each row, or for each token of each row. The mean is over the weights that are
        not 0.
      metrics: Keras metrics, computed on the part cut from train.
      monitor: name of the validation figure that decides, for example ``val_accuracy``.
      mode: ``max`` where more is better, ``min`` where less is.
    """

    loss: Any
    metrics: tuple[Any, ...]
    monitor: str
    mode: Literal["min", "max"]


@dataclass(frozen=True)
class Pace:
    """How fast a network learns, where the settings do not say.

    Attributes:
      learning_rate: the highest.
      passes: fewest and most over the training data, over large and over small: where rows are cut
        from few examples and overlap, small data takes more passes, and large data less than one,
        for which the fewest is 0.
    """

    learning_rate: float = 2e-3
    passes: tuple[int, int] = (3, 20)


@dataclass(frozen=True)
class Gate:
    """A bound that a model must hold to be pushed.

    Attributes:
      metric: one of the task's scalar metrics.
      at_least: lowest value that passes, or None.
      at_most: highest value that passes, or None.
      max_loss: how much worse than the last blessed model it may be, or None; in the metric's
        own unit.
      times_baseline: a figure of the reference, see `Evaluation.reference`, that `at_most` is a
        multiple of, on top of that figure's uncertainty; or None.
      below_baseline: how much worse than the best of the task's baseline and its rivals that cover
        the whole split it may be, or None; on top of the uncertainty. Needs `max_loss`.
      higher_is_better: the metric's direction.
    """

    metric: str
    at_least: float | None = None
    at_most: float | None = None
    max_loss: float | None = None
    times_baseline: str | None = None
    below_baseline: float | None = None
    higher_is_better: bool = True


@dataclass(frozen=True)
class Evaluation:
    """How predictions are judged: an additive statistic per batch, and figures from its sum.

    Attributes:
      prediction: the answer that is judged: of `SequenceTask.predict`, or of `answers`.
      target: the transformed feature that holds the truth; None where the prediction holds it.
      statistics: (targets[batch, ...] or None, predictions[batch, ...]) to a dict of arrays; the
        statistics of two parts of the data add up, element by element, to those of both.
      scalars: names of the figures that `summarise` returns as numbers. Beside `NAME` may stand
        `NAME_uncertainty`, the standard error that the judged rows leave it.
      summarise: the summed statistics to figures: numbers under the names in `scalars`, arrays
        under those in `arrays`.
      arrays: names of the figures that it returns as arrays.
      axis: the vocabulary that names the entries of the arrays' axes, or None.
      slices: each a tuple of feature names; raw or transformed features. Raw features with
        `RawFeature.slice` come on top.
      gates: the task's gate settings to `Gate`s.
      headline: the figures that a person sees first.
      reference: the figure, the less the better, by which one of the baseline and the rivals that
        cover a whole split is chosen on `valid`, for `Gate.times_baseline`; or None.
      signature: the exported signature that gives the prediction.
      answers: (network, transformed features with those known in training alone, feature
        settings, `TransformFacts`) to named answers, in the graph: what `signature` does where one
        example holds several predictions to judge, or an answer must be made before it is judged;
        None where it is ``serving_default``.
    """

    prediction: Annotated[str, Stage.PICTURES]
    target: Annotated[str | None, Stage.EVALUATION]
    statistics: Annotated[Imported, Stage.EVALUATION, Stage.BASELINE]
    scalars: Annotated[tuple[str, ...], Stage.EVALUATION, Stage.BASELINE]
    arrays: Annotated[tuple[str, ...], Stage.EVALUATION, Stage.BASELINE]
    axis: str | None
    summarise: Annotated[Imported, Stage.EVALUATION, Stage.BASELINE]
    slices: tuple[tuple[str, ...], ...]
    gates: Imported
    headline: tuple[str, ...]
    signature: Annotated[str, Stage.TRAINING, Stage.PICTURES] = "serving_default"
    reference: Annotated[str | None, Stage.BASELINE] = None
    answers: Annotated[Imported | None, Stage.TRAINING] = None


def no_signatures(raw: Sequence[RawFeature]) -> Mapping[str, Signature]:
    """For a task that is called through `serving_default` alone."""
    return {}


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
      reads: (data settings) to what `example_gen` reads: its argument `reads`.
      splits: (data settings, feature settings) to how that is parted: its argument `splits`.
      roles: (what was read, feature settings, transformed features of `samples`) to how the
        exported model is asked about a file of rows.
      preprocess: (raw features, feature settings, `RawFeature`s) to transformed features, in the
        graph.
      inputs: (transformed features, feature settings) to the model's dense inputs, in the graph.
      batches: (examples, feature settings, model settings, batch size, seed or None) to batches of
        (inputs, target, weight); a seed means shuffled and without end, for training. A weight is
        float32[rows], or float32[rows, tokens], 0 for padding. What the network carries from batch
        to batch is not among the inputs; row r of a batch then goes on where row r of the one
        before has ended, and all batches have as many rows.
      build_model: (model settings, feature settings, `TransformFacts`, use_cudnn) to an unbuilt
        or built keras.Model over the inputs. What is both an input and an output of it, by name,
        is state that is carried from call to call (`models.core.carried`).
      objective: (model settings) to an `Objective`.
      apply: (network, inputs) to the network's outputs, in the graph, where an answer is asked
        for: a loop over the steps where rows are long; None for one call.
      predict: (model outputs, transformed features, `TransformFacts`) to named answers, each with
        one row for each row of the request; those whose names begin with an underscore are no
        outputs of `serving_default`.
      names: (`TransformFacts`) to what the entries along the last axis of an answer are called, by
        the answer's name; None where nothing is.
      examples: what an example is, for a person; rows of data may be parts of one.
      materialize: whether Transform writes the transformed examples; False where they are larger
        than the raw ones: they are then made anew each time they are read.
      count: (transformed examples, feature settings, model settings) to the rows that training has
        of them; None where each example is one.
      training: what this task's training settings are where nobody says, by name, where it is not
        what `TrainingSettings` has.
      pace: (`TransformFacts`) to the network's `Pace`, by what it reads; None for the usual one.
      warm_start: (network, transformed training examples, model settings, seed, `TransformFacts`):
        gives the network its first weights, where they can be learnt without labels or come from
        elsewhere, and may return what it found, as JSON holds it; or None.
      tokens: (`TransformFacts`, feature settings) to the text of each id of the network's layer
        `embedding`: then the exported model holds what another training can start from; or None.
      calibrate: (trained network, batches of `valid`, model settings, batches of `train`): sets
        the weights that are not learnt by gradients, and may return what it found, as JSON holds
        it; or None. Each row comes once. Never on `eval`, on which the gates are judged.
      signatures: (`RawFeature`s) to the ways to call the exported model, beside
        `serving_default`.
      evaluation: metrics, slices and gates.
      baseline: (records by split, data settings, feature settings) to, by split other than
        `train`, an iterator of (targets, predictions), as `Evaluation.statistics` takes them: what
        a simple model reaches on the same splits. They come in chunks, so that a split of any
        size takes the same memory; only one is held at a time.
      baseline_title: what the baseline is, for a person.
      rivals: (records by split, data settings, feature settings) to chunks as `baseline` gives
        them, and the `Part` of the split that they cover, None for the whole; by split other than
        `train`, and title: other simple methods, some too slow for the whole of it; or None. The
        model is judged on that part, too; there `Evaluation.target` has to be None.
      pictures: (judged, data settings, feature settings, names) to (name, matplotlib figure or
        `shown.Table`) pairs that show what the model is worth; `judged()` gives (raw record,
        prediction that the Evaluator judges) of the first rows of `eval`, anew at each call;
        `names` are those of the prediction's entries, see the attribute; or None.
      asked: (ask, data settings, feature settings) to such pairs that show what the model answers
        to requests of the task's own; `ask(signature, inputs by name)` gives its outputs; or None.
      samples: (`RawFeature`s) to a few deterministic raw records without the label.
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
    reads: Callable[[Any], Any]
    splits: Callable[[Any, Any], Any]
    roles: Annotated[Callable[[Any, Any, Mapping[str, Any]], Roles], Stage.TRAINING]
    preprocess: Annotated[Imported, Stage.TRANSFORM]
    inputs: Annotated[Imported, Stage.TRAINING]
    batches: Annotated[Imported, Stage.TRAINING]
    build_model: Annotated[Imported, Stage.TRAINING]
    objective: Annotated[Imported, Stage.TRAINING]
    predict: Annotated[Imported, Stage.TRAINING]
    evaluation: Evaluation
    baseline: Annotated[Imported, Stage.BASELINE]
    baseline_title: Annotated[str, Stage.BASELINE]
    samples: Annotated[
        Callable[[Sequence[RawFeature]], tuple[Mapping[str, Any], ...]], Stage.TRAINING
    ]
    toy: Callable[[], tuple[Mapping[str, Any], ...]]
    examples: Annotated[str, Stage.PICTURES] = "rows"
    materialize: Annotated[bool, Stage.TRAINING] = True
    apply: Annotated[Imported | None, Stage.TRAINING] = None
    names: Annotated[Imported | None, Stage.TRAINING] = None
    count: Annotated[Imported | None, Stage.TRAINING] = None
    training: Mapping[str, Any] = field(default_factory=dict)
    pace: Annotated[Imported | None, Stage.TRAINING] = None
    warm_start: Annotated[Imported | None, Stage.TRAINING] = None
    tokens: Annotated[Imported | None, Stage.TRAINING] = None
    calibrate: Annotated[Imported | None, Stage.TRAINING] = None
    rivals: Annotated[Imported | None, Stage.BASELINE] = None
    pictures: Annotated[Imported | None, Stage.PICTURES] = None
    asked: Annotated[Imported | None, Stage.PICTURES] = None
    signatures: Annotated[
        Callable[[Sequence[RawFeature]], Mapping[str, Signature]], Stage.TRAINING
    ] = no_signatures

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
    models = importlib.import_module("tidegate.models")
    return tuple(
        sorted(
            found.name
            for found in pkgutil.iter_modules(models.__path__)
            # models/core/task.py is this file, the contract.
            if found.ispkg
            and found.name != "core"
            and importlib.util.find_spec(f"tidegate.models.{found.name}.task")
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
    task = importlib.import_module(f"tidegate.models.{name}.task").TASK
    assert isinstance(task, SequenceTask)
    return task
