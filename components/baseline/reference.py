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
      error: the standard error of such a figure over the judged rows; 0 of one that is no share of
        rows.
      higher_is_better: the figure's direction.
    """

    title: str
    value: float
    error: float
    higher_is_better: bool = True

    def bound(self, worse: float) -> float:
        """The worst that passes where a candidate may be that much worse."""
        apart = worse + self.error
        return self.value - apart if self.higher_is_better else self.value + apart


def best_reference(
    written: Mapping[str, Any], split: str, metric: str, higher_is_better: bool = True
) -> Reference | None:
    """The best of the baseline and its rivals by a figure.

    Two models err on nearly the same rows, so that the standard error of one figure is more than
    that of their difference.

    Args:
      written: the content of Baseline's `metrics.json`.
      split: the judged one.
      metric: a share of rows, as accuracy is, where figures have `rows`; or any other.
      higher_is_better: its direction.

    Returns:
      None where the split was not judged.
    """
    figures = _whole(written, split)
    known = {title: one for title, one in figures.items() if metric in one}
    if not known:
        return None
    best = max if higher_is_better else min
    title = best(known, key=lambda name: known[name][metric])
    value = float(known[title][metric])
    rows = known[title]["arrays"].get("rows")
    error = math.sqrt(value * (1 - value) / max(sum(rows), 1)) if rows else 0.0
    return Reference(title, value, error, higher_is_better)


def _whole(written: Mapping[str, Any], split: str) -> dict[str, Mapping[str, Any]]:
    """By title, the figures of what has judged the whole of a split."""
    found = {written["title"]: written["metrics"].get(split, {})}
    for title, figures in written.get("rivals", {}).get(split, {}).items():
        if figures["whole"]:
            found[title] = figures
    return found


def chosen(written: Mapping[str, Any], metric: str) -> str:
    """The title of what had the least of a figure on `valid`; the baseline where nothing has."""
    ends = _whole(written, "eval")
    known = {
        title: float(figures[metric])
        for title, figures in _whole(written, "valid").items()
        if title in ends and math.isfinite(figures.get(metric, math.nan))
    }
    return min(known, key=lambda title: known[title]) if known else str(written["title"])


def times_reference(written: Mapping[str, Any], metric: str) -> tuple[str, float] | None:
    """The reference's title and figure on `eval`, by which a bound is multiplied.

    Returns:
      None where there is no such figure above 0.
    """
    title = str(written.get("reference", written["title"]))
    value = float(_whole(written, "eval").get(title, {}).get(metric, math.nan))
    return (title, value) if 0 < value < math.inf else None
