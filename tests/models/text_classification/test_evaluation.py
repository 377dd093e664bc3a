"""A classifier's figures against scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn import metrics

from tidegate.models.text_classification.evaluation import gates, statistics, summarise
from tidegate.models.text_classification.settings import GateSettings


def made_up(seed: int, rows: int, classes: int, sharpness: float = 1.0) -> tuple[Any, Any]:
    """Targets, and probabilities that lean towards them."""
    random = np.random.default_rng(seed)
    shares = random.dirichlet(np.full(classes, 2.0))
    targets = random.choice(classes, rows, p=shares)
    logits = random.normal(size=(rows, classes)) + np.eye(classes)[targets]
    exponents = np.exp(sharpness * logits)
    return targets, exponents / exponents.sum(axis=1, keepdims=True)


def figures(targets: Any, predictions: Any) -> dict[str, Any]:
    return summarise(statistics(np.asarray(targets), np.asarray(predictions, float)))


@pytest.mark.parametrize("seed,rows,classes", [(0, 400, 3), (1, 900, 2), (2, 300, 12), (3, 20, 7)])
def test_like_scikit_learn(seed: int, rows: int, classes: int) -> None:
    targets, predictions = made_up(seed, rows, classes)
    answers = predictions.argmax(axis=1)
    found = figures(targets, predictions)
    labels = list(range(classes))
    precision, recall, f1, count = metrics.precision_recall_fscore_support(
        targets, answers, labels=labels, zero_division=0
    )
    np.testing.assert_allclose(found["precision"], precision)
    np.testing.assert_allclose(found["recall"], recall)
    np.testing.assert_allclose(found["f1"], f1)
    np.testing.assert_array_equal(found["rows"], count)
    np.testing.assert_array_equal(
        found["confusion"], metrics.confusion_matrix(targets, answers, labels=labels)
    )
    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(targets, answers))
    # Like scikit-learn, over the classes that occur in truth or prediction.
    assert found["macro_f1"] == pytest.approx(
        metrics.f1_score(targets, answers, average="macro", zero_division=0)
    )
    assert found["majority"] == pytest.approx(np.bincount(targets).max() / rows)
    gained, left = found["accuracy"] - found["majority"], 1 - found["majority"]
    assert found["margin"] == pytest.approx(max(gained / left, -1))
    # The mean over bins of equal width, by the share of the rows in each.
    sure = predictions.max(axis=1)
    place = np.minimum((sure * 15).astype(int), 14)
    gaps = [
        abs(sure[place == one].mean() - (answers == targets)[place == one].mean())
        * np.mean(place == one)
        for one in np.unique(place)
    ]
    assert found["calibration_error"] == pytest.approx(sum(gaps))


def mean_area(targets: np.ndarray, predictions: np.ndarray) -> float:
    """scikit-learn's ROC AUC, each class against the rest, over the classes that have both."""
    areas = [
        metrics.roc_auc_score(targets == one, predictions[:, one])
        for one in range(predictions.shape[1])
        if 0 < np.sum(targets == one) < len(targets)
    ]
    return float(np.mean(areas))


# From timid to very sure of itself: there, nearly all probabilities are close to 0 or 1.
@pytest.mark.parametrize("sharpness", [0.2, 1.0, 4.0, 12.0])
@pytest.mark.parametrize("classes", [2, 5, 20])
def test_area_under_the_curve(sharpness: float, classes: int) -> None:
    targets, predictions = made_up(4, 3000, classes, sharpness)
    found = figures(targets, predictions)["auc"]
    assert found == pytest.approx(mean_area(targets, predictions), abs=2e-3)
    if classes == 5:
        both = metrics.roc_auc_score(targets, predictions, multi_class="ovr", average="macro")
        assert found == pytest.approx(both, abs=2e-3)


def test_area_of_a_perfect_a_wrong_and_a_constant_ranking() -> None:
    targets = np.array([0, 0, 1, 1])
    right = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.1, 0.9]])
    assert figures(targets, right)["auc"] == 1.0
    assert figures(targets, right[::-1])["auc"] == 0.0
    assert figures(targets, np.full((4, 2), 0.5))["auc"] == 0.5


