"""A small corpus, and what a transform graph over it would know."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest


class Vocabularies:
    """The part of a `TFTransformOutput` that `TransformFacts` reads."""

    def __init__(self, **names: list[bytes]) -> None:
        self.names = names

    def vocabulary_by_name(self, name: str) -> list[bytes]:
        return self.names[name]


@pytest.fixture
def facts() -> Callable[..., Any]:
    """(classes, tokens) to `TransformFacts` over vocabularies of that size, or of these tokens."""
    from tidegate.models.core.transform import TransformFacts
    from tidegate.models.text_classification.settings import ModelSettings

    def make(classes: int = 3, tokens: Any = 20, **settings: Any) -> Any:
        if isinstance(tokens, int):
            tokens = [f"t{k}".encode() for k in range(tokens)]
        return TransformFacts(
            Vocabularies(  # type: ignore[arg-type]
                labels=[f"class-{k}".encode() for k in range(classes)],
                tokens=list(tokens),
            ),
            ModelSettings(**settings),
        )

    return make


@pytest.fixture
def rows() -> Callable[..., list[dict[str, Any]]]:
    """(lengths) to transformed rows: `tokens` that name row and place, `target`, `weight`."""

    def make(lengths: Any) -> list[dict[str, Any]]:
        return [
            {
                "tokens": np.arange(length, dtype=np.int64) % 7 + 1 + 10 * number,
                "target": np.int64(number % 3),
                "weight": np.float32(0.25 * (1 + number % 4)),
            }
            for number, length in enumerate(lengths)
        ]

    return make
