"""The candidate is compared with the latest blessed model that is not itself."""

from __future__ import annotations

from typing import Any

import pytest
from tfx.types import standard_artifacts

from tidegate.components.latest_model.blessed import LatestOtherBlessedModelStrategy


def model(number: int) -> Any:
    artifact = standard_artifacts.Model()
    artifact.id = number
    return artifact


def blessing(of: int, blessed: int) -> Any:
    artifact = standard_artifacts.ModelBlessing()
    artifact.id = 100 + of
    artifact.set_int_custom_property("current_model_id", of)
    artifact.set_int_custom_property("blessed", blessed)
    return artifact


@pytest.mark.parametrize(
    ("models", "blessings", "candidate", "expected"),
    [
        ([1], {}, 1, None),
        ([1], {1: 1}, 1, None),
        ([1, 2], {1: 1}, 2, 1),
        ([1, 2, 3], {1: 1, 2: 1}, 3, 2),
        ([1, 2, 3], {1: 1, 2: 0}, 3, 1),
        ([1, 2, 3], {1: 1, 2: 1, 3: 1}, 3, 2),
        ([1, 2, 3], {1: 1, 2: 1, 3: 1}, 1, 3),
        ([1, 2], {1: 0, 2: 1}, 2, None),
    ],
    ids=[
        "first run",
        "first run again",
        "one before",
        "the later of two",
        "the later one failed",
        "run again",
        "back to an older model",
        "none was blessed",
    ],
)
def test_which_model_is_chosen(
    models: list[int], blessings: dict[int, int], candidate: int, expected: int | None
) -> None:
    own = model(candidate)
    found = LatestOtherBlessedModelStrategy().resolve_artifacts(
        None,
        {
            "model": [model(number) for number in models],
            "model_blessing": [blessing(of, value) for of, value in blessings.items()],
            "candidate": [own],
        },
    )
    assert found is not None
    chosen = [] if expected is None else [expected]
    assert [artifact.id for artifact in found["model"]] == chosen
    assert [artifact.id for artifact in found["model_blessing"]] == [100 + one for one in chosen]
    assert found["candidate"] == [own]
