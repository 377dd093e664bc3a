"""The page of a run: what stands in it, and that nothing of a user's is taken for HTML."""

from __future__ import annotations

import json
import shlex
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tidegate.models.core.shown import Table
from tidegate.models.core.task import load_task, task_names
from tidegate.pipeline.cli import cli
from tidegate.pipeline.config import make_config
from tidegate.pipeline.report.page import page
from tidegate.pipeline.report.shown import Shown, read_shown

SCRIPT = "<script>alert('x')</script>"
# These have no end tag.
VOID = {"meta", "link", "img", "br", "path", "use", "rect"}


class Parsed(HTMLParser):
    """The text by section, rows of tables, and whether every element is closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.sections: dict[str, list[str]] = {}
        self.rows: list[list[str]] = []
        self.elements: list[tuple[str, dict[str, Any]]] = []
        self._section = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "section":
            self._section = dict(attrs)["id"]
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.sections.setdefault(self._section, []).append(data)
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data

    def text(self, section: str) -> str:
        return " ".join(" ".join(self.sections[section]).split())


def summary(task: str, **changes: Any) -> dict[str, Any]:
    """As a run writes it, with a user's words that look like HTML wherever there are words."""
    stated = load_task(task)
    figures = dict.fromkeys(stated.evaluation.headline, 0.9125)
    first = stated.evaluation.headline[0]
    names = [SCRIPT, "b"]
    return {
        "task": task,
        "data": f"/data/{SCRIPT}.csv",
        "test": None,
        "edition": None,
        "sources": {"data": [f"/data/{SCRIPT}.csv"], "test": ["/data/a b.csv", "/data/c.csv"]},
        "rows": {"train": 12_300, "eval": 40},
        "left_out": {"empty text": {"rows": 3, "first": [f"{SCRIPT}:7"]}},
        "noted": {},
        "features": {
            "text": {"splits": {"train": {"missing": 0.25, "length": 30.5}}, "drift": None},
            "n": {"splits": {"eval": {"missing": 0.0, "mean": 2.5, "std_dev": 1.0}}, "drift": 0.5},
        },
        "settings": make_config(stated, {"training": {"epochs": 7}}).as_dict(),
        "training": {"steps": 25, "rows": 300, "seconds": 7.7, "parameters": 3446, "best": 0.9,
                     "monitor": "val_loss", "calibrated": {"strength": 3.0}},
        "metrics": {
            "eval": {
                **figures,
                f"{first}_uncertainty": 0.02,
                "rows": 40,
                "baseline": {**figures, "title": SCRIPT, first: 0.5},
                "rivals": {"another": {**figures, "covers": "3 of 40", first: float("nan")}},
                "slices": {
                    f"label={SCRIPT}": {**figures, "example_count": 8.0, first: 0.25},
                    "label=b": {**figures, "example_count": 32.0},
                },
                "axis": names,
                "arrays": {"f1": [0.75, 0.5], "confusion": [[5.0, 3.0], [0.0, 32.0]]},
            }
        },
        "gates": [{"metric": first, "value": 0.9125, "expected": "at least 0.5", "passed": True}],
        "serving_check": {"ok": True},
        "seconds": {"total": 61.4, "Trainer": 20.2},
        "cached": ["Trainer"],
        "versions": {"python": "3.10.1"},
        "pushed": "/out/serving/name/1700000000",
        "served": "/out/serving/name/1700000000",
        "plots": [],
        "shown": [],
        **changes,
    }  # fmt: skip


def parsed(made: dict[str, Any], shown: Shown | None = None) -> Parsed:
    html = page(made, shown or Shown(), "/out")
    found = Parsed(html)
    assert not found.open
    # The page's own script, and none of a user's.
    assert [tag for tag, _ in found.elements].count("script") == 1
    return found


