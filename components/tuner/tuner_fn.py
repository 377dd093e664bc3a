"""The function that TFX's Tuner calls: KerasTuner over the ranges that the settings state.

Only functions here: TFX reloads this module.
"""

import os
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import keras_tuner
import tensorflow_transform as tft
from tfx.components.trainer.fn_args_utils import FnArgs
from tfx.components.tuner.component import TunerFnResult

from tidegate.components.trainer.run_parameters import RunParameters
from tidegate.models.core.progress import reporter
from tidegate.models.core.settings import Choice, Settings
from tidegate.models.train.training import prepare_devices, train


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


def trial_steps(given: int | None, whole: int) -> int:
    """The steps of a trial: as given, else a third of those that a training takes."""
    return given or max(1, round(whole / 3))


def _shown(hyperparameters: Any) -> list[tuple[str, Any]]:
    """What a trial tries, by name, numbers short."""
    return [
        (key, f"{value:.3g}" if isinstance(value, float) else value)
        for key, value in sorted(hyperparameters.values.items())
    ]


def table(trials: Iterable[Any], monitor: str, mode: str) -> list[str]:
    """All trials as lines of a table, the best first, of what differs between them.

    Args:
      trials: KerasTuner's, each with `hyperparameters` and `score`; those without one failed.
      monitor: the name of the score.
      mode: ``max`` where more is better, ``min`` where less is.
    """
    rows = [(number, one) for number, one in enumerate(trials, 1) if one.score is not None]
    rows.sort(key=lambda row: row[1].score, reverse=mode == "max")
    shown = [dict(_shown(one.hyperparameters)) for _, one in rows]
    names = [key for key in (shown[0] if shown else ()) if len({one.get(key) for one in shown}) > 1]
    lines = [["trial", monitor, *names]]
    for (number, one), values in zip(rows, shown, strict=True):
        lines.append([str(number), f"{one.score:.4f}", *(str(values[name]) for name in names)])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return [
        "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True))
        for line in lines
    ]


def tuner_fn(fn_args: FnArgs) -> TunerFnResult:
    """A random search (Bergstra and Bengio 2012) over model and training settings.

    Args:
      fn_args: TFX's arguments; `custom_config` as `RunParameters.read` wants it, with `trials`
        and `steps` under `tuner`.
    """
    run = RunParameters.read(fn_args.custom_config)
    tuning = fn_args.custom_config["tuner"]
    goal = run.task.objective(run.model)
    strategy = prepare_devices(run.training)
    transform = tft.TFTransformOutput(fn_args.transform_graph_path)
    rows = run.rows(fn_args.train_files, transform)
    # Trials are many and short: this process trains them alone, and begins anew where it ended.
    pace = run.pace(transform)
    steps = trial_steps(tuning["steps"], run.training.steps_over(rows, pace))
    rate = run.training.learning_rate or pace.learning_rate
    training = run.training.model_copy(
        update={
            **{"epochs": None, "steps": steps, "learning_rate": rate},
            **{"workers": [], "checkpoint_seconds": 0},
        }
    )

    def settings(hyperparameters: Any) -> tuple[Any, Any]:
        model = run.model.model_copy(update=sample("model", run.model, hyperparameters))
        rates = training.model_copy(update=sample("training", training, hyperparameters))
        return model, rates

    class Trials(keras_tuner.RandomSearch):
        """Its trials are trained by the project's own loop, in place of Keras's `fit`."""

        def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> dict[str, float]:
            model, rates = settings(trial.hyperparameters)
            number = f"trial {len(self.oracle.trials)} of {tuning['trials']}"
            tries = ", ".join(f"{key}={value}" for key, value in _shown(trial.hyperparameters))
            reporter().line(f"{number}, {steps} steps: {tries}")
            tried = replace(run, model=model, training=rates)
            trained = train(
                lambda: tried.network(transform, fn_args.train_files),
                lambda: tried.task.objective(model),
                tried.batches(fn_args.train_files, transform, training.seed),
                tried.batches(fn_args.eval_files, transform, None),
                rows,
                rates,
                os.path.join(fn_args.working_dir, "logs", trial.trial_id),
                strategy=strategy,
            )
            before = [one.score for one in self.oracle.trials.values() if one.score is not None]
            best = (max if goal.mode == "max" else min)([trained.best, *before])
            which = "the best so far" if trained.best == best else f"the best has {best:.4f}"
            reporter().line(f"{number}: {trained.monitor} {trained.best:.4f}, {which}")
            return {trained.monitor: trained.best}

        def search(self, *args: Any, **kwargs: Any) -> None:
            super().search(*args, **kwargs)
            for line in table(self.oracle.trials.values(), goal.monitor, goal.mode):
                reporter().line(line)

    tuner = Trials(
        hypermodel=settings,  # Names all hyperparameters to KerasTuner.
        objective=keras_tuner.Objective(goal.monitor, goal.mode),
        max_trials=tuning["trials"],
        seed=training.seed,
        directory=fn_args.working_dir,
        project_name="tuner",
    )
    return TunerFnResult(tuner=tuner, fit_kwargs={})
