"""Multinomial logistic regression over sparse rows, and how sure its answers may be."""

import numpy as np
import scipy.sparse
from scipy.optimize import minimize_scalar

# Of the past that the quasi-Newton method keeps.
_MEMORY = 6
# A training ends when a step gains less than this share of the loss.
_GAIN = 2e-5
# Logarithms of the least and the largest factor that makes answers as sure as they may be.
_FACTORS = (-3.0, 3.0)


def fit(
    rows: scipy.sparse.csr_matrix,
    targets: np.ndarray,
    classes: int,
    c: float,
    start: np.ndarray | None = None,
    most: int = 60,
) -> np.ndarray:
    """Weights that minimise sum of cross-entropies + |W|^2 / (2 c), the bias left out of |W|.

    By limited-memory BFGS with halved steps (Nocedal and Wright 2006, "Numerical Optimization",
    algorithm 7.5), in float32: scikit-learn's takes float64 and several times as long.

    Args:
      rows: float32[n, columns].
      targets: int[n].
      classes: number of classes.
      c: the inverse of the regularisation, as scikit-learn's `C`.
      start: weights to begin from.
      most: iterations.

    Returns:
      float32[columns + 1, classes]; the last row is the bias.
    """
    n, columns = rows.shape
    across = rows.T.tocsr()
    ridge, own = np.float32(1 / (c * n)), (np.arange(n), targets)

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        logp = log_softmax(rows @ weights[:-1] + weights[-1])
        squares = float(np.vdot(weights[:-1], weights[:-1]))
        error = np.exp(logp)
        error[own] -= 1
        error /= np.float32(n)
        slope = np.concatenate(
            [across @ error + ridge * weights[:-1], error.sum(axis=0, keepdims=True)]
        )
        return float(-logp[own].mean() + 0.5 * ridge * squares), slope

    weights = np.zeros((columns + 1, classes), np.float32) if start is None else start
    value, slope = loss(weights)
    past: list[tuple[np.ndarray, np.ndarray, float]] = []
    for _ in range(most):
        step = _direction(slope, past)
        descent, share = float(np.vdot(slope, step)), 1.0
        while True:
            tried = weights - np.float32(share) * step
            new, new_slope = loss(tried)
            if new <= value - 1e-4 * share * descent:
                break
            share /= 2
            if share < 1e-4:  # Rounding in float32 hides what there is left to gain.
                return weights
        moved, turned = tried - weights, new_slope - slope
        bend = float(np.vdot(moved, turned))
        if bend > 1e-12:
            past = [*past[1 - _MEMORY :], (moved, turned, bend)]
        gain = value - new
        weights, value, slope = tried, new, new_slope
        if gain < _GAIN * value:
            break
    return weights


def _direction(slope: np.ndarray, past: list[tuple[np.ndarray, np.ndarray, float]]) -> np.ndarray:
    """The slope times an estimate of the inverse of the second derivatives."""
    step, shares = slope.copy(), []
    for moved, turned, bend in reversed(past):
        share = np.vdot(moved, step) / bend
        step -= np.float32(share) * turned
        shares.append(share)
    if past:
        _, turned, bend = past[-1]
        step *= np.float32(bend / np.vdot(turned, turned))
    else:
        step *= np.float32(10 / max(float(np.linalg.norm(slope)), 1e-12))
    for (moved, turned, bend), share in zip(past, reversed(shares), strict=True):
        step += np.float32(share - np.vdot(turned, step) / bend) * moved
    return step


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """float[n, classes] to log-probabilities."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    found: np.ndarray = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return found


def sureness(
    logits: np.ndarray, targets: np.ndarray, expected: float = 1.0, spread: float = 0.5
) -> tuple[float, float]:
    """What logits are to be multiplied by (the inverse of a temperature; Guo et al. 2017).

    Args:
      logits: float[n, classes], of rows that were not learnt from.
      targets: int[n].
      expected: the factor where there are no rows to tell.
      spread: standard deviation of its logarithm around that.

    Returns:
      The factor, and the sum of the rows' cross-entropies with it, its own improbability added.
    """
    own = np.arange(len(targets)), targets

    def improbability(log_factor: float) -> float:
        away = (log_factor - np.log(expected)) / spread
        return float(0.5 * away**2 - log_softmax(np.exp(log_factor) * logits)[own].sum())

    found = minimize_scalar(improbability, bounds=_FACTORS, method="bounded")
    return float(np.exp(found.x)), float(found.fun)
