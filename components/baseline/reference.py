"""The simple model that a candidate must not be clearly worse than."""

import math
from collections.abc import Iterator, Mapping
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
    own = {written["title"]: written["metrics"].get(split, {})}
    return own | _rivals(written, split, whole=True)


def _rivals(written: Mapping[str, Any], split: str, whole: bool) -> dict[str, Mapping[str, Any]]:
    """By title, the figures of rivals that have judged the whole of a split, or a part."""
    rivals = written.get("rivals", {}).get(split, {})
    return {title: figures for title, figures in rivals.items() if figures["whole"] is whole}


def chosen(written: Mapping[str, Any], metric: str) -> tuple[str, str | None]:
    """The titles of what had the least of a figure on `valid`, and may be a reference on `eval`.

    Returns:
      Of what has judged the whole of `eval`, the baseline where nothing else has; and of what has
      judged a part of it alone, None where nothing has.
    """
    valid = _whole(written, "valid") | _rivals(written, "valid", whole=False)

    def best(ends: Mapping[str, Any]) -> str | None:
        known = {
            title: float(valid[title][metric])
            for title in ends
            if title in valid and math.isfinite(valid[title].get(metric, math.nan))
        }
        return min(known, key=lambda title: known[title]) if known else None

    whole = best(_whole(written, "eval"))
    return whole or str(written["title"]), best(_rivals(written, "eval", whole=False))


def times_references(written: Mapping[str, Any], metric: str) -> Iterator[tuple[bool, Reference]]:
    """The references with their figure on `eval`, the less the better, for bounds as its multiple.

    Args:
      written: the content of Baseline's `metrics.json`.
      metric: the figure's name.

    Yields:
      Whether it has judged the whole split, and the reference: that of the whole, and that of a
      part, to which the model is held on that part. None that is not a number above 0.
    """
    titles = {True: written.get("reference", written["title"]), False: written.get("part")}
    for whole, title in titles.items():
        judged = _whole(written, "eval") if whole else _rivals(written, "eval", whole=False)
        reference = _reference(str(title), judged.get(title, {}), metric, False)
        if 0 < reference.value < math.inf:
            yield whole, reference
