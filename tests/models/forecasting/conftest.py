"""Transformed series without a Transform, and a network over them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

Make = Callable[..., Any]


@pytest.fixture(scope="session")
def make_series() -> Make:
    """Series from lists of values, with covariates that say where they are from."""

    def make(
        rows: Sequence[Sequence[float]], horizon: int = 1, season: int = 1, smoothed: Any = None
    ) -> Any:
        import tensorflow as tf

        from tidegate.models.forecasting import windows

        lengths = [len(row) for row in rows]

        def marked(more: int, offset: float) -> tf.RaggedTensor:
            """1000 a series plus the place of the step."""
            flat = [
                [1000.0 * row + place + offset]
                for row, length in enumerate(lengths)
                for place in range(length + more)
            ]
            return tf.RaggedTensor.from_row_lengths(
                tf.reshape(tf.constant(flat, tf.float32), (-1, 1)),
                tf.constant([length + more for length in lengths], tf.int64),
            )

        flat = np.concatenate([np.asarray(row, np.float32) for row in rows])
        transformed = {
            "y": tf.RaggedTensor.from_row_lengths(flat, tf.constant(lengths, tf.int64)),
            "known": marked(horizon, 0.25),
            "historic": marked(0, 0.5),
            "ids": tf.constant([[row + 1] for row in range(len(rows))], tf.int64),
            "season": tf.fill((len(rows),), tf.constant(season, tf.int64)),
            "seasonality": tf.fill((len(rows),), 0.5),
            "first_target": tf.zeros((len(rows),), tf.int64),
        }
        if smoothed is not None:
            transformed = windows.with_smoothing(transformed, smoothed)
        return windows.read_series(transformed)

    return make


class Facts:
    """What `build_model` reads of a transform graph."""

    def __init__(self, **widths: int) -> None:
        self._widths = {"known": 7, "ids": 1, **widths}

    def width(self, name: str) -> int:
        return self._widths.get(name, 0)

    def size(self, name: str) -> int:
        return 5


@pytest.fixture(scope="session")
def facts() -> type[Facts]:
    return Facts


@pytest.fixture(scope="session")
def random_inputs() -> Make:
    """Inputs of a network, with contexts of several lengths and gaps."""

    def make(
        lengths: Sequence[int], context: int, horizon: int, facts: Facts, seed: int = 0
    ) -> dict[str, Any]:
        random = np.random.default_rng(seed)
        rows = len(lengths)
        place = np.arange(context)
        state = np.where(place < np.array(lengths)[:, None], 2, 0)
        gaps = (state == 2) & (random.random(state.shape) < 0.1)
        state[gaps & (place > 0)] = 1  # a context begins with a value
        values = np.where(state == 2, random.normal(5, 2, state.shape), 0)
        past = random.normal(size=(rows, context, facts.width("known") + facts.width("historic")))
        found = {
            "state": state.astype(np.int64),
            "values": values.astype(np.float32),
            "past": (past * (state > 0)[..., None]).astype(np.float32),
            "future": random.normal(size=(rows, horizon, facts.width("known"))).astype(np.float32),
            "season": random.normal(5, 2, size=(rows, horizon)).astype(np.float32),
            "smooth": random.normal(5, 2, size=(rows, horizon)).astype(np.float32),
            "spread": random.uniform(0.5, 2, size=(rows, horizon)).astype(np.float32),
            "judged": random.integers(0, 50, size=rows).astype(np.float32),
            "ids": random.integers(0, 5, size=(rows, facts.width("ids"))),
        }
        if facts.width("numbers"):
            found["numbers"] = random.normal(size=(rows, facts.width("numbers"))).astype(np.float32)
        return found

    return make
