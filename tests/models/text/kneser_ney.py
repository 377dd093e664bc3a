"""Kneser-Ney smoothing from its definition, to judge other forms of it by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np

from tidegate.models.text.ngrams import estimated_discounts


def by_definition(
    text: list[int], order: int, size: int, without: tuple[int, ...] | None = None
) -> Callable[[tuple[int, ...]], np.ndarray]:
    """(the `order - 1` tokens before, -1 for none) to the probabilities of all tokens.

    The formulas of Chen & Goodman (1998), section 4, interpolated down to the uniform distribution,
    by dictionaries.

    Args:
      text: what is learnt from.
      order: the longest n-gram.
      size: ids there are.
      without: one of the longest n-grams, of which one occurrence is left out of the counts; the
        discounts stay those of all.
    """
    padded = [-1] * (order - 1) + text  # -1 stands before the text.
    grams = [
        Counter(
            tuple(padded[i : i + length])
            for i in range(len(padded) - length + 1)
            if padded[i + length - 1] >= 0
        )
        for length in range(order + 1)
    ]
    discounts = []

    def types() -> None:
        for length in reversed(range(1, order)):  # types of what stands before them
            grams[length] = Counter(gram[1:] for gram in grams[length + 1])

    types()
    for length in range(1, order + 1):
        found = estimated_discounts(np.array(list(grams[length].values())))
        discounts.append((0.0, *found))
    if without is not None:
        grams[order] -= Counter([without])
        types()

    def probability(context: tuple[int, ...]) -> np.ndarray:
        lower = probability(context[1:]) if context else np.full(size, 1 / size)
        counts = {
            gram[-1]: n for gram, n in grams[len(context) + 1].items() if gram[:-1] == context
        }
        if not counts:
            return lower
        total, taken = sum(counts.values()), discounts[len(context)]
        found = lower * sum(taken[min(n, 3)] for n in counts.values()) / total
        for token, n in counts.items():
            found[token] += (n - taken[min(n, 3)]) / total
        return found

    return probability
