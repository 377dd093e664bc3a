"""The function that TFX's Trainer calls: train, export, and write down how it went.

Only functions here: TFX reloads this module.
"""

import json
import os
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft
from tfx.components.trainer.fn_args_utils import FnArgs

from components.run_parameters import RunParameters
from models.core.examples import count_examples, read_examples
from models.core.export import export
from models.core.training import prepare_devices, train
from models.core.transform import TransformFacts

TRAINING_FILE = "training.json"


def run_fn(fn_args: FnArgs) -> None:
    """Trains the task's model on the transformed examples and exports it.

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
    facts = TransformFacts(transform)

    def build(use_cudnn: Any = "auto") -> Any:
        return task.build_model(run.model, run.features, facts, use_cudnn=use_cudnn)

    def batches(files: list[str], seed: int | None) -> tf.data.Dataset:
        examples = read_examples(files, transform)
        return task.batches(examples, run.features, run.model, training.batch_size, seed)

    def start() -> Any:
        network = build()
        if task.warm_start is not None:
            examples = read_examples(fn_args.train_files, transform)
            task.warm_start(network, examples, run.model, training.seed)
        return network

    trained = train(
        start,
        lambda: task.objective(run.model),
        batches(fn_args.train_files, training.seed),
        batches(fn_args.eval_files, None),
        count_examples(fn_args.train_files),
        training,
        fn_args.model_run_dir,
    )
    export(
        task,
        trained.model,
        lambda: build(use_cudnn=False),
        transform,
        frozenset(fn_args.custom_config["labels"]),
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
