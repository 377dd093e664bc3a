"""The trials of a search for settings, each trained by the project's own loop."""

from collections.abc import Callable
from typing import Any

import keras_tuner

from tidegate.models.train.training import Trained


class Trials(keras_tuner.RandomSearch):
    """A random search whose trials are trained by a function in place of Keras's `fit`.

    Args:
      declare: names all hyperparameters to KerasTuner.
      train: (hyperparameters, name of the trial) to what training leaves.
      **others: KerasTuner's own arguments.
    """

    def __init__(
        self,
        declare: Callable[[Any], Any],
        train: Callable[[Any, str], Trained],
        **others: Any,
    ) -> None:
        self._train = train
        super().__init__(hypermodel=declare, **others)

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Trains a trial's model.

        Returns:
          The monitored figure at the best weights.
        """
        trained = self._train(trial.hyperparameters, trial.trial_id)
        return {trained.monitor: trained.best}
