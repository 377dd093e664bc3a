"""The simple model that a candidate must not be clearly worse than."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

METRICS_FILE = "metrics.json"


@dataclass(frozen=True)
class Reference:
    """What a gate holds a candidate against.

    Attributes:
      title: of the simple model.
      value: its figure.
      error: the standard error of such a figure over the judged rows.
    """

    title: str
    value: float
    error: float

    def bound(self, below: float) -> float:
        """The least that passes where a candidate may be that much below."""
        return self.value - below - self.error


def best_reference(written: Mapping[str, Any], split: str, metric: str) -> Reference | None:
    """The best of the baseline and its rivals by a share of rows.

    Two models err on nearly the same rows, so that the standard error of one figure is more than
    that of their difference.

    Args:
      written: the content of Baseline's `metrics.json`.
      split: the judged one.
      metric: a share of rows, as accuracy is.

    Returns:
      None where the split was not judged.
    """
    figures = {written["title"]: written["metrics"].get(split, {})}
    figures |= written.get("rivals", {}).get(split, {})
    known = {title: one for title, one in figures.items() if metric in one}
    if not known:
        return None
    title = max(known, key=lambda name: known[name][metric])
    value = float(known[title][metric])
    rows = max(sum(known[title]["arrays"]["rows"]), 1)
    return Reference(title, value, math.sqrt(value * (1 - value) / rows))
