"""Runs side by side: the page, and how sure the difference of two models is."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from tests.pipeline.test_page import SCRIPT, Parsed, summary
from tidegate.models.core.shown import Table
from tidegate.models.core.task import load_task, task_names
from tidegate.pipeline.cli import cli
from tidegate.pipeline.config import make_config
from tidegate.pipeline.report.compare import Difference, compare_page, run_names, same_rows
from tidegate.pipeline.report.paired import differences, shared_rows
from tidegate.tables.errors import InputError

TASK = load_task("text_classification")
NO_ROWS = Table("", ("",), (), "not asked")


def compared(*arguments: str | Path) -> Any:
    return CliRunner().invoke(cli, ["compare", *map(str, arguments)])


@pytest.mark.parametrize("task", task_names())
def test_runs_stand_side_by_side(task: str) -> None:
    stated = load_task(task)
    first = stated.evaluation.headline[0]
    other = summary(task, pushed=None, cached=[], seconds={"Trainer": 7.5, "total": 9.0})
    other["gates"][0] |= {"passed": False, "value": 0.25}
    other["settings"] = make_config(stated, {"training": {"epochs": 2}}).as_dict()
    other["metrics"]["eval"] = {**other["metrics"]["eval"], first: 0.25}
    other["metrics"]["eval"]["slices"] = {"label=b": {first: 0.125, "example_count": 32.0}}
    runs = {SCRIPT: summary(task), "second": other}
    found = Parsed(compare_page(runs, NO_ROWS))
    assert not found.open and [tag for tag, _ in found.elements].count("script") == 1
    states = {row[0]: row[1:3] for row in found.rows if row[1:2] in (["pushed"], ["not pushed"])}
    assert states[SCRIPT] == ["pushed", ""]
    assert states["second"][0] == "not pushed" and first in states["second"][1]
    figures = [row[:3] for row in found.rows if row[0] in runs and row[1] == "40"]
    assert figures == [[SCRIPT, "40", "0.9125"], ["second", "40", "0.25"]]
    assert [row[1:] for row in found.rows if row[0] == "label=b"] == [["0.9125", "0.125"]]
    assert [row[1:] for row in found.rows if row[0] == f"label={SCRIPT}"] == [["0.25", ""]]
    assert ["training.epochs", "7", "2"] in found.rows
    # What a run took over from a former one took it nothing.
    assert ["Trainer", "", "7.5"] in found.rows
    verdicts = [row[1:3] + row[4:] for row in found.rows if row[0] == first and len(row) == 5]
    assert verdicts == [[SCRIPT, "0.9125", "passed"], ["second", "0.25", "FAILED"]]


def sums_of(targets: np.ndarray, scores: np.ndarray, groups: int) -> list[Any]:
    return [
        TASK.evaluation.statistics(targets[part::groups], scores[part::groups])
        for part in range(groups)
    ]


def test_the_error_of_a_difference_is_that_of_pairs() -> None:
    """Of a mean over rows it is known: the deviation of the rows' differences over root n."""
    random = np.random.default_rng(0)
    targets = random.integers(0, 2, 3_200)
    right = random.random(3_200) < 0.8
    # The second one answers as the first, but for every tenth row.
    other = np.where(random.random(3_200) < 0.1, random.random(3_200) < 0.5, right)

    def scores(is_right: np.ndarray) -> np.ndarray:
        answers = np.where(is_right, targets, 1 - targets)
        return np.eye(2)[answers] * 0.8 + 0.1

    sums = [sums_of(targets, scores(one), 32) for one in (right, other)]
    found = dict(differences(TASK, *sums))
    assert set(found) == set(TASK.evaluation.headline)
    accuracy = found["accuracy"]
    apart = other.astype(float) - right
    assert accuracy.first == pytest.approx(right.mean())
    assert accuracy.value == pytest.approx(apart.mean())
    # Of 32 groups the estimate itself is uncertain by an eighth.
    assert accuracy.error == pytest.approx(apart.std() / math.sqrt(3_200), rel=0.4)
    assert accuracy.clear == (abs(apart.mean()) > 2 * accuracy.error)
    same = dict(differences(TASK, sums[0], sums[0]))["accuracy"]
    assert (same.value, same.error, same.clear) == (0.0, 0.0, False)
    few = dict(differences(TASK, *(one[:7] for one in sums)))["accuracy"]
    assert math.isnan(few.error) and not few.clear


def test_only_rows_that_all_have_are_shared_in_the_order_of_the_first() -> None:
    splits = [lambda: [b"d", b"a", b"b", b"c"], lambda: [b"a", b"c", b"d"], lambda: [b"d", b"c"]]
    assert shared_rows(splits, 9) == [b"d", b"c"]
    assert shared_rows(splits, 1) == [b"d"]
    assert shared_rows([*splits, lambda: []], 9) == []


def test_the_table_of_the_same_rows_says_what_is_clear() -> None:
    found = {
        "b": [("accuracy", Difference(0.5, 0.75, 0.1)), ("auc", Difference(0.5, 0.6, 0.1))],
        "c": [("accuracy", Difference(0.5, 0.9, math.nan))],
    }
    runs = {name: summary(TASK.name) for name in "abc"}
    table = same_rows(runs, found, 40, whole=False)
    assert [row[0] for row in table.rows] == ["b", "b", "c"]
    assert table.rows[0][2:] == (0.5, 0.75, 0.25, 0.2, "a clear difference")
    assert table.rows[1][6] == "no clear difference"
    assert table.rows[2][5:] == (None, "too few rows to tell")
    assert table.note.startswith("40 rows of eval, the first of those that the runs share")
    assert "may differ" not in table.note
    runs["b"]["settings"] = make_config(TASK, {"features": {"max_tokens": 7}}).as_dict()
    note = same_rows(runs, found, 40, whole=True).note
    assert note.endswith("What is judged of a row may differ with features.max_tokens")


def test_runs_are_called_by_their_folders() -> None:
    assert run_names(["/a/first", "/a/second/"]) == ["first", "second"]
    assert run_names(["/a/run", "/b/run"]) == ["/a/run", "/b/run"]
    with pytest.raises(InputError, match="named twice"):
        run_names(["/a/run", "/a/run/"])


def test_what_cannot_be_compared_is_refused(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("one", "two", "other")]
    for folder, task in zip(folders, ["forecasting", "forecasting", TASK.name], strict=True):
        folder.mkdir()
        (folder / "summary.json").write_text(json.dumps(summary(task)))
    page = tmp_path / "page.html"
    one, two, other = folders
    assert "two or more" in str(compared(one).exception)
    assert "no run was finished there" in str(compared(one, tmp_path).exception)
    found = compared(one, two, other, "--output", page)
    assert str(found.exception) == (
        "only runs of the same task can be compared: one is of forecasting, two is of forecasting, "
        "other is of text_classification"
    )
    page.write_text("a page of somebody else")
    assert "is no page of tidegate's; --output" in str(
        compared(one, two, "--output", page).exception
    )
    assert page.read_text() == "a page of somebody else"
    page.unlink()
    # Their rows are not known: their summaries are of an earlier tidegate.
    found = compared(one, two, "--output", page)
    assert found.exit_code == 0, found.exception
    assert "one was made by an earlier tidegate" in found.output
    assert "earlier tidegate" in page.read_text()
    made = summary("forecasting", examples="tfx/examples", candidate="tfx/model")
    (one / "summary.json").write_text(json.dumps(made))
    found = compared(one, two, "--output", page)  # A page of its own is written anew.
    assert "the examples of one are no longer in" in found.output
