"""Conditions as TFX's compiler writes them."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest

from tests.kubeflow.conditions import ConditionError, holds

ARTIFACTS = {
    "model": [{"uri": "/root/model", "metadata": {"rows": 3.0, "kind": "small", "blessed": 1.0}}]
}
ROWS = "inputs.artifacts['model'].artifacts[0].metadata['rows']"
KIND = "inputs.artifacts['model'].artifacts[0].metadata['kind']"
URI = "inputs.artifacts['model'].artifacts[0].uri"


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (f"({ROWS} == 3.0)", True),
        (f"{ROWS} < 3.0", False),
        (f"({ROWS} > 2.5)", True),
        (f"!(({ROWS} > 2.5))", False),
        (f"({KIND} == 'small') && ({ROWS} == 4.0)", False),
        (f"(({KIND} == 'large') || ({ROWS} == 3.0))", True),
        # && binds stronger than ||.
        (f"({ROWS} == 3.0) || ({ROWS} == 3.0) && ({ROWS} == 4.0)", True),
        (f"(({KIND} + '-') == 'small-')", True),
        (f"({URI} == '/root/model')", True),
    ],
)
def test_values(condition: str, expected: bool) -> None:
    assert holds(condition, ARTIFACTS) is expected


@pytest.mark.parametrize(
    ("condition", "why"),
    [
        (f"{ROWS}", "is 3.0, expected true or false"),
        (f"({ROWS} == 'three')", "of different types"),
        (f"({ROWS} == 3)", "not known here"),
        (f"({ROWS} >= 3.0)", "not known here"),
        (f"({ROWS} == 3.0) )", "expected the end"),
        (f"({ROWS} == 3.0", "expected \\)"),
        ("inputs.parameter_values['n'] == 3.0", "not known here"),
        ("inputs.artifacts['model'].artifacts[1].uri == ''", "no such artifact or property"),
        ("inputs.artifacts['model'].artifacts[0].metadata['x'] == ''", "no such artifact"),
        ("inputs.artifacts['model'].uri == ''", "expected \\['key'\\]"),
        ("!'x'", "'x' is neither true nor false"),
    ],
)
def test_what_is_not_known_is_refused(condition: str, why: str) -> None:
    with pytest.raises(ConditionError, match=why):
        holds(condition, ARTIFACTS)


def test_what_tfx_writes_is_read() -> None:
    """The condition that TFX's own tests expect of its compiler."""
    expected = Path(
        str(importlib.metadata.distribution("tfx").locate_file("tfx/orchestration/kubeflow/v2")),
        "testdata/expected_dummy_consumer_with_condition_task.pbtxt",
    )
    (line,) = (line for line in expected.read_text().splitlines() if "condition:" in line)
    condition = line.partition('"')[2].rpartition('"')[0]
    first, second = (f"_producer_task_{number}.output1" for number in (1, 2))
    for uri, value, runs in [("uri", "value1", False), ("x", "value1", True), ("x", "y", False)]:
        given = {"uri": uri, "metadata": {"property": value}}
        assert holds(condition, {first: [given], second: [given]}) is runs
