"""The training loop: steps, validations, checkpoints, and what several workers agree on."""

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tidegate.models.core.progress import reporter
from tidegate.models.train.checkpoints import Checkpoint, Checkpoints
from tidegate.models.train.settings import TrainingSettings
from tidegate.models.train.step import TrainingStep
from tidegate.models.train.watch import Pace, Reached, Watch, state
from tidegate.models.train.workers import Workers

# Checkpoints take no more than one part in this many of the time.
_SELDOM = 20
# Of a checkpoint's arrays, those of what the network carries begin with this.
_LANES = "lanes-"
# Of a process that SIGTERM has ended: 128 and the signal's number.
EXIT_TERMINATED = 143


@dataclass(frozen=True)
class Data:
    """What the loop reads.

    Attributes:
      train: batches without end.
      valid: batches, each row once.
      divided: whether each worker's `train` is its own; else all have the same.
    """

    train: tf.data.Dataset
    valid: tf.data.Dataset
    divided: bool


class Loop:
    """Trains a compiled model, from its last checkpoint if there is one.

    All that several workers decide - the place to go on from, a checkpoint, the end - follows from
    figures that are the same on all, or from the chief's.

    Args:
      model: compiled, its optimizer built.
      step: of that model.
      data: what it reads.
      settings: how to train.
      workers: those that train together, or None.
      checkpoints: the training's folder of checkpoints, or None.
    """

    def __init__(
        self,
        model: keras.Model,
        step: TrainingStep,
        data: Data,
        settings: TrainingSettings,
        workers: Workers | None,
        checkpoints: Checkpoints | None,
    ) -> None:
        self._model = model
        self._step = step
        self._settings = settings
        self._count = 1 if workers is None else len(workers.addresses)
        self._index = 0 if workers is None else workers.index or 0
        self._checkpoints = checkpoints if settings.checkpoint_seconds else None
        # Each worker keeps its own place in its own input, or the chief the one place of all.
        self._input = self._index if data.divided else 0
        self._divided = data.divided
        train = data.train
        if self._checkpoints is not None:
            options = tf.data.Options()
            # The state in question is that of the lookup tables of the transform graph.
            policy = tf.data.experimental.ExternalStatePolicy
            options.experimental_external_state_policy = policy.IGNORE
            train = train.with_options(options)
        self._train = train.prefetch(tf.data.AUTOTUNE)
        # Lanes must not be torn: of a network that carries state, all workers read all batches.
        own = data.valid if step.carries else data.valid.shard(self._count, self._index)
        self._valid = own.prefetch(tf.data.AUTOTUNE)
        self._batches: Any = None

    def start(self) -> Reached:
        """Finds the newest whole checkpoint and goes there, on all workers."""
        found = self._checkpoints.load() if self._checkpoints and self._is_chief else iter(())
        reached = Reached(self._step.no_sums)
        while True:
            step, checkpoint = next(((s, c) for s, c in found if self._fits(s, c)), (-1, None))
            (step,) = self._of_chief([step])
            if step < 0 or self._checkpoints is None:
                break
            whole = self._checkpoints.has_input(int(step), self._input)
            if self._step.total([whole])[0] == self._count:
                break
        lanes: dict[str, np.ndarray] = {}
        # Once: a shuffled data set has another order in each of its iterators.
        self._batches = iter(self._train)
        if step >= 0 and self._checkpoints is not None:
            self._checkpoints.restore_input(int(step), self._batches, self._input)
            if checkpoint is not None:
                reached = Reached.restore(checkpoint, self._model)
                lanes = {name: checkpoint.arrays[f"{_LANES}{name}"] for name in self._step.state}
                reporter().line(f"goes on from the checkpoint of step {reached.step}")
        if self._count > 1:
            self._follow_chief(reached)
        if step >= 0:
            self._step.state = self._own_lanes(lanes)
        return reached

    def run(self, watch: Watch, steps: int, between: int) -> None:
        """Trains until all steps are taken or the figure no longer gains.

        Args:
          watch: holds where it begins, and what it reaches.
          steps: of the whole training.
          between: steps between two validations.

        Raises:
          FloatingPointError: the loss became NaN.
          SystemExit: SIGTERM has come, and a checkpoint has been written.
        """
        reached = watch.reached
        with _sigterm(self._checkpoints is not None) as terminated:
            self._saved = time.monotonic(), 0.0
            self._pace = Pace()
            # Steps of a call, the same on all workers, whose paces differ.
            self._at_once = self._pace.steps
            ended = False
            while not ended:
                self._until(min(steps, reached.validated + between), watch, terminated)
                no_gain = self._validate(reached, watch)
                (too_long,) = self._of_chief([self._too_long(watch)])
                ended = reached.step >= steps or bool(too_long) or no_gain
            if terminated.is_set():
                raise SystemExit(EXIT_TERMINATED)
        if reached.weights is not None:
            self._model.set_weights(reached.weights)

    def finish(self) -> None:
        """Waits for all workers, then removes the checkpoints."""
        self._step.total([0])
        if self._checkpoints is not None and self._is_chief:
            self._checkpoints.remove()

    @property
    def _is_chief(self) -> bool:
        return self._index == 0

    def _of_chief(self, values: Any) -> np.ndarray:
        """The chief's values, on all workers."""
        values = np.asarray(values, np.float64)
        return self._step.total(values if self._is_chief else np.zeros_like(values))

    def _too_long(self, watch: Watch) -> bool:
        most = self._settings.max_seconds
        return most is not None and watch.seconds > most

    def _until(self, step: int, watch: Watch, terminated: threading.Event) -> None:
        """Takes the steps up to one, and writes a checkpoint where it is time."""
        reached, pace = watch.reached, self._pace
        while reached.step < step:
            take = min(self._at_once, step - reached.step)
            begin = time.monotonic()
            reached.sums = self._step.take(self._batches, take, reached.sums)
            reached.step += take
            now = time.monotonic()
            pace.took(take, now - begin)
            watch.stepped(self._step.loss(reached.sums))
            saved, took = self._saved
            due = now - saved > max(self._settings.checkpoint_seconds, _SELDOM * took)
            chief = float(self._is_chief)
            agreed = self._step.total([chief * pace.steps, chief * due, terminated.is_set()])
            self._at_once, save, end = int(agreed[0]), bool(agreed[1]), bool(agreed[2])
            if self._checkpoints is not None and (save or end):
                self._save(self._checkpoints, watch)
                self._saved = time.monotonic(), time.monotonic() - now
            if end:
                reporter().line(f"stopped by SIGTERM at step {reached.step}")
                raise SystemExit(EXIT_TERMINATED)

    def _validate(self, reached: Reached, watch: Watch) -> bool:
        """Judges the weights, or their averages; whether there was no gain for too long."""
        figures = self._step.figures(self._step.total(reached.sums))
        reached.sums = self._step.no_sums
        with _averages(self._model):
            valid = self._step.figures(self._step.total(self._step.validate(self._valid)))
            figures.update({f"val_{name}": value for name, value in valid.items()})
            return watch.validated(figures, self._model)

    def _fits(self, step: int, checkpoint: Checkpoint) -> bool:
        """Whether a checkpoint is one of this model; on another device it may not be."""
        kept = [one.shape for name, one in checkpoint.arrays.items() if name.startswith("variable")]
        if kept == [tuple(variable.shape) for variable in state(self._model)]:
            return True
        reporter().line(f"the checkpoint of step {step} is one of another model and not used")
        return False

    def _follow_chief(self, reached: Reached) -> None:
        """Puts all workers where the chief is, its weights included."""
        facts = (reached.step, reached.validated, reached.since, reached.best, reached.seconds)
        step, validated, since, reached.best, reached.seconds = self._of_chief(facts).tolist()
        reached.step, reached.validated, reached.since = int(step), int(validated), int(since)
        variables = state(self._model)
        values = [keras.ops.convert_to_numpy(variable) for variable in variables]
        shared = self._of_chief(
            np.concatenate([value.reshape(-1) for value in values], dtype=float)
        )
        begin = 0
        for variable, value in zip(variables, values, strict=True):
            part = shared[begin : begin + value.size]
            variable.assign(part.reshape(value.shape).astype(value.dtype))
            begin += value.size

    def _lane_places(self) -> tuple[int, int, int]:
        """The first of this worker's lanes among those of all, its number of them, and all."""
        own = next((len(one) for one in self._step.state.values()), 0)
        if not self._divided:
            return 0, own, own
        sizes = np.zeros(self._count)
        sizes[self._index] = own
        sizes = self._step.total(sizes).astype(int)
        return int(sizes[: self._index].sum()), own, int(sizes.sum())

    def _all_lanes(self) -> dict[str, np.ndarray]:
        """What the network carries, of the lanes of all workers."""
        begin, own, every = self._lane_places()
        found = {}
        for name, one in self._step.state.items():
            whole = np.zeros((every, *one.shape[1:]))
            whole[begin : begin + own] = one.numpy()
            found[name] = self._step.total(whole.reshape(-1)).reshape(whole.shape)
        return found

    def _own_lanes(self, lanes: dict[str, np.ndarray]) -> dict[str, tf.Tensor]:
        """The part of the chief's lanes that is this worker's."""
        begin, own, every = self._lane_places()
        found = {}
        for name, one in self._step.state.items():
            whole = lanes.get(name, np.zeros((every, *one.shape[1:])))
            shared = self._of_chief(whole.reshape(-1)).reshape(whole.shape)
            found[name] = tf.constant(shared[begin : begin + own], one.dtype)
        return found

    def _save(self, checkpoints: Checkpoints, watch: Watch) -> None:
        """Writes a checkpoint; that it cannot be written does not end the training."""
        reached = watch.reached
        total = self._step.total(reached.sums)
        reached.sums = total if self._is_chief else self._step.no_sums
        lanes = {f"{_LANES}{name}": one for name, one in self._all_lanes().items()}
        written = True
        try:
            if self._input == self._index:
                checkpoints.save_input(reached.step, self._batches, self._input)
        except tf.errors.OpError as error:
            written = _not_written(error)
        if self._step.total([written])[0] == self._count and self._is_chief:
            try:
                kept = reached.checkpoint(self._model, watch.seconds, lanes)
                checkpoints.save(reached.step, kept)
            except tf.errors.OpError as error:
                _not_written(error)


