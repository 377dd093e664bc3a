"""The function that TFX's Trainer calls: train, export, and write down how it went.

Only functions here: TFX reloads this module.
"""

import json
import os

import tensorflow as tf
import tensorflow_transform as tft
from tfx.components.trainer.fn_args_utils import FnArgs

from components.run_parameters import RunParameters
from models.core.export import export
from models.core.training import prepare_devices, train

TRAINING_FILE = "training.json"


def run_fn(fn_args: FnArgs) -> None:
    """Trains the task's model on the transformed examples, calibrates it and exports it.

    Args:
      fn_args: TFX's arguments; `custom_config` as `RunParameters.read` wants it.

    Raises:
      FloatingPointError: the loss became NaN.
      ValueError: the exported graph would not load on a CPU.
    """
    run = RunParameters.read(fn_args.custom_config, fn_args.hyperparameters)
    task, training = run.task, run.training
    # Before any data set is made: tf.data's order depends on the seed of that moment, too.
    prepare_devices(training)
    transform = tft.TFTransformOutput(fn_args.transform_output)
    trained = train(
        lambda: run.network(transform, fn_args.train_files),
        lambda: task.objective(run.model),
        run.batches(fn_args.train_files, transform, training.seed),
        run.batches(fn_args.eval_files, transform, None),
        run.rows(fn_args.train_files, transform),
        training,
        fn_args.model_run_dir,
        task.most_passes,
    )
    if task.calibrate is not None:
        task.calibrate(trained.model, run.batches(fn_args.eval_files, transform, None), run.model)
    export(
        task,
        trained.model,
        lambda: run.network(transform, use_cudnn=False),
        transform,
        run.raw,
        run.features,
        fn_args.serving_model_dir,
    )
    with tf.io.gfile.GFile(os.path.join(fn_args.model_run_dir, TRAINING_FILE), "w") as file:
        file.write(
            json.dumps(
                {
                    "monitor": trained.monitor,
                    "best": trained.best,
                    "steps": trained.steps,
                    "rows": trained.rows,
                    "seconds": round(trained.seconds, 2),
                    "parameters": trained.model.count_params(),
                    "model": run.model.model_dump(),
                    "training": training.model_dump(),
                    "history": trained.history,
                },
                indent=1,
            )
        )
