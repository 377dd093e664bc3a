"""The function that TFX's Trainer calls: train, export, and write down how it went.

Only functions here: TFX reloads this module.
"""

import hashlib
import json
import os
import posixpath
from typing import Any

import keras
import tensorflow as tf
import tensorflow_transform as tft
from tfx.components.trainer.fn_args_utils import FnArgs

from tidegate.components.trainer import worker_processes
from tidegate.components.trainer.report import write_training
from tidegate.components.trainer.run_parameters import RunParameters
from tidegate.models.core.export import export
from tidegate.models.train.examples import count_examples
from tidegate.models.train.training import Trained, prepare_devices, train
from tidegate.models.train.workers import Workers, read_workers
from tidegate.tables.errors import InputError

# Settings that leave the result of a training as it is.
_NO_MATTER = ("checkpoint_seconds", "checkpoints", "workers", "worker", "shard")


def run_fn(fn_args: FnArgs) -> None:
    """Trains the task's model on the transformed examples, calibrates it and exports it.

    Where several workers train, each calls this; the chief alone calibrates and writes.

    Args:
      fn_args: TFX's arguments; `custom_config` as `RunParameters.read` wants it.

    Raises:
      FloatingPointError: the loss became NaN.
      InputError: the workers' addresses make no sense, or some would have no examples.
      RuntimeError: another worker's process has failed.
      ValueError: the exported graph would not load on a CPU.
    """
    run = RunParameters.read(fn_args.custom_config, fn_args.hyperparameters)
    workers = read_workers(run.training, os.environ)
    if workers is not None and workers.index is None:
        worker_processes.start(fn_args, workers, _beside(fn_args))
        return
    try:
        # Before any data set is made: tf.data's order depends on the seed of that moment, too.
        strategy = prepare_devices(run.training, workers)
    except RuntimeError:
        if workers is None:
            raise
        # Another component has used TensorFlow in this process, which is too late for workers.
        worker_processes.start(fn_args, workers, _beside(fn_args))
        return
    transform = tft.TFTransformOutput(fn_args.transform_output)
    started: dict[str, Any] = {}
    trained = train(
        lambda: run.network(transform, fn_args.train_files, noted=started),
        lambda: run.task.objective(run.model),
        run.batches(
            fn_args.train_files, transform, run.training.seed, _share(run, fn_args, workers)
        ),
        run.batches(fn_args.eval_files, transform, None),
        run.rows(fn_args.train_files, transform),
        run.training,
        fn_args.model_run_dir,
        run.pace(transform),
        strategy=strategy,
        workers=workers,
        checkpoints=checkpoint_folder(fn_args, run, workers),
    )
    if workers is None or workers.is_chief:
        _write(run, fn_args, transform, trained, started)
    trained.finish()


def _write(
    run: RunParameters,
    fn_args: FnArgs,
    transform: tft.TFTransformOutput,
    trained: Trained,
    started: dict[str, Any],
) -> None:
    task = run.task
    calibrated = None
    if task.calibrate is not None:
        valid, learnt = (
            run.batches(files, transform, None)
            for files in (fn_args.eval_files, fn_args.train_files)
        )
        calibrated = task.calibrate(trained.model, valid, run.model, learnt)
    export(
        task,
        trained.model,
        lambda: run.network(transform, use_cudnn=False),
        transform,
        run.raw,
        run.features,
        run.model,
        run.reads,
        fn_args.serving_model_dir,
    )
    write_training(
        fn_args.model_run_dir,
        {
            "monitor": trained.monitor,
            "best": trained.best,
            "steps": trained.steps,
            "rows": trained.rows,
            "learning_rate": trained.learning_rate,
            "seconds": round(trained.seconds, 2),
            "parameters": trained.model.count_params(),
            "started": started or None,
            "calibrated": calibrated,
            "model": run.model.model_dump(),
            "training": run.training.model_dump(),
            "validated": trained.validated,
            "history": trained.history,
        },
    )


def _share(run: RunParameters, fn_args: FnArgs, workers: Workers | None) -> tuple[int, int]:
    """The share of the training examples that this process reads: of how many, which."""
    if workers is None or run.training.shard == "batches":
        return 1, 0
    count = len(workers.addresses)
    examples = count_examples(fn_args.train_files)
    if examples < count or run.training.batch_size < count:
        raise InputError(
            f"training.shard=examples: {examples} examples in batches of "
            f"{run.training.batch_size} are too few for {count} workers; expected one for each, "
            "or training.shard=batches"
        )
    return count, workers.index or 0


def checkpoint_folder(fn_args: FnArgs, run: RunParameters, workers: Workers | None) -> str:
    """Where the training's checkpoints are: the same for the same work, whichever execution.

    The name is a digest of all that the result depends on: settings, code, versions, data.
    """
    training = run.training.model_dump(exclude=set(_NO_MATTER))
    known = {
        **fn_args.custom_config,
        "model": run.model.model_dump(),
        "training": training,
        "files": [fn_args.train_files, fn_args.eval_files],
        "transform": fn_args.transform_output,
        "versions": [tf.__version__, keras.__version__],
        "share": _share(run, fn_args, workers)[0],
    }
    key = hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()[:16]
    folder = run.training.checkpoints or posixpath.join(_beside(fn_args), ".checkpoints")
    return posixpath.join(folder, key)


def _beside(fn_args: FnArgs) -> str:
    """What all executions of the Trainer share: TFX gives ``<it>/model_run/<execution>``."""
    return posixpath.dirname(posixpath.dirname(fn_args.model_run_dir.rstrip("/")))
