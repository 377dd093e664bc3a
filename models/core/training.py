"""Training: one loop for all tasks, on one device or several."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from models.core.progress import reporter
from models.core.task import Objective
from models.core.training_settings import MOST_PASSES, TrainingSettings

# Of one training: 10, and up to 25 where that many lie this many steps apart.
_FEW_VALIDATIONS, _MOST_VALIDATIONS = 10, 25
_STEPS_APART = 50


@dataclass(frozen=True)
class Trained:
    """What training leaves.

    Attributes:
      model: with the best weights.
      best: value of the monitored figure at the best weights.
      monitor: the figure's name.
      steps: steps taken.
      rows: distinct rows trained on.
      seconds: of training, with the building of the model and validation.
      history: by figure, its value at each validation.
    """

    model: keras.Model
    best: float
    monitor: str
    steps: int
    rows: int
    seconds: float
    history: dict[str, list[float]]


def prepare_devices(settings: TrainingSettings) -> tf.distribute.Strategy:
    """Seeds, precision and the strategy for the devices that are there.

    Returns:
      MirroredStrategy over several GPUs (or several logical CPUs), else the default strategy.
    """
    keras.utils.set_random_seed(settings.seed)
    gpus = tf.config.list_logical_devices("GPU")
    if settings.deterministic:
        tf.config.experimental.enable_op_determinism()
    mixed = settings.mixed_precision and bool(gpus)
    keras.config.set_dtype_policy("mixed_float16" if mixed else "float32")
    devices = gpus or tf.config.list_logical_devices("CPU")
    if len(devices) > 1:
        return tf.distribute.MirroredStrategy([device.name for device in devices])
    return tf.distribute.get_strategy()


def compile_model(
    model: keras.Model, objective: Objective, settings: TrainingSettings, steps: int
) -> None:
    """Gives the model its loss, optimizer and learning-rate schedule.

    The rate rises linearly over the warm-up and falls to zero along a cosine (Loshchilov and
    Hutter 2017).

    Args:
      model: the network.
      objective: loss and metrics.
      settings: rates and clipping.
      steps: how many steps the schedule spans.
    """
    warmup = int(settings.warmup * steps)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0 if warmup else settings.learning_rate,
        decay_steps=max(steps - warmup, 1),
        warmup_target=settings.learning_rate if warmup else None,
        warmup_steps=warmup,
    )
    optimizer = keras.optimizers.AdamW(
        schedule,
        weight_decay=settings.weight_decay,
        global_clipnorm=settings.clip_norm,
        use_ema=settings.average > 0,
        ema_momentum=settings.average or 0.99,
    )
    # XLA would compile each padded length anew, and has no cuDNN LSTM.
    model.compile(
        optimizer,
        loss=objective.loss,
        weighted_metrics=[],
        metrics=list(objective.metrics),
        jit_compile=False,
    )


class _Watch(keras.callbacks.Callback):
    """Tells a person where training is, keeps the best weights and ends it in time."""

    def __init__(self, objective: Objective, settings: TrainingSettings, steps: int) -> None:
        super().__init__()
        self._objective = objective
        self._settings = settings
        self._steps = steps
        self._sign = 1 if objective.mode == "max" else -1
        self._shown = 0.0
        self._since = 0
        self._weights: list[Any] | None = None
        self.step = 0
        self.best = -math.inf

    def on_train_begin(self, logs: Any = None) -> None:
        self._begin = time.monotonic()

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        self.step += 1
        if self.step >= self._steps:
            self.model.stop_training = True  # Ends the epoch here, and validates.
        now = time.monotonic()
        if now - self._shown < 0.5:
            return
        self._shown = now
        rate = self.step / (now - self._begin)
        reporter().status(
            f"step {self.step}/{self._steps}  {rate:.1f} steps/s  "
            f"{(self._steps - self.step) / rate:.0f} s left at most  "
            f"loss {float((logs or {}).get('loss', math.nan)):.4f}"
        )

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        logs = logs or {}
        value = logs[self._objective.monitor]
        if math.isnan(logs["loss"]):
            raise FloatingPointError(
                f"the loss became NaN at step {self.step}; lower training.learning_rate"
            )
        better = self._sign * value > self.best
        if better:
            self.best, self._since = self._sign * value, 0
            self._weights = self.model.get_weights()
        else:
            self._since += 1
        seconds = time.monotonic() - self._begin
        reporter().line(
            f"step {self.step}/{self._steps}  loss {logs['loss']:.4f}  "
            f"{self._objective.monitor} {value:.4f}{'  best' if better else ''}  {seconds:.0f} s"
        )
        too_long = self._settings.max_seconds is not None and seconds > self._settings.max_seconds
        if self._since >= self._settings.patience or too_long:
            self.model.stop_training = True

    def on_train_end(self, logs: Any = None) -> None:
        if self._weights is not None:
            self.model.set_weights(self._weights)


def steps_between_validations(steps: int, per_pass: int, validations: int) -> int:
    """How many steps are taken before the next validation.

    On small data a pass is a few steps: validating after each would take longer than training.

    Args:
      steps: of the whole training.
      per_pass: steps of a pass over the training data.
      validations: asked for in a pass.
    """
    apart = max(steps // _MOST_VALIDATIONS, min(steps // _FEW_VALIDATIONS, _STEPS_APART))
    return min(steps, max(1, per_pass // validations, apart))


def train(
    build: Callable[[], keras.Model],
    objective: Callable[[], Objective],
    train_batches: tf.data.Dataset,
    valid_batches: tf.data.Dataset,
    rows: int,
    settings: TrainingSettings,
    log_dir: str,
    most_passes: int = MOST_PASSES,
) -> Trained:
    """Trains a model and keeps the weights of the best validation.

    Args:
      build: makes the network; called once, under the devices' strategy.
      objective: makes loss and metrics, under the same strategy.
      train_batches: (inputs, target, weight), without end.
      valid_batches: the same, each row once.
      rows: distinct training rows, from which steps an epoch follow.
      settings: how to train.
      log_dir: for TensorBoard.
      most_passes: over small data, where the settings do not say.

    Raises:
      FloatingPointError: the loss became NaN.
    """
    begin = time.monotonic()
    strategy = prepare_devices(settings)
    per_epoch = max(1, rows // settings.batch_size)
    steps = settings.steps or per_epoch * settings.passes(rows, most_passes)
    chunk = steps_between_validations(steps, per_epoch, settings.validations)
    with strategy.scope():
        model = build()
        goal = objective()
        compile_model(model, goal, settings, steps)
    watch = _Watch(goal, settings, steps)
    callbacks: list[keras.callbacks.Callback] = [watch]
    if settings.average:
        # First, so that what is validated and kept are the averages.
        callbacks.insert(0, keras.callbacks.SwapEMAWeights(swap_on_epoch=True))
    callbacks.append(keras.callbacks.TensorBoard(log_dir, write_graph=False))
    history = model.fit(
        train_batches.prefetch(tf.data.AUTOTUNE),
        steps_per_epoch=chunk,
        epochs=-(-steps // chunk),
        validation_data=valid_batches.prefetch(tf.data.AUTOTUNE),
        callbacks=callbacks,
        verbose=0,
    )
    return Trained(
        model=model,
        best=watch.best if goal.mode == "max" else -watch.best,
        monitor=goal.monitor,
        steps=watch.step,
        rows=rows,
        seconds=time.monotonic() - begin,
        history=history.history,
    )
