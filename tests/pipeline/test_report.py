"""The last lines of a run, and its summary."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tidegate.models.core.task import load_task
from tidegate.pipeline.run.report import lines
from tidegate.pipeline.run.summary import read_summary, write_summary

TASK = load_task("text_classification")


def summary(**changes: Any) -> dict[str, Any]:
    figures = {"accuracy": 0.91239, "macro_f1": 0.8, "auc": 0.95, "rows": 40}
    return {
        "rows": {"train": 300, "eval": 40},
        "training": {"cached": False},
        "metrics": {
            "eval": {**figures, "baseline": {**figures, "title": "a simple one", "accuracy": 0.5}}
        },
        "gates": [
            {"metric": "margin", "value": 0.4, "expected": "at least 0.05", "passed": True},
            {"metric": "accuracy", "value": 0.9, "expected": "not more than 0.01", "passed": True},
        ],
        "serving_check": {"ok": True},
        "seconds": {"total": 61.4, "Trainer": 20.2, "imports": 9.9},
        "pushed": "/models/name/1700000000",
        "served": "/models/name/1700000000",
        "plots": ["/plots/a.png", "/plots/b.png"],
        **changes,
    }


def test_a_pushed_run_shows_rows_figures_baseline_gates_seconds_and_path() -> None:
    assert list(lines(TASK, summary())) == [
        "rows: train 300, eval 40",
        "eval (40 rows): accuracy 0.9124  macro_f1 0.8000  auc 0.9500",
        "  a simple one: accuracy 0.5000  macro_f1 0.8000  auc 0.9500",
        "gate margin 0.4000, at least 0.05: passed",
        "gate accuracy 0.9000, not more than 0.01: passed",
        "pictures: /plots/a.png, /plots/b.png",
        "seconds: 61 in total, 20 in the Trainer, 10 importing",
        "pushed: /models/name/1700000000",
    ]


def test_a_model_that_another_has_followed_is_not_said_to_be_served() -> None:
    found = list(lines(TASK, summary(served="/models/name/1700000009")))
    assert found[-2:] == [
        "pushed: /models/name/1700000000",
        "  by an earlier run; what servers take is /models/name/1700000009",
    ]


def test_a_cached_run_says_that_nothing_was_trained() -> None:
    found = list(lines(TASK, summary(training={"cached": True})))
    assert found[1].startswith("nothing was trained")


def test_what_failed_is_the_last_line_with_both_numbers() -> None:
    failed = {"metric": "margin", "value": 0.0123, "expected": "at least 0.05", "passed": False}
    changed = summary(pushed=None, gates=[failed, summary()["gates"][1]])
    found = list(lines(TASK, changed))
    assert "gate margin 0.0123, at least 0.05: FAILED" in found
    assert found[-1] == "not pushed: margin is 0.0123, expected at least 0.05"


def test_a_figure_that_is_none_is_undefined() -> None:
    gate = {"metric": "margin", "value": float("nan"), "expected": "at most 1", "passed": False}
    found = list(lines(TASK, summary(gates=[gate], pushed=None)))
    assert "gate margin undefined, at most 1: FAILED" in found
    assert found[-1] == "not pushed: margin is undefined, expected at most 1"


def test_examples_are_called_what_they_are() -> None:
    figures = {"rows": 3, "mase": 0.5}
    found = list(lines(load_task("forecasting"), summary(metrics={"eval": figures})))
    assert found[1] == "eval (3 series): mase 0.5000"


def test_a_model_that_cannot_be_served_says_why() -> None:
    changed = summary(pushed=None, serving_check={"ok": False, "problem": "no answer"})
    assert list(lines(TASK, changed))[-1] == "not pushed: it cannot be served: no answer"


def test_without_a_baseline_its_line_is_left_out() -> None:
    figures = {"accuracy": 0.9, "macro_f1": 0.8, "auc": 0.7, "rows": 4}
    found = list(lines(TASK, summary(metrics={"eval": figures, "test": figures})))
    assert found[1:3] == [
        "eval (4 rows): accuracy 0.9000  macro_f1 0.8000  auc 0.7000",
        "test (4 rows): accuracy 0.9000  macro_f1 0.8000  auc 0.7000",
    ]


def test_rivals_stand_below_the_baseline_without_the_figures_they_lack() -> None:
    rival = {"covers": "3 of 40 rows", "accuracy": 0.7, "macro_f1": float("nan")}
    rival["model"] = {"accuracy": 0.75}
    figures = {**summary()["metrics"]["eval"], "rivals": {"another": rival, "a third": rival}}
    found = list(lines(TASK, summary(metrics={"eval": figures})))
    # The model's figure on the part that both have judged stands there once.
    assert found[3:6] == [
        "  the model (3 of 40 rows): accuracy 0.7500",
        "  another (3 of 40 rows): accuracy 0.7000",
        "  a third (3 of 40 rows): accuracy 0.7000",
    ]


def test_the_summary_is_json_where_a_figure_is_undefined(tmp_path: Path) -> None:
    assert read_summary(str(tmp_path)) is None
    write_summary(
        str(tmp_path), {"mase": float("nan"), "steps": [1.0, float("inf")], "n": (1, "a")}
    )

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    found = json.loads((tmp_path / "summary.json").read_text(), parse_constant=refuse)
    assert read_summary(str(tmp_path)) == found
    assert found == {"mase": None, "steps": [1.0, None], "n": [1, "a"]}
