"""TFMA's figures of a task are scikit-learn's, overall, by slice, and for two models."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tensorflow_model_analysis as tfma
from google.protobuf import json_format
from sklearn import metrics as sklearn
from tensorflow_model_analysis.metrics import metric_types
from tensorflow_model_analysis.proto import metrics_for_slice_pb2

from tidegate.components.evaluator import task_metrics
from tidegate.components.evaluator.component import with_parts
from tidegate.components.evaluator.task_metrics import ArrayValue, read_array
from tidegate.models.core.part import Part
from tidegate.models.core.task import load_task
from tidegate.models.forecasting.backtest import CHANNELS
from tidegate.pipeline.config import make_config
from tidegate.pipeline.evaluation_config import evaluation_config

TASK = "text_classification"
CLASSES = 3
ROWS = 101


def predictions(random: np.random.Generator, targets: np.ndarray, skill: float) -> np.ndarray:
    """Probabilities that sum to about one, in steps so wide that no bin holds two of them."""
    logits = random.normal(size=(ROWS, CLASSES))
    logits[np.arange(ROWS), targets] += skill
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return (np.minimum(np.floor(shares * 20), 19) + 0.5) / 20


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    random = np.random.default_rng(7)
    targets = random.choice(CLASSES, size=ROWS, p=[0.6, 0.3, 0.1])
    return pd.DataFrame(
        {
            "target": targets,
            "new": list(predictions(random, targets, 1.5)),
            "old": list(predictions(random, targets, 0.5)),
            "length": random.choice(["short", "long"], size=ROWS),
        }
    )


@pytest.fixture(scope="module")
def folder(frame: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real TFMA run that compares two columns of predictions."""
    path = tmp_path_factory.mktemp("evaluation")
    config = tfma.EvalConfig(
        model_specs=[
            tfma.ModelSpec(name="candidate", prediction_key="new", label_key="target"),
            tfma.ModelSpec(
                name="baseline", prediction_key="old", label_key="target", is_baseline=True
            ),
        ],
        metrics_specs=[
            tfma.MetricsSpec(
                metrics=[
                    tfma.MetricConfig(
                        class_name="TaskMetrics",
                        module="tidegate.components.evaluator.task_metrics",
                        config=f'{{"task": "{TASK}"}}',
                    )
                ],
                model_names=["candidate", "baseline"],
            )
        ],
        slicing_specs=[tfma.SlicingSpec(), tfma.SlicingSpec(feature_keys=["length"])],
    )
    patch = pytest.MonkeyPatch()
    patch.setattr(task_metrics, "_BUFFER", 7)  # Sums and rows not yet summed are both merged.
    try:
        tfma.analyze_raw_data(frame, config, output_path=str(path))
    finally:
        patch.undo()
    return path


def figures(folder: Path, model: str, length: str | None = None, diff: bool = False) -> Any:
    for found in tfma.load_metrics(str(folder)):
        keys = [key.bytes_value.decode() for key in found.slice_key.single_slice_keys]
        if keys == ([length] if length else []):
            return {
                pair.key.name: read_array(pair.value)
                for pair in found.metric_keys_and_values
                if pair.key.model_name == model and pair.key.is_diff == diff
            }
    raise AssertionError(f"no slice {length}")


@pytest.mark.parametrize("length", [None, "short", "long"])
@pytest.mark.parametrize(("model", "column"), [("candidate", "new"), ("baseline", "old")])
def test_the_figures_are_those_of_scikit_learn(
    frame: pd.DataFrame, folder: Path, model: str, column: str, length: str | None
) -> None:
    part = frame if length is None else frame[frame["length"] == length]
    truth, scores = part["target"].to_numpy(), np.stack(part[column].to_list())
    answers = scores.argmax(axis=1)
    found = figures(folder, model, length)
    names = list(range(CLASSES))
    assert found["accuracy"] == pytest.approx(sklearn.accuracy_score(truth, answers))
    assert found["macro_f1"] == pytest.approx(sklearn.f1_score(truth, answers, average="macro"))
    aucs = [sklearn.roc_auc_score(truth == name, scores[:, name]) for name in names]
    assert found["auc"] == pytest.approx(np.mean(aucs))
    np.testing.assert_array_equal(
        found["confusion"], sklearn.confusion_matrix(truth, answers, labels=names)
    )
    precision, recall, f1, rows = sklearn.precision_recall_fscore_support(
        truth, answers, labels=names, zero_division=0
    )
    for name, expected in (
        ("precision", precision),
        ("recall", recall),
        ("f1", f1),
        ("rows", rows),
    ):
        np.testing.assert_allclose(found[name], expected, err_msg=name)


def test_the_difference_of_two_models_is_that_of_their_figures(folder: Path) -> None:
    new, old = figures(folder, "candidate"), figures(folder, "baseline")
    difference = figures(folder, "candidate", diff=True)
    assert new["accuracy"] > old["accuracy"] + 0.1
    assert sorted(difference) == sorted(new)
    for name, value in difference.items():
        np.testing.assert_allclose(value, new[name] - old[name], atol=1e-12, err_msg=name)


