"""Runs side by side: figures, the same rows, gates, parts, settings, data and seconds."""

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from tidegate.models.core.shown import Cell, Table
from tidegate.models.core.task import load_task
from tidegate.pipeline.config import assigned
from tidegate.pipeline.report.page import render
from tidegate.pipeline.report.view import cell, passed
from tidegate.pipeline.run.summary import not_pushed
from tidegate.tables.errors import InputError

Runs: TypeAlias = Mapping[str, Mapping[str, Any]]
_MOST_PARTS = 40


@dataclass(frozen=True)
class Difference:
    """A figure of two models on the same rows.

    Attributes:
      first, second: the figure of each.
      error: the standard error of `second` - `first`; NaN of too few rows.
    """

    first: float
    second: float
    error: float

    @property
    def value(self) -> float:
        """How much more the second one has."""
        return self.second - self.first

    @property
    def clear(self) -> bool:
        """Whether it is more than two standard errors."""
        return abs(self.value) > 2 * self.error


# By run other than the first: the figures on the rows that both have.
Paired: TypeAlias = Mapping[str, Sequence[tuple[str, Difference]]]


def run_names(folders: Sequence[str]) -> list[str]:
    """What the runs are called: the folder's name, the whole path where two have the same.

    Raises:
      InputError: the same folder twice.
    """
    plain = [folder.rstrip("/") for folder in folders]
    for folder in plain:
        if plain.count(folder) > 1:
            raise InputError(f"{folder}: named twice; runs are compared with others")
    last = [folder.rpartition("/")[2] for folder in plain]
    return plain if len(set(last)) < len(last) else last


def common_task(runs: Runs) -> str:
    """The task of all runs.

    Raises:
      InputError: they have several.
    """
    tasks = {name: summary["task"] for name, summary in runs.items()}
    if len(set(tasks.values())) > 1:
        said = ", ".join(f"{name} is of {task}" for name, task in tasks.items())
        raise InputError(f"only runs of the same task can be compared: {said}")
    return str(next(iter(tasks.values())))


def compare_page(runs: Runs, rows: Table) -> str:
    """The page.

    Args:
      runs: by name, the content of each run's `summary.json`.
      rows: the table of the rows that they share.
    """
    task = common_task(runs)
    parts = (
        ("Which are live?", [states(runs)]),
        ("How good are they?", list(figures(runs))),
        ("And on the same rows?", [rows]),
        ("What had they to pass?", [gates(runs)]),
        ("Where do they differ?", [slices(runs)]),
        ("What was set otherwise?", [settings(runs)]),
        ("On which data, and how long?", [*data(runs), seconds(runs)]),
    )
    return render(
        "compare.html",
        title=f"{task.replace('_', ' ')}: {' and '.join(runs)}",
        parts=[
            {"id": f"part-{number}", "title": title, "tables": tables}
            for number, (title, tables) in enumerate(parts)
        ],
    )


def states(runs: Runs) -> Table:
    """Whether each was pushed."""
    return Table(
        "",
        ("run", "state", "why", "data", "parameters", "version of tidegate"),
        tuple(
            (
                name,
                "pushed" if summary["pushed"] else "not pushed",
                not_pushed(summary),
                summary["data"],
                summary["training"].get("parameters"),
                summary.get("versions", {}).get("tidegate"),
            )
            for name, summary in runs.items()
        ),
    )


def figures(runs: Runs) -> Iterator[Table]:
    """By split, each model's figures on its own rows."""
    task = load_task(common_task(runs))
    headline = task.evaluation.headline
    for split in _union(runs, lambda summary: summary["metrics"]):
        found = {
            name: summary["metrics"][split]
            for name, summary in runs.items()
            if split in summary["metrics"]
        }
        yield Table(
            split,
            ("run", task.examples, *headline),
            tuple(
                (name, one["rows"], *(cell(one.get(key)) for key in headline))
                for name, one in found.items()
            ),
        )


def same_rows(runs: Runs, paired: Paired, count: int, whole: bool) -> Table:
    """The models on the rows that all runs have in `eval`.

    Args:
      runs: by name, the content of each run's `summary.json`.
      paired: the differences to the first run.
      count: how many rows.
      whole: whether there are no more.
    """
    first, examples = next(iter(runs)), load_task(common_task(runs)).examples
    rows = tuple(
        (name, metric, one.first, one.second, one.value, cell(2 * one.error), _verdict(one))
        for name, found in paired.items()
        for metric, one in found
    )
    columns = ("run", "figure", first, "this run", "difference", "±", "")
    which = "all" if whole else "the first of"
    note = (
        f"{count:,} {examples} of eval, {which} those that the runs share; ± is two standard "
        "errors of the difference"
    )
    # Such as the steps that a forecast has: the same row is then judged on others.
    other = [str(row[0]) for row in settings(runs).rows if str(row[0]).startswith("features.")]
    if other:
        note += f". What is judged of a row may differ with {', '.join(other)}"
    return Table("", columns, rows, note)


