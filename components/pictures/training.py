"""How a training went: its figures over the steps."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure


def training_curves(training: Mapping[str, Any]) -> Figure:
    """Loss and metrics over the steps, of training and of validation, a panel each.

    Args:
      training: as the Trainer leaves it: `monitor`, `best`, `validated`, the step of each
        validation, and `history`, by figure its values there; those of validation are called
        ``val_`` and the figure's name.
    """
    steps, history = training["validated"], training["history"]
    names = [name for name in history if not name.startswith("val_")]
    figure = Figure(figsize=(5.0 * len(names), 3.6), layout="constrained")
    axes = figure.subplots(1, len(names), squeeze=False)[0]
    for axis, name in zip(axes, names, strict=True):
        for key, label in ((name, "training"), (f"val_{name}", "validation")):
            if key in history:
                axis.plot(steps, history[key], label=label, marker=".")
        monitored = f"val_{name}" == training["monitor"]
        if monitored:
            best = int(np.argmin(np.abs(np.asarray(history[f"val_{name}"]) - training["best"])))
            axis.axvline(steps[best], color="grey", linestyle=":", label="weights kept")
        axis.set(title=name, xlabel="step")
        axis.legend()
    return figure
