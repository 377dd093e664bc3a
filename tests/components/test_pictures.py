"""The curves of a training."""

from __future__ import annotations

import pytest

from components.pictures.training import training_curves


def test_a_panel_for_each_figure_with_its_validation() -> None:
    training = {
        "validated": [100, 200, 250],
        "monitor": "val_accuracy",
        "best": 0.8,
        "history": {
            "loss": [3.0, 2.0, 1.0],
            "accuracy": [0.5, 0.7, 0.9],
            "val_loss": [2.5, 2.0, 2.2],
            "val_accuracy": [0.6, 0.8, 0.7],
        },
    }
    loss, accuracy = training_curves(training).axes
    assert (loss.get_title(), accuracy.get_title()) == ("loss", "accuracy")
    own, validation = loss.get_lines()
    assert own.get_xdata().tolist() == [100, 200, 250]
    assert own.get_ydata().tolist() == [3.0, 2.0, 1.0]
    assert validation.get_ydata().tolist() == [2.5, 2.0, 2.2]
    # The weights that were kept are those of the second validation.
    assert accuracy.get_lines()[2].get_xdata() == pytest.approx([200, 200])