@pytest.mark.parametrize("cut", [0, 1, 150, 299, 300])
def test_parts_add_up(cut: int) -> None:
    targets, predictions = made_up(5, 300, 4)
    targets[::17] = -1
    whole = statistics(targets, predictions)
    head = statistics(targets[:cut], predictions[:cut])
    tail = statistics(targets[cut:], predictions[cut:])
    assert set(head) == set(whole)
    for name in whole:
        assert head[name].shape == whole[name].shape
        np.testing.assert_allclose(head[name] + tail[name], whole[name])


def test_a_label_never_seen_counts_as_wrong() -> None:
    targets = np.array([0, 0, 1, -1, -1])
    predictions = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.7, 0.3], [0.9, 0.1]])
    found = figures(targets, predictions)
    assert found["accuracy"] == pytest.approx(3 / 5)
    # Four rows were answered with class 0, two of them rightly: as scikit-learn has it.
    expected = metrics.precision_recall_fscore_support(
        targets, predictions.argmax(axis=1), labels=[0, 1], zero_division=0
    )
    np.testing.assert_allclose(found["precision"], expected[0])
    np.testing.assert_allclose(found["precision"], [0.5, 1.0])
    np.testing.assert_allclose(found["recall"], expected[1])
    np.testing.assert_allclose(found["f1"], expected[2])
    assert found["majority"] == pytest.approx(2 / 5)
    assert found["auc"] == pytest.approx(mean_area(targets, predictions), abs=1e-9)


def test_only_labels_never_seen() -> None:
    found = figures([-1, -1], [[0.9, 0.1], [0.2, 0.8]])
    assert (found["accuracy"], found["macro_f1"], found["majority"]) == (0.0, 0.0, 0.0)
    assert np.isnan(found["auc"])


def test_one_class_has_no_area() -> None:
    found = figures([0, 0, 0], [[0.9, 0.1], [0.6, 0.4], [0.4, 0.6]])
    assert np.isnan(found["auc"])
    assert found["accuracy"] == pytest.approx(2 / 3)
    assert found["accuracy_uncertainty"] == pytest.approx((4 / 7 * 3 / 7 / 7) ** 0.5)
    assert found["margin"] == 0.0  # nothing is left to gain
    np.testing.assert_allclose(found["recall"], [2 / 3, 0.0])
    single = figures([0, 0], [[1.0], [1.0]])
    assert single["accuracy_uncertainty"] == pytest.approx((4 / 6 * 2 / 6 / 6) ** 0.5)  # not 0
    assert (single["accuracy"], single["macro_f1"], single["margin"]) == (1.0, 1.0, 0.0)


def test_the_margin_is_within_reach_of_a_perfect_model_of_rare_classes() -> None:
    targets = np.repeat([0, 1], [98, 2])
    assert figures(targets, np.eye(2)[targets])["margin"] == pytest.approx(1.0)
    blind, wrong = np.eye(2)[np.zeros(100, int)], np.eye(2)[1 - targets]
    assert (figures(targets, blind)["margin"], figures(targets, wrong)["margin"]) == (0.0, -1.0)


def test_no_rows() -> None:
    found = figures(np.zeros(0, int), np.zeros((0, 3)))
    assert (found["accuracy"], found["macro_f1"], found["majority"]) == (0.0, 0.0, 0.0)
    assert np.isnan(found["auc"])


def test_gates_are_the_settings_bounds() -> None:
    margin, accuracy = gates(GateSettings(margin=0.2, max_loss=0.03, baseline=0.01))
    assert (margin.below_baseline, accuracy.below_baseline) == (None, 0.01)
    assert (margin.metric, margin.at_least, margin.max_loss) == ("margin", 0.2, None)
    assert (accuracy.metric, accuracy.at_least, accuracy.max_loss) == ("accuracy", None, 0.03)
    assert margin.higher_is_better and accuracy.higher_is_better