def test_sums_do_not_depend_on_how_the_rows_are_parted(
    frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task_metrics, "_BUFFER", 7)
    evaluation = load_task(TASK).evaluation
    targets, scores = frame["target"].to_numpy(), np.stack(frame["new"].to_list())
    expected = evaluation.summarise(evaluation.statistics(targets, scores))
    (computation,) = task_metrics._computations(TASK)
    combine = computation.combiner
    parts = [combine.create_accumulator() for _ in range(4)]
    for number, (target, prediction) in enumerate(zip(targets, scores, strict=True)):
        element = metric_types.StandardMetricInputs(
            label=np.array([target]), prediction=prediction[np.newaxis], example_weight=None
        )
        # 26, 25, 25 and 25 rows: each part has sums, and rows that are not summed yet.
        parts[number % 4] = combine.add_input(parts[number % 4], element)
    found = combine.extract_output(
        combine.merge_accumulators([combine.merge_accumulators(parts[:2]), *parts[2:]])
    )
    assert {key.name for key in found} == {*evaluation.scalars, *evaluation.arrays}
    for key, value in found.items():
        array = value.array if isinstance(value, ArrayValue) else value
        np.testing.assert_allclose(array, expected[key.name], err_msg=key.name)


def test_a_part_is_judged_beside_the_whole() -> None:
    """Other windows of each series, and series without any."""
    task = load_task("forecasting")
    random = np.random.default_rng(0)
    judged = {f"s{number}": random.normal(1, 0.1, (4, 2, CHANNELS)) for number in range(9)}
    places = {"s1": [0, 2], "s4": [3], "s5": [0, 1, 2]}
    part = asdict(Part("6 of 36 windows", "unique_id", places))
    written = {"rivals": {"eval": {"ETS": {"part": part}, "last": {}}, "test": {"ETS": {}}}}
    config = json_format.MessageToJson(evaluation_config(make_config(task, {})))
    plain = json_format.Parse(config, tfma.EvalConfig())
    assert json_format.Parse(with_parts(config, written, "test"), tfma.EvalConfig()) == plain
    made = json_format.Parse(with_parts(config, written, "eval"), tfma.EvalConfig())
    *kept, added = made.metrics_specs[0].metrics
    assert kept == list(plain.metrics_specs[0].metrics)
    (computation,) = task_metrics._computations(**json.loads(added.config))
    combine = computation.combiner

    def figures_of(names: list[str]) -> dict[str, Any]:
        parts = [combine.create_accumulator() for _ in range(2)]
        for number, name in enumerate(names):
            extracts = {
                "labels": None,
                "predictions": judged[name],
                "features": {"unique_id": np.array([name.encode()], object)},
            }
            element = metric_types.StandardMetricInputs(extracts)
            parts[number % 2] = combine.add_input(parts[number % 2], element)
        found = combine.extract_output(combine.merge_accumulators(parts))
        return {key.name: value for key, value in found.items()}

    taken = np.stack([judged[name][place] for name, some in places.items() for place in some])
    expected = task.evaluation.summarise(task.evaluation.statistics(None, taken))
    assert figures_of(list(judged)) == {
        f"{name} beside ETS": pytest.approx(expected[name], nan_ok=True)
        for name in task.evaluation.scalars
    }
    assert figures_of(["s0", "s8"]) == {}  # as in a slice without one of them


@pytest.mark.parametrize("shape", [(3,), (0,), (2, 3), (2, 0), (2, 3, 4)])
def test_an_array_survives_its_message(shape: tuple[int, ...]) -> None:
    array = np.random.default_rng(0).normal(size=shape)
    stored = ArrayValue(array).to_proto().SerializeToString()
    read = read_array(metrics_for_slice_pb2.MetricValue.FromString(stored))
    assert isinstance(read, np.ndarray) and read.shape == shape
    np.testing.assert_array_equal(read, array)


def test_arrays_subtract_element_by_element_and_from_a_number() -> None:
    two, one = ArrayValue(np.full((2, 2), 2.0)), ArrayValue(np.ones((2, 2)))
    np.testing.assert_array_equal((two - one).array, np.ones((2, 2)))
    np.testing.assert_array_equal((two - 0.5).array, np.full((2, 2), 1.5))


def test_the_difference_of_arrays_of_other_shapes_is_unknown() -> None:
    difference = (ArrayValue(np.ones((2, 2))) - ArrayValue(np.ones((3, 3)))).array
    assert difference.shape == (2, 2) and np.isnan(difference).all()


def test_another_kind_of_value_is_refused() -> None:
    value = metrics_for_slice_pb2.MetricValue()
    value.confusion_matrix_at_thresholds.SetInParent()
    with pytest.raises(ValueError, match="confusion_matrix_at_thresholds"):
        read_array(value)
