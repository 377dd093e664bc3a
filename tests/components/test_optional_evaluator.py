"""The Evaluator of the test split: nothing to do where the data has none."""

import json
from pathlib import Path

import pytest
from tfx.types import standard_artifacts

from tidegate.components.evaluator.component import OptionalExecutor
from tidegate.models.core import progress


class Lines:
    """Keeps what is reported."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def line(self, text: str) -> None:
        self.lines.append(text)

    def status(self, text: str) -> None:
        raise AssertionError(text)


def inputs(tmp_path: Path, splits: list[str]) -> dict[str, list[object]]:
    examples = standard_artifacts.Examples()
    examples.uri = str(tmp_path / "examples")
    examples.split_names = json.dumps(splits)
    return {"examples": [examples]}


def test_a_missing_split_leaves_no_evaluation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = Lines()
    monkeypatch.setattr(progress, "_reporter", heard)
    evaluation = standard_artifacts.ModelEvaluation()
    evaluation.uri = str(tmp_path / "evaluation")
    OptionalExecutor().Do(
        inputs(tmp_path, ["train", "valid", "eval"]),
        {"evaluation": [evaluation]},
        {"example_splits": '["test"]'},
    )
    assert heard.lines == ["no test split in the data: nothing to judge apart"]
    assert not Path(evaluation.uri).exists()


def test_a_split_that_is_there_is_evaluated(tmp_path: Path) -> None:
    # It goes on to TFX's executor, which asks for the output that is not given here.
    with pytest.raises(ValueError, match="EVALUATION_KEY is missing"):
        OptionalExecutor().Do(
            inputs(tmp_path, ["train", "test"]), {}, {"example_splits": '["test"]'}
        )
