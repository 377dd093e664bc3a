"""What a training has reached: progress for a person, best weights, curves for TensorBoard."""

import math
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tidegate.models.core.progress import reporter
from tidegate.models.core.task import Objective
from tidegate.models.train.checkpoints import Checkpoint
from tidegate.models.train.settings import TrainingSettings

_FACTS = ("step", "validated", "since", "best", "seconds", "history", "at")
# Seconds of steps between two looks at the clock, at most; and the most steps.
_LOOK = 0.25
_MOST_STEPS = 32


@dataclass
class Reached:
    """Where a training is; a checkpoint holds it.

    Attributes:
      step: steps taken.
      validated: the step of the last validation.
      since: validations since the best.
      best: the best figure, its sign such that more is better.
      seconds: of training in processes that have ended.
      history: by figure, its value at each validation.
      at: the step of each validation.
      sums: of the steps since the last validation, as `TrainingStep` keeps them.
      weights: the best ones, or None.
    """

    sums: np.ndarray
    step: int = 0
    validated: int = 0
    since: int = 0
    best: float = -math.inf
    seconds: float = 0.0
    history: dict[str, list[float]] = field(default_factory=dict)
    at: list[int] = field(default_factory=list)
    weights: list[np.ndarray] | None = None

    def checkpoint(
        self, model: keras.Model, seconds: float, more: Mapping[str, np.ndarray]
    ) -> Checkpoint:
        """Everything, with the state of model and optimizer, and more arrays by name."""
        facts = {name: getattr(self, name) for name in _FACTS} | {"seconds": seconds}
        arrays = {"sums": self.sums, **more}
        for number, variable in enumerate(state(model)):
            arrays[f"variable-{number}"] = keras.ops.convert_to_numpy(variable)
        for number, weight in enumerate(self.weights or []):
            arrays[f"best-{number}"] = weight
        return Checkpoint(facts, arrays)

    @classmethod
    def restore(cls, found: Checkpoint, model: keras.Model) -> "Reached":
        """What `checkpoint` kept, with model and optimizer as they were."""
        for number, variable in enumerate(state(model)):
            variable.assign(found.arrays[f"variable-{number}"])
        best = [name for name in found.arrays if name.startswith("best-")]
        weights = [found.arrays[f"best-{number}"] for number in range(len(best))]
        return cls(sums=found.arrays["sums"], weights=weights or None, **found.facts)


def state(model: keras.Model) -> list[Any]:
    """All variables of model and optimizer, those of dropout's random numbers too."""
    return [*model.variables, *model.optimizer.variables]


class Pace:
    """How many steps are taken before the next look at the clock."""

    def __init__(self) -> None:
        self.steps = 1

    def took(self, steps: int, seconds: float) -> None:
        """Learns from a call: each takes about a quarter of a second."""
        fitting = int(_LOOK * steps / max(seconds, 1e-9))
        self.steps = max(1, min(fitting, 2 * self.steps, _MOST_STEPS))


class Watch:
    """Tells a person where training is, keeps the best weights and the curves.

    Args:
      objective: which figure decides.
      settings: how long without a gain.
      steps: of the whole training.
      reached: where it begins.
      begin: monotonic time at which this process began with it.
      log_dir: for TensorBoard; None writes and tells nothing.
    """

    def __init__(
        self,
        objective: Objective,
        settings: TrainingSettings,
        steps: int,
        reached: Reached,
        begin: float,
        log_dir: str | None,
    ) -> None:
        self._objective = objective
        self._settings = settings
        self._steps = steps
        self._sign = 1 if objective.mode == "max" else -1
        self._shown = 0.0
        self._begin = begin
        self._stepping = time.monotonic()
        self._first = reached.step
        self._logs = None if log_dir is None else _Curves(log_dir)
        self.reached = reached
        if self._logs is not None:
            self._logs.write_again(reached)

    @property
    def seconds(self) -> float:
        """Of training so far, in all processes."""
        return self.reached.seconds + time.monotonic() - self._begin

    @property
    def best(self) -> float:
        """The best figure."""
        return self._sign * self.reached.best

    def stepped(self, loss: float) -> None:
        """After a few steps; `loss` is their mean since the last validation."""
        now = time.monotonic()
        if self._logs is None or now - self._shown < 0.5:
            return
        self._shown = now
        step = self.reached.step
        rate = (step - self._first) / (now - self._stepping)
        reporter().status(
            f"step {step}/{self._steps}  {rate:.1f} steps/s  "
            f"{(self._steps - step) / rate:.0f} s left at most  loss {loss:.4f}"
        )

    def validated(self, figures: dict[str, float], model: keras.Model) -> bool:
        """After a validation, with the weights that were validated in the model.

        Returns:
          Whether there has been no gain for too long.

        Raises:
          FloatingPointError: the loss became NaN.
        """
        reached = self.reached
        value = figures[self._objective.monitor]
        if math.isnan(figures["loss"]):
            raise FloatingPointError(
                f"the loss became NaN at step {reached.step}; lower training.learning_rate"
            )
        better = self._sign * value > reached.best
        if better:
            reached.best, reached.since = self._sign * value, 0
            reached.weights = model.get_weights()
        else:
            reached.since += 1
        for name, figure in figures.items():
            reached.history.setdefault(name, []).append(figure)
        reached.at.append(reached.step)
        reached.validated = reached.step
        if self._logs is not None:
            self._logs.write(reached.step, figures)
            reporter().line(
                f"step {reached.step}/{self._steps}  loss {figures['loss']:.4f}  "
                f"{self._objective.monitor} {value:.4f}{'  best' if better else ''}  "
                f"{self.seconds:.0f} s"
            )
        return reached.since >= self._settings.patience


class _Curves:
    """Event files for TensorBoard, of `train` and `validation`, by step."""

    def __init__(self, log_dir: str) -> None:
        self._writers = {
            split: tf.summary.create_file_writer(os.path.join(log_dir, split))
            for split in ("train", "validation")
        }

    def write(self, step: int, figures: dict[str, float]) -> None:
        """The figures of a validation; those of `valid` begin with ``val_``."""
        for name, value in figures.items():
            split = "validation" if name.startswith("val_") else "train"
            with self._writers[split].as_default():
                tf.summary.scalar(f"epoch_{name.removeprefix('val_')}", value, step)
        for writer in self._writers.values():
            writer.flush()

    def write_again(self, reached: Reached) -> None:
        """The curves of the training that this one continues."""
        for number, step in enumerate(reached.at):
            self.write(step, {name: values[number] for name, values in reached.history.items()})