@pytest.mark.parametrize("task", task_names())
def test_every_task_has_a_page_with_the_summarys_figures(task: str) -> None:
    found = parsed(summary(task))
    first = load_task(task).evaluation.headline[0]
    assert "pushed to /out/serving/name/1700000000" in found.text("pushed")
    assert [first, "0.9125", "at least 0.5", "passed"] in found.rows
    (own,) = [row for row in found.rows if row[0] == "this model"]
    assert set(own[1:]) == {"0.9125"}
    assert f"{first} is 0.9125 ± 0.0400" in found.text("good")
    assert [row[1] for row in found.rows if row[0].startswith("another")] == [""]  # undefined
    assert ["train", "12,300"] in found.rows
    assert ["empty text", "3 rows", f"{SCRIPT}:7"] in found.rows
    assert ["n", "eval", "0", "2.5", "1", "", "0.5"] in found.rows
    assert [SCRIPT, "b", "3"] in found.rows  # mixed up
    assert ["training.epochs", "7"] in found.rows
    assert ["Trainer", "20.2", "of a former run"] in found.rows
    words = shlex.split(found.text("again").removeprefix("How is it made again?").split("All")[0])
    assert words[:5] == ["tidegate", "run", task, "--data", f"/data/{SCRIPT}.csv"]
    assert words[5:9] == ["--test", "/data/a b.csv", "--test", "/data/c.csv"]
    assert "--set training.epochs=7" in found.text("again")
    assert "tidegate serve --models /out/serving" in found.text("call")


@pytest.mark.parametrize(
    ("told", "row"),
    [(None, None), ({"a": [1]}, ["calibrated: a", "[1]"]), ([0.5], ["calibrated", "[0.5]"])],
)
def test_what_a_calibration_tells_may_be_any_json(told: Any, row: list[str] | None) -> None:
    made = summary("language_model")
    made["training"]["calibrated"] = told
    found = parsed(made)
    calibrated = [one for one in found.rows if one[0].startswith("calibrated")]
    assert calibrated == ([] if row is None else [row])


def test_a_model_that_was_not_pushed_says_why_and_how_it_is_asked() -> None:
    gate = {"metric": "accuracy", "value": 0.4, "expected": "at least 0.5", "passed": False}
    found = parsed(summary("text_classification", gates=[gate], pushed=None, served=None))
    assert "It was not pushed: accuracy is 0.4000, expected at least 0.5" in found.text("pushed")
    assert ["accuracy", "0.4", "at least 0.5", "FAILED"] in found.rows
    assert "--candidate /out --file FILE" in found.text("call")


def test_the_worst_parts_come_first_whatever_is_better() -> None:
    for task, worst in (("text_classification", f"label={SCRIPT}"), ("forecasting", "label=b")):
        found = parsed(summary(task))
        parts = [row[0] for row in found.rows if row[0].startswith("label=")]
        assert parts[0] == worst, task


def test_tables_and_pictures_of_the_task_stand_in_it(tmp_path: Path) -> None:
    table = Table("Mistakes", ("text", "n"), ((SCRIPT, 1), ("b", 0.123456)), "a note")
    (tmp_path / "mistakes.json").write_text(table.to_json())
    (tmp_path / "errors.svg").write_text("<svg><g id='errors-1'></g></svg>")
    (tmp_path / "large.svg").write_text(f"<svg>{' ' * 400_000}</svg>")
    (tmp_path / "large.png").write_bytes(b"png")
    names = ["mistakes.json", "errors.svg", "large.svg", "large.png"]
    found = parsed(summary("text_classification"), read_shown(str(tmp_path), names))
    assert [SCRIPT, "1"] in found.rows and ["b", "0.1235"] in found.rows
    assert "a note." in found.text("fails")
    kinds = [tag for tag, _ in found.elements]
    assert kinds.count("svg") == 1 and kinds.count("img") == 1
    named = [attributes for tag, attributes in found.elements if tag in ("figure", "img")]
    assert all(one.get("aria-label") or one.get("alt") for one in named)


def test_it_is_made_again_from_the_folder_of_a_run(tmp_path: Path) -> None:
    plots = tmp_path / "plots"
    plots.mkdir()
    (plots / "errors.svg").write_text("<svg></svg>")
    made = summary("forecasting", shown=["/was/elsewhere/plots/errors.svg"])
    for figures in made["metrics"]["eval"]["rivals"].values():
        figures["mase"] = None  # As JSON has it.
    (tmp_path / "summary.json").write_text(json.dumps(made))
    done = CliRunner().invoke(cli, ["report", str(tmp_path)])
    assert done.output == f"{tmp_path}/report.html\n", done.exception
    assert "<svg></svg>" in (tmp_path / "report.html").read_text()
    (plots / "errors.svg").unlink()
    done = CliRunner().invoke(cli, ["report", str(tmp_path)])
    assert done.exit_code and "errors.svg" in str(done.exception)
    (tmp_path / "summary.json").unlink()
    done = CliRunner().invoke(cli, ["report", str(tmp_path)])
    assert str(done.exception) == f"{tmp_path}: no run was finished there: no summary.json"
