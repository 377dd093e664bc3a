"""Training: one loop for all tasks, on one device, several devices or several workers."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import keras
import tensorflow as tf

from tidegate.models.core.task import Objective, Pace
from tidegate.models.train.checkpoints import Checkpoints
from tidegate.models.train.loop import Data, Loop
from tidegate.models.train.settings import TrainingSettings
from tidegate.models.train.step import GlobalAdamW, TrainingStep
from tidegate.models.train.watch import Watch
from tidegate.models.train.workers import Workers
from tidegate.tables.errors import InputError

# Of one training: 10, and up to 25 where that many lie this many steps apart.
_FEW_VALIDATIONS, _MOST_VALIDATIONS = 10, 25
_STEPS_APART = 50
_PACE = Pace()


@dataclass(frozen=True)
class Trained:
    """What training leaves.

    Attributes:
      model: with the best weights, on the chief.
      best: value of the monitored figure at the best weights.
      monitor: the figure's name.
      steps: steps taken.
      rows: distinct rows trained on.
      learning_rate: the highest.
      seconds: of training, with the building of the model and validation, in all processes where
        it was interrupted.
      validated: the step of each validation.
      history: by figure, its value at each validation.
      finish: ends the training, once the chief has written what it is for: waits for all workers,
        then removes the checkpoints.
    """

    model: keras.Model
    best: float
    monitor: str
    steps: int
    rows: int
    learning_rate: float
    seconds: float
    validated: list[int]
    history: dict[str, list[float]]
    finish: Callable[[], None] = field(repr=False, compare=False)


def prepare_devices(
    settings: TrainingSettings, workers: Workers | None = None
) -> tf.distribute.Strategy:
    """Seeds, precision and the strategy for the devices that are there.

    Args:
      settings: seed, precision and determinism.
      workers: those that train together; None for this process alone.

    Returns:
      MultiWorkerMirroredStrategy over workers, MirroredStrategy over several GPUs (or several
      logical CPUs), else the default strategy.

    Raises:
      RuntimeError: TensorFlow has been at work in this process; workers need a fresh one.
    """
    strategy = None if workers is None else _of_workers(workers)
    keras.utils.set_random_seed(settings.seed)
    gpus = tf.config.list_logical_devices("GPU")
    if settings.deterministic:
        tf.config.experimental.enable_op_determinism()
    mixed = settings.mixed_precision and bool(gpus)
    keras.config.set_dtype_policy("mixed_float16" if mixed else "float32")
    devices = gpus or tf.config.list_logical_devices("CPU")
    if strategy is not None:
        return strategy
    if len(devices) > 1:
        return tf.distribute.MirroredStrategy([device.name for device in devices])
    return tf.distribute.get_strategy()


def _of_workers(workers: Workers) -> tf.distribute.Strategy:
    # Before all else: it opens the port through which the workers' operations meet.
    cluster = tf.train.ClusterSpec({"worker": list(workers.addresses)})
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
        cluster, task_type="worker", task_id=workers.index or 0, rpc_layer="grpc"
    )
    return tf.distribute.MultiWorkerMirroredStrategy(resolver)


def compile_model(
    model: keras.Model, settings: TrainingSettings, steps: int, pace: Pace = _PACE
) -> None:
    """Gives the model its optimizer and learning-rate schedule; the loss is the step's.

    The rate rises linearly over the warm-up and falls to zero along a cosine (Loshchilov and
    Hutter 2017).

    Args:
      model: the network.
      settings: rates and clipping.
      steps: how many steps the schedule spans.
      pace: the network's.
    """
    rate = settings.learning_rate or pace.learning_rate
    warmup = int(settings.warmup * steps)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0 if warmup else rate,
        decay_steps=max(steps - warmup, 1),
        warmup_target=rate if warmup else None,
        warmup_steps=warmup,
    )
    optimizer = GlobalAdamW(
        schedule,
        weight_decay=settings.weight_decay,
        global_clipnorm=settings.clip_norm,
        use_ema=settings.average > 0,
        ema_momentum=settings.average or 0.99,
    )
    # XLA would compile each padded length anew, and has no cuDNN LSTM.
    model.compile(optimizer, jit_compile=False)


def steps_between_validations(steps: int, per_pass: int, validations: int) -> int:
    """How many steps are taken before the next validation.

    On small data a pass is a few steps: validating after each would take longer than training.
    On large data the training may be less than a pass, and is validated all the same.

    Args:
      steps: of the whole training.
      per_pass: steps of a pass over the training data.
      validations: asked for in a pass.
    """
    apart = max(steps // _MOST_VALIDATIONS, min(steps // _FEW_VALIDATIONS, _STEPS_APART))
    found = max(1, per_pass // validations, apart)
    if steps < per_pass:
        found = min(found, max(steps // _FEW_VALIDATIONS, _STEPS_APART))
    return min(steps, found)


def train(
    build: Callable[[], keras.Model],
    objective: Callable[[], Objective],
    train_batches: tf.data.Dataset,
    valid_batches: tf.data.Dataset,
    rows: int,
    settings: TrainingSettings,
    log_dir: str,
    pace: Pace = _PACE,
    *,
    strategy: tf.distribute.Strategy | None = None,
    workers: Workers | None = None,
    checkpoints: str | None = None,
) -> Trained:
    """Trains a model and keeps the weights of the best validation.

    Args:
      build: makes the network; called once, under the devices' strategy.
      objective: makes loss and metrics, under the same strategy.
      train_batches: (inputs, target, weight), without end: the global batches on each worker, or,
        where the settings say that examples are divided, this worker's own.
      valid_batches: the same, each row once, on each worker.
      rows: distinct training rows, from which the steps follow.
      settings: how to train.
      log_dir: for TensorBoard; the chief alone writes it.
      pace: the network's, where the settings do not say.
      strategy: as `prepare_devices` gives it; made here if not given.
      workers: those that the strategy was made for.
      checkpoints: the folder of this training's checkpoints, from which it goes on where there
        are any; the same for all workers; None for none.

    Raises:
      FloatingPointError: the loss became NaN.
      InputError: more devices than rows in a batch.
      SystemExit: SIGTERM has come, and a checkpoint has been written.
    """
    begin = time.monotonic()
    strategy = strategy or prepare_devices(settings)
    keras.utils.set_random_seed(settings.seed)
    replicas = strategy.num_replicas_in_sync
    if settings.batch_size < replicas:
        raise InputError(
            f"training.batch_size={settings.batch_size}: expected a row or more for each of the "
            f"{replicas} devices"
        )
    steps = settings.steps_over(rows, pace)
    divided = workers is not None and settings.shard == "examples"
    with strategy.scope():
        model = build()
        if not model.built:
            inputs, _, _ = next(iter(valid_batches))
            model(inputs)
        goal = objective()
        compile_model(model, settings, steps, pace)
        model.optimizer.build(model.trainable_variables)
    step = TrainingStep(
        model, goal, strategy, valid_batches.element_spec, divided, train_batches.element_spec
    )
    loop = Loop(
        model,
        step,
        Data(train_batches, valid_batches, divided),
        settings,
        workers,
        Checkpoints(checkpoints) if checkpoints else None,
    )
    is_chief = workers is None or workers.is_chief
    watch = Watch(goal, settings, steps, loop.start(), begin, log_dir if is_chief else None)
    per_pass = max(1, rows // settings.batch_size)
    chunk = steps_between_validations(steps, per_pass, settings.validations)
    loop.run(watch, steps, chunk)
    return Trained(
        model=model,
        best=watch.best,
        monitor=goal.monitor,
        steps=watch.reached.step,
        rows=rows,
        learning_rate=settings.learning_rate or pace.learning_rate,
        seconds=watch.seconds,
        validated=watch.reached.at,
        history=watch.reached.history,
        finish=loop.finish,
    )