def no_same_rows(reason: str) -> Table:
    """The same, where nothing can be said."""
    return Table("", ("",), (), reason)


def _verdict(one: Difference) -> str:
    if math.isnan(one.error):
        return "too few rows to tell"
    return "a clear difference" if one.clear else "no clear difference"


def gates(runs: Runs) -> Table:
    """Each gate's value and verdict in each run."""
    found: dict[tuple[str, int], dict[str, Mapping[str, Any]]] = {}
    for name, summary in runs.items():
        seen: dict[str, int] = {}
        for gate in summary["gates"]:
            metric = gate["metric"]
            seen[metric] = seen.get(metric, 0) + 1
            found.setdefault((metric, seen[metric]), {})[name] = gate
    return Table(
        "",
        ("gate", "run", "value", "expected", "verdict"),
        tuple(
            (
                metric, name, cell(gate["value"]), gate["expected"],
                passed(gate),
            )
            for (metric, _), by_run in found.items()
            for name, gate in by_run.items()
        ),
    )  # fmt: skip


def slices(runs: Runs) -> Table:
    """Parts of `eval` by the first figure, those first where the runs differ most."""
    task = load_task(common_task(runs))
    metric = task.evaluation.headline[0]
    by_run = {name: summary["metrics"]["eval"]["slices"] for name, summary in runs.items()}
    parts = _union(runs, lambda summary: summary["metrics"]["eval"]["slices"])
    rows = []
    for part in parts:
        values = [cell(found.get(part, {}).get(metric)) for found in by_run.values()]
        known = [value for value in values if value is not None]
        spread = max(known) - min(known) if len(known) > 1 else 0.0
        rows.append((spread, (part, *values)))
    rows.sort(key=lambda row: -row[0])
    note = f"{_MOST_PARTS} of {len(rows):,} parts" if len(rows) > _MOST_PARTS else ""
    return Table(
        f"{metric} by part of eval, the largest difference first",
        ("part", *runs),
        tuple(row for _, row in rows[:_MOST_PARTS]),
        note,
    )


def settings(runs: Runs) -> Table:
    """The settings in which they differ."""
    by_run = {
        name: {
            f"{section}.{key}": assigned(value)
            for section, values in summary["settings"].items()
            for key, value in values.items()
        }
        for name, summary in runs.items()
    }
    return _differing("", "setting", by_run)


def data(runs: Runs) -> Iterator[Table]:
    """Rows by split, and the versions in which they differ."""
    yield Table(
        "Rows",
        ("split", *runs),
        tuple(
            (split, *(summary["rows"].get(split) for summary in runs.values()))
            for split in _union(runs, lambda summary: summary["rows"])
        ),
    )
    yield _differing(
        "Versions in which they differ",
        "",
        {
            name: {**summary.get("versions", {}), **summary.get("fingerprints", {})}
            for name, summary in runs.items()
        },
    )


def seconds(runs: Runs) -> Table:
    """What the components took."""
    names = _union(runs, lambda summary: summary.get("seconds", {}))
    return Table(
        "Seconds of each component",
        ("component", *runs),
        tuple((name, *(_took(summary, name) for summary in runs.values())) for name in names),
        "a component without a figure was taken from a former run",
    )


def _took(summary: Mapping[str, Any], component: str) -> Cell:
    again = component in summary.get("cached", ())
    return None if again else summary.get("seconds", {}).get(component)


def _differing(title: str, what: str, by_run: Mapping[str, Mapping[str, Any]]) -> Table:
    """The entries that are not the same in all runs."""
    names = list(dict.fromkeys(key for found in by_run.values() for key in found))
    rows = [(name, *(found.get(name) for found in by_run.values())) for name in names]
    return Table(title, (what, *by_run), tuple(row for row in rows if len(set(row[1:])) > 1))


def _union(runs: Runs, keys: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(key for summary in runs.values() for key in keys(summary)))


def examples_folder(output: str, summary: Mapping[str, Any]) -> str | None:
    """The examples of a run's `eval`; None of a run of an earlier tidegate, which does not say."""
    folder = summary.get("examples")
    return folder and os.path.join(output, folder, "Split-eval")


def model_folder(output: str, summary: Mapping[str, Any]) -> str:
    """The exported model of a run, pushed or not."""
    return os.path.join(output, summary["candidate"])
