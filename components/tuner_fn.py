"""The function that TFX's Tuner calls: KerasTuner over the ranges that the settings state.

Only functions here: TFX reloads this module.
"""

from typing import Any

import keras
import keras_tuner
import tensorflow_transform as tft
from tfx.components.trainer.fn_args_utils import FnArgs
from tfx.components.tuner.component import TunerFnResult

from components.run_parameters import RunParameters
from models.core.settings import Choice, Settings
from models.core.training import compile_model, prepare_devices


def sample(section: str, settings: Settings, hyperparameters: Any) -> dict[str, Any]:
    """A trial's values for the fields of `settings` that have a range.

    Args:
      section: the section's name; a hyperparameter is called ``section.field``.
      settings: where the search starts from.
      hyperparameters: KerasTuner's `HyperParameters`.

    Returns:
      Field to value.
    """
    values = {}
    for name, mark in settings.tunable().items():
        key, default = f"{section}.{name}", getattr(settings, name)
        if isinstance(mark, Choice):
            known = default if default in mark.values else mark.values[0]
            values[name] = hyperparameters.Choice(key, list(mark.values), default=known)
            continue
        step = None if mark.log else mark.step
        start = default if default is not None and mark.low <= default <= mark.high else mark.low
        if type(start) is int:
            values[name] = hyperparameters.Int(
                key, int(mark.low), int(mark.high), step=int(step or 1), default=start
            )
        else:
            # A little more than the end: KerasTuner counts the steps by flooring.
            high = mark.high + (step or 0) * 1e-9
            sampling = "log" if mark.log else "linear"
            values[name] = hyperparameters.Float(
                key, mark.low, high, step=step, sampling=sampling, default=start
            )
    return values


def tuner_fn(fn_args: FnArgs) -> TunerFnResult:
    """A random search (Bergstra and Bengio 2012) over model and training settings.

    Args:
      fn_args: TFX's arguments; `custom_config` as `RunParameters.read` wants it, with `trials`
        and `epochs` under `tuner`.
    """
    run = RunParameters.read(fn_args.custom_config)
    task, training = run.task, run.training
    tuning = fn_args.custom_config["tuner"]
    transform = tft.TFTransformOutput(fn_args.transform_graph_path)
    per_epoch = max(1, run.rows(fn_args.train_files, transform) // training.batch_size)
    goal = task.objective(run.model)
    strategy = prepare_devices(training)

    def build(hyperparameters: Any) -> keras.Model:
        keras.utils.set_random_seed(training.seed)
        model = run.model.model_copy(update=sample("model", run.model, hyperparameters))
        rates = training.model_copy(update=sample("training", training, hyperparameters))
        network = run.network(transform, fn_args.train_files, model)
        compile_model(network, task.objective(model), rates, per_epoch * tuning["epochs"])
        return network

    tuner = keras_tuner.RandomSearch(
        build,
        objective=keras_tuner.Objective(goal.monitor, goal.mode),
        max_trials=tuning["trials"],
        seed=training.seed,
        distribution_strategy=strategy if strategy.num_replicas_in_sync > 1 else None,
        directory=fn_args.working_dir,
        project_name="tuner",
    )
    return TunerFnResult(
        tuner=tuner,
        fit_kwargs={
            "x": run.batches(fn_args.train_files, transform, training.seed),
            "validation_data": run.batches(fn_args.eval_files, transform, None),
            "steps_per_epoch": per_epoch,
            "epochs": tuning["epochs"],
            "verbose": 0,
        },
    )
