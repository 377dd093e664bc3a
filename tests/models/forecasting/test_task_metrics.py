"""The Evaluator's metric over predictions that hold the truth beside the forecast."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.metrics import metric_types

from tidegate.components.evaluator import task_metrics
from tidegate.components.evaluator.task_metrics import ArrayValue
from tidegate.models.forecasting.backtest import CHANNELS
from tidegate.models.forecasting.task import TASK


def test_predictions_that_hold_the_truth_need_no_label(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    evaluation = TASK.evaluation
    assert evaluation.target is None
    # One window of two steps an example: no axis of size 1 may get lost.
    judged = np.random.default_rng(0).normal(10, 1, size=(9, 1, 2, CHANNELS))
    expected = evaluation.summarise(evaluation.statistics(None, judged))
    monkeypatch.setattr(task_metrics, "_BUFFER_NUMBERS", 50)
    config = tfma.EvalConfig(
        model_specs=[tfma.ModelSpec(prediction_key="judged")],
        metrics_specs=[
            tfma.MetricsSpec(
                metrics=[
                    tfma.MetricConfig(
                        class_name="TaskMetrics",
                        module="tidegate.components.evaluator.task_metrics",
                        config=f'{{"task": "{TASK.name}"}}',
                    )
                ]
            )
        ],
        slicing_specs=[tfma.SlicingSpec()],
    )
    (computation,) = task_metrics._computations(TASK.name, eval_config=config)
    combine = computation.combiner
    total = combine.create_accumulator()
    for one in judged:
        element = metric_types.StandardMetricInputs(
            label=None, prediction={"judged": one}, example_weight=None
        )
        total = combine.add_input(total, element)
    assert len(total.predictions) < 9  # some are sums already
    for key, value in combine.extract_output(total).items():
        array = value.array if isinstance(value, ArrayValue) else value
        np.testing.assert_allclose(array, expected[key.name], err_msg=key.name)
