"""An ExampleGen's artifact says of which data it is, whoever has found that out."""

from __future__ import annotations

from pathlib import Path

import pytest
from tfx.types import standard_artifacts

from tests.components.conftest import described
from tidegate.components.example_gen.data_fingerprint import complete, data_fingerprint
from tidegate.components.record_example_gen.executor import Executor
from tidegate.tables.errors import InputError

ROWS = "text,label\n" + "".join(f"word {number},{number % 2}\n" for number in range(40))

SHARES = {"valid_share": 0.2, "eval_share": 0.2}


@pytest.fixture
def rows(tmp_path: Path) -> str:
    path = tmp_path / "rows.csv"
    path.write_text(ROWS)
    return str(path)


def recorded(rows: str, folder: Path, fingerprint: str) -> str:
    """The fingerprint in the artifact that RecordExampleGen leaves."""
    examples = standard_artifacts.Examples()
    examples.uri = str(folder)
    context = Executor.Context(beam_pipeline_args=["--direct_running_mode=in_memory"])
    properties = {**described("text_classification", SHARES), "train": rows}
    Executor(context).Do({}, {"examples": [examples]}, {**properties, "fingerprint": fingerprint})
    return str(examples.get_string_custom_property("input_fingerprint"))


def test_the_executor_reads_it_from_the_data_where_nobody_else_has(
    rows: str, tmp_path: Path
) -> None:
    found = recorded(rows, tmp_path / "unknown", "-code")
    assert found == f"{data_fingerprint(rows, None)}-code"


def test_what_is_known_is_kept() -> None:
    assert complete("data-code", "/not/there.csv", None) == "data-code"


def test_the_test_split_counts(rows: str, tmp_path: Path) -> None:
    other = tmp_path / "test.csv"
    other.write_text(ROWS)
    assert complete("-code", rows, None) != complete("-code", rows, str(other))


def test_data_that_are_not_there_are_the_users_to_mend() -> None:
    with pytest.raises(InputError, match="no such file or folder: /not/there"):
        complete("-code", "/not/there.csv", None)
