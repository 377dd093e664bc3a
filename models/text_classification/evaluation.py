"""How a classifier is judged: sums over rows, and the figures that follow from them."""

from collections.abc import Mapping

import numpy as np

from tidegate.models.core.task import Gate
from tidegate.models.text_classification.settings import GateSettings

# The area under the ROC curve is exact up to ties in a bin. Bins are of equal width in the inverse
# hyperbolic sine of the log odds, not in probability: a model that is sure of itself puts nearly
# all probabilities next to 0 and 1.
_BINS = 1_000
# Bins of equal width that the calibration error is found in.
_SURE = 15
_OUTERMOST = np.arcsinh(40.0)  # The float64 next to 1 has log odds of 37.


def statistics(targets: np.ndarray, predictions: np.ndarray) -> dict[str, np.ndarray]:
    """The sums of a batch; those of two parts of the data add up to those of both.

    Args:
      targets: int[batch], class ids; -1 for a label that training never saw.
      predictions: float[batch, classes], probabilities.

    Returns:
      `confusion` [classes, classes], rows by truth, columns by prediction; `positive` and
      `negative` [classes, bins], the rows of and not of each class, by its log odds; `unseen`
      [classes], the rows whose label training never saw, by prediction: all of them are wrong;
      `sure` [3, bins], by the probability of the answer: rows, probabilities and hits.
    """
    classes = predictions.shape[-1]
    seen = targets >= 0
    answers = predictions.argmax(axis=-1)
    confusion = np.zeros((classes, classes))
    np.add.at(confusion, (targets[seen], answers[seen]), 1)
    unseen = np.bincount(answers[~seen], minlength=classes).astype(float)
    odds = np.clip(predictions.astype(float), 1e-17, 1 - 1e-16)
    log_odds = np.log(odds) - np.log1p(-odds)
    place = (np.arcsinh(log_odds) / _OUTERMOST + 1) / 2
    bins = np.clip((place * _BINS).astype(int), 0, _BINS - 1)
    everyone, positive = np.zeros((2, classes, _BINS))
    np.add.at(everyone, (np.broadcast_to(np.arange(classes), bins.shape), bins), 1)
    np.add.at(positive, (targets[seen], bins[seen, targets[seen]]), 1)
    answered = predictions.max(axis=-1).astype(float)
    place = np.minimum((answered * _SURE).astype(int), _SURE - 1)
    sure = [
        np.bincount(place, weights, minlength=_SURE)
        for weights in (np.ones(len(place)), answered, (answers == targets).astype(float))
    ]
    return {
        "confusion": confusion,
        "sure": np.stack(sure),
        "positive": positive,
        "negative": everyone - positive,
        "unseen": unseen,
    }


def summarise(sums: Mapping[str, np.ndarray]) -> dict[str, float | np.ndarray]:
    """Sums to figures.

    Args:
      sums: as `statistics` gives them, added up.

    Returns:
      `accuracy`; `accuracy_uncertainty`, its standard error (two hits and two misses are added, as
      Agresti and Coull 1998 do: else ten hits of ten would be certain); `macro_f1`, the mean of
      the classes' F1 over the classes that occur in truth or prediction; `auc`, the mean over the
      classes of the area under the one-against-rest ROC curve (Hanley and McNeil 1982), NaN where
      no class has both kinds of rows; `majority`, the share of the most frequent class; `margin`,
      what accuracy gains of what the majority leaves to gain, (accuracy - majority) / (1 -
      majority), -1 at least, and 0 where nothing is left; `calibration_error`, the expected
      difference between the probability of an answer and the share of right answers among those as
      sure (Guo et al. 2017); per class `precision`,
      `recall`, `f1` and `rows` [classes]; `confusion` [classes, classes]. A precision without
      predictions and a recall without rows are 0, as in scikit-learn.
    """
    confusion, unseen = sums["confusion"], sums["unseen"]
    hits, truth = np.diag(confusion), confusion.sum(axis=1)
    answers = confusion.sum(axis=0) + unseen
    rows = max(truth.sum() + unseen.sum(), 1.0)
    precision = hits / np.maximum(answers, 1)
    recall = hits / np.maximum(truth, 1)
    f1 = 2 * hits / np.maximum(truth + answers, 1)
    occurring = (truth + answers) > 0
    accuracy, majority = hits.sum() / rows, truth.max() / rows
    return {
        "accuracy": float(accuracy),
        "accuracy_uncertainty": _standard_error(float(hits.sum()), float(rows)),
        "macro_f1": float(f1[occurring].mean()) if occurring.any() else 0.0,
        "auc": _area_under_roc(sums["positive"], sums["negative"]),
        "majority": float(majority),
        "margin": max(float((accuracy - majority) / (1 - majority)), -1.0) if majority < 1 else 0.0,
        "calibration_error": float(np.abs(sums["sure"][1] - sums["sure"][2]).sum() / rows),
        "precision": precision,
        "recall": recall,
        "f1": f1,
        "rows": truth,
        "confusion": confusion,
    }


def _standard_error(hits: float, rows: float) -> float:
    """Of a share of rows."""
    share = (hits + 2) / (rows + 4)
    return float(np.sqrt(share * (1 - share) / (rows + 4)))


def _area_under_roc(positive: np.ndarray, negative: np.ndarray) -> float:
    """Mean over the classes of P(score of a positive > score of a negative), ties half."""
    positives, negatives = positive.sum(axis=1), negative.sum(axis=1)
    both = (positives > 0) & (negatives > 0)
    if not both.any():
        return float("nan")
    below = np.cumsum(negative, axis=1) - negative
    wins = (positive * (below + 0.5 * negative)).sum(axis=1)
    return float((wins[both] / (positives[both] * negatives[both])).mean())


def gates(settings: GateSettings) -> tuple[Gate, ...]:
    """The bounds a model must hold."""
    return (
        Gate("margin", at_least=settings.margin),
        Gate("accuracy", max_loss=settings.max_loss, below_baseline=settings.baseline),
    )
