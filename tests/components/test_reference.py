"""The gate against a simple model: its bound, and what TFMA is told."""

from __future__ import annotations

from typing import Any

import pytest
import tensorflow_model_analysis as tfma
from google.protobuf import json_format

from tidegate.components.baseline.reference import (
    Reference,
    best_reference,
    chosen,
    times_references,
)
from tidegate.components.evaluator.component import with_bounds
from tidegate.models.core.task import load_task
from tidegate.pipeline.config import make_config
from tidegate.pipeline.evaluation_config import evaluation_config

TASK = "text_classification"


def judged(accuracy: float) -> dict[str, Any]:
    return {"accuracy": accuracy, "accuracy_uncertainty": 0.03, "whole": True}


def forecasts(mase: float, relative: float, whole: bool = True) -> dict[str, Any]:
    return {
        "mase": mase,
        "relative_mase": relative,
        "relative_mase_uncertainty": 0.1,
        "relative_mae": 2 * relative,
        "whole": whole,
    }


SERIES = {
    "title": "seasonal naive",
    "metrics": {"valid": forecasts(1.2, 1), "eval": forecasts(1.5, 1)},
    "rivals": {
        "valid": {
            "repeat-last": forecasts(1.1, 0.9),
            "ETS": forecasts(0.6, 0.5),
            "ARIMA": forecasts(0.5, 0.4, whole=False),
        },
        "eval": {
            "repeat-last": forecasts(0.3, 0.2),
            "ETS": forecasts(1.2, 0.8),
            "ARIMA": forecasts(0.5, 0.4, whole=False),
        },
    },
}


WRITTEN = {
    "title": "words",
    "metrics": {"eval": judged(0.8), "test": judged(0.95)},
    "rivals": {"eval": {"characters": judged(0.9)}, "test": {"characters": judged(0.7)}},
}


def test_the_better_simple_model_decides_with_the_rows_uncertainty() -> None:
    found = best_reference(WRITTEN, "eval", "accuracy")
    assert found is not None
    assert (found.title, found.value) == ("characters", 0.9)
    assert found.bound(0.01) == pytest.approx(0.9 - 0.01 - 0.03)
    assert str(found) == "characters has 0.9000, which these rows leave uncertain by 0.0300"
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
    parsed = json_format.Parse(with_bounds(config, WRITTEN, below, {}), tfma.EvalConfig())
    (metrics,) = parsed.metrics_specs
    (accuracy,) = metrics.per_slice_thresholds["accuracy"].thresholds
    assert accuracy.threshold.value_threshold.lower_bound.value == pytest.approx(0.865)
    assert accuracy.threshold.change_threshold.absolute.value == pytest.approx(-0.01)
    (margin,) = metrics.per_slice_thresholds["margin"].thresholds
    assert margin.threshold.value_threshold.lower_bound.value == pytest.approx(0.05)
    unchanged = with_bounds(config, {"title": "words", "metrics": {}}, below, {})
    assert json_format.Parse(unchanged, tfma.EvalConfig()) == json_format.Parse(
        config, tfma.EvalConfig()
    )


def test_the_reference_is_what_was_best_on_valid_and_judged_the_whole() -> None:
    assert chosen(SERIES, "mase") == ("ETS", "ARIMA")
    nothing = {**SERIES, "metrics": {"eval": {}}, "rivals": {}}
    assert chosen(nothing, "mase") == ("seasonal naive", None)
    written = {**SERIES, "reference": "ETS", "part": "ARIMA"}
    assert dict(times_references(written, "relative_mase")) == {
        True: Reference("ETS", 0.8, 0.1, False),
        False: Reference("ARIMA", 0.4, 0.1, False),
    }
    assert [str(one) for _, one in times_references(written, "relative_mae")] == [
        "ETS has 1.6000",
        "ARIMA has 0.8000",
    ]
    assert not list(times_references({**written, "rivals": {}}, "relative_mase"))


def test_bounds_beside_simple_methods_are_multiples_of_the_references_figures() -> None:
    made = make_config(
        load_task("forecasting"), {"gates": {"relative_mase": 1.05, "relative_wql": 1.1}}
    )
    config = json_format.MessageToJson(evaluation_config(made))
    times = {
        gate.metric: gate.times_baseline
        for gate in load_task("forecasting").evaluation.gates(made.gates)
        if gate.times_baseline is not None
    }
    assert times == {"relative_mase": "relative_mase", "relative_wql": "relative_mae"}
    for reference, bounds in (("ETS", (0.94, 1.76)), ("seasonal naive", (1.15, 2.2))):
        written = {**SERIES, "reference": reference, "part": "ARIMA"}
        parsed = json_format.Parse(with_bounds(config, written, {}, times), tfma.EvalConfig())
        (metrics,) = parsed.metrics_specs
        for metric, bound in zip(times, bounds, strict=True):
            (one,) = metrics.per_slice_thresholds[metric].thresholds
            assert one.threshold.value_threshold.upper_bound.value == pytest.approx(bound)
            # On its own part, what has judged a part alone.
            (one,) = metrics.per_slice_thresholds[f"{metric} beside ARIMA"].thresholds
            bound = {"relative_mase": 0.52, "relative_wql": 0.88}[metric]
            assert one.threshold.value_threshold.upper_bound.value == pytest.approx(bound)
            assert list(one.slicing_specs) == [tfma.SlicingSpec()]
