"""How a language model is judged: sums over tokens, and the figures that follow from them."""

import math
from collections.abc import Mapping

import numpy as np

from tidegate.models.core.task import Gate
from tidegate.models.language_model.settings import GateSettings


def statistics(targets: None, predictions: np.ndarray) -> dict[str, np.ndarray]:
    """The sums of a batch; those of two parts of the data add up to those of both.

    Args:
      targets: not used; the predictions hold the truth.
      predictions: float[batch, positions, 5], as `sums.judged` gives them.

    Returns:
      `sums` [positions, 5].
    """
    del targets
    return {"sums": np.asarray(predictions, np.float64).sum(axis=0)}


def summarise(sums: Mapping[str, np.ndarray]) -> dict[str, float | np.ndarray]:
    """Sums to figures.

    Args:
      sums: as `statistics` gives them, added up.

    Returns:
      `perplexity`, exp of the nats per token; `bits_per_character`; `bits_per_token`; `gain`, the
      share of the bits of a uniform guess over the vocabulary that is saved; `tokens`;
      `characters`; `unknown`, the share of tokens that are unknown, whose letters a perplexity
      counts nothing for; `perplexity_by_position` and `tokens_by_position` [positions], by the
      place of a token in its text, NaN where there is none.
    """
    nats, tokens, unknown, uniform, characters = sums["sums"].T
    every = max(float(tokens.sum()), 1.0)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        by_position = np.exp(nats / tokens)
        perplexity = float(np.exp(nats.sum() / every))
    return {
        "perplexity": perplexity,
        "bits_per_character": float(nats.sum() / math.log(2) / max(characters.sum(), 1.0)),
        "bits_per_token": float(nats.sum() / math.log(2) / every),
        "gain": float(1 - nats.sum() / max(uniform.sum(), 1e-9)),
        "tokens": float(tokens.sum()),
        "characters": float(characters.sum()),
        "unknown": float(unknown.sum() / every),
        "perplexity_by_position": by_position,
        "tokens_by_position": tokens,
    }


def gates(settings: GateSettings) -> tuple[Gate, ...]:
    """The bounds a model must hold."""
    return (
        Gate("gain", at_least=settings.gain),
        Gate(
            "bits_per_character",
            max_loss=settings.max_loss,
            below_baseline=settings.baseline,
            higher_is_better=False,
        ),
    )