def _not_written(error: tf.errors.OpError) -> bool:
    first = error.message.splitlines()[0] if error.message else type(error).__name__
    reporter().line(f"the checkpoint could not be written, training goes on: {first[:300]}")
    return False


@contextlib.contextmanager
def _averages(model: keras.Model) -> Iterator[None]:
    """The weights' moving averages in the place of the weights, where the optimizer keeps them."""
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    if not optimizer.use_ema:
        yield
        return
    variables = model.trainable_variables
    raw = [keras.ops.convert_to_numpy(variable) for variable in variables]
    averages = optimizer._model_variables_moving_average
    for variable, average in zip(variables, averages, strict=True):
        variable.assign(keras.ops.convert_to_numpy(average))
    try:
        yield
    finally:
        for variable, value in zip(variables, raw, strict=True):
            variable.assign(value)


@contextlib.contextmanager
def _sigterm(listen: bool) -> Iterator[threading.Event]:
    """Whether SIGTERM has come; only the main thread can listen for signals."""
    terminated = threading.Event()
    if not listen or threading.current_thread() is not threading.main_thread():
        yield terminated
        return
    before = signal.signal(signal.SIGTERM, lambda *_: terminated.set())
    try:
        yield terminated
    finally:
        signal.signal(signal.SIGTERM, before)
