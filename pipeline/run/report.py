"""The last lines of a run: what a person must know of the model."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from tidegate.models.core.task import SequenceTask
from tidegate.pipeline.run.summary import beside, not_pushed, number


def lines(task: SequenceTask, summary: Mapping[str, Any]) -> Iterator[str]:
    """Rows, figures beside their baseline, gates, and where the model is.

    Args:
      task: the task, for its headline figures.
      summary: the content of `summary.json`.
    """
    training = summary["training"]
    rows = ", ".join(f"{split} {count}" for split, count in summary["rows"].items())
    yield f"rows: {rows}"
    if training["cached"]:
        yield "nothing was trained: model, data and settings are those of a former run"
    for split, figures in summary["metrics"].items():
        yield f"{split} ({figures['rows']} {task.examples}): {_figures(task, figures)}"
        for title, other in beside(figures):
            yield f"  {title}: {_figures(task, other)}"
    for gate in summary["gates"]:
        mark = "passed" if gate["passed"] else "FAILED"
        yield f"gate {gate['metric']} {number(gate['value'])}, {gate['expected']}: {mark}"
    yield f"pictures: {', '.join(summary['plots'])}"
    seconds = summary["seconds"]
    yield (
        f"seconds: {seconds['total']:.0f} in total, {seconds['Trainer']:.0f} in the Trainer, "
        f"{seconds['imports']:.0f} importing"
    )
    if summary["pushed"]:
        yield f"pushed: {summary['pushed']}"
        if summary["served"] != summary["pushed"]:
            yield f"  by an earlier run; what servers take is {summary['served']}"
        return
    yield f"not pushed: {not_pushed(summary)}"


def _figures(task: SequenceTask, figures: Mapping[str, Any]) -> str:
    return "  ".join(
        f"{name} {figures[name]:.4f}"
        for name in task.evaluation.headline
        if not math.isnan(figures.get(name, math.nan))  # A rival may give no intervals.
    )
