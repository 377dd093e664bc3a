"""The simple model that a candidate must not be clearly worse than."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

METRICS_FILE = "metrics.json"


@dataclass(frozen=True)
class Reference:
    """What a gate holds a candidate against.

    Two models err on nearly the same rows, so that the standard error of one figure is more than
    that of their difference.

    Attributes:
      title: of the simple model.
      value: its figure.
      uncertainty: the figure's standard error over the judged rows; 0 of one that states none.
      higher_is_better: the figure's direction.
    """

    title: str
    value: float
    uncertainty: float
    higher_is_better: bool = True

    def bound(self, worse: float = 0.0, times: float = 1.0) -> float:
        """The worst that passes where a candidate may be that much worse, or so many times it."""
        apart = worse + self.uncertainty
        return self.value * times + (-apart if self.higher_is_better else apart)

    def __str__(self) -> str:
        uncertain = (
            f", which these rows leave uncertain by {self.uncertainty:.4f}"
            if self.uncertainty
            else ""
        )
        return f"{self.title} has {self.value:.4f}{uncertain}"


def best_reference(
    written: Mapping[str, Any], split: str, metric: str, higher_is_better: bool = True
) -> Reference | None:
    """The best of the baseline and its rivals by a figure.

    Args:
      written: the content of Baseline's `metrics.json`.
      split: the judged one.
      metric: the figure's name.
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
    return _reference(title, known[title], metric, higher_is_better)


def _reference(
    title: str, figures: Mapping[str, Any], metric: str, higher_is_better: bool
) -> Reference:
    uncertainty = float(figures.get(f"{metric}_uncertainty", 0.0))
    return Reference(
        title,
        float(figures.get(metric, math.nan)),
        uncertainty if math.isfinite(uncertainty) else 0.0,
        higher_is_better,
    )


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


def times_reference(written: Mapping[str, Any], metric: str) -> Reference | None:
    """The reference with its figure on `eval`, the less the better, of which a bound is a multiple.

    Returns:
      None where there is no such figure above 0.
    """
    title = str(written.get("reference", written["title"]))
    reference = _reference(title, _whole(written, "eval").get(title, {}), metric, False)
    return reference if 0 < reference.value < math.inf else None
