"""The gate against a simple model: its bound, and what TFMA is told."""

from __future__ import annotations

import math
from typing import Any

import pytest
import tensorflow_model_analysis as tfma
from google.protobuf import json_format

from tidegate.components.baseline.reference import best_reference
from tidegate.components.evaluator.component import with_bounds
from tidegate.models.core.task import load_task
from tidegate.pipeline.config import make_config
from tidegate.pipeline.evaluation_config import evaluation_config

TASK = "text_classification"


def judged(accuracy: float) -> dict[str, Any]:
    return {"accuracy": accuracy, "arrays": {"rows": [60, 40]}}


WRITTEN = {
    "title": "words",
    "metrics": {"eval": judged(0.8), "test": judged(0.95)},
    "rivals": {"eval": {"characters": judged(0.9)}, "test": {"characters": judged(0.7)}},
}


def test_the_better_simple_model_decides_with_the_rows_uncertainty() -> None:
    found = best_reference(WRITTEN, "eval", "accuracy")
    assert found is not None
    assert (found.title, found.value) == ("characters", 0.9)
    assert found.error == pytest.approx(math.sqrt(0.9 * 0.1 / 100))
    assert found.bound(0.01) == pytest.approx(0.9 - 0.01 - 0.03)
    test = best_reference(WRITTEN, "test", "accuracy")
    assert test is not None and test.title == "words"
    assert best_reference(WRITTEN, "valid", "accuracy") is None


def test_tfma_is_given_the_bound_beside_the_other_gates() -> None:
    config = json_format.MessageToJson(evaluation_config(make_config(load_task(TASK), {})))
    below = {
        gate.metric: gate.below_baseline
        for gate in load_task(TASK).evaluation.gates(load_task(TASK).gates())
        if gate.below_baseline is not None
    }
    assert below == {"accuracy": 0.005}
    parsed = json_format.Parse(with_bounds(config, WRITTEN, below), tfma.EvalConfig())
    (metrics,) = parsed.metrics_specs
    (accuracy,) = metrics.per_slice_thresholds["accuracy"].thresholds
    assert accuracy.threshold.value_threshold.lower_bound.value == pytest.approx(0.865)
    assert accuracy.threshold.change_threshold.absolute.value == pytest.approx(-0.01)
    (margin,) = metrics.per_slice_thresholds["margin"].thresholds
    assert margin.threshold.value_threshold.lower_bound.value == pytest.approx(0.05)
    unchanged = with_bounds(config, {"title": "words", "metrics": {}}, below)
    assert json_format.Parse(unchanged, tfma.EvalConfig()) == json_format.Parse(
        config, tfma.EvalConfig()
    )
