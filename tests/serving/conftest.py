"""The models that server tests share, each built once in a session."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.serving import models

Build = Callable[[str], Path]


@pytest.fixture(scope="session")
def saved_model(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """A SavedModel's folder by name; do not change it, publish copies.

    Names: ``half_plus_two``, ``half_plus_N`` for any other offset N, ``text_words``, ``slow``,
    ``tf1_half_plus_two``, ``broken``, ``warm`` and ``warm_fails`` (half_plus_two with a warm-up
    request that it answers, and one that it does not).
    """
    root = tmp_path_factory.mktemp("saved_models")

    def build(name: str) -> Path:
        folder = root / name
        if folder.exists():
            return folder
        numbers = {"two": 2.0}
        if name in ("warm", "warm_fails"):
            rows = [1.0, 5.0]
            inputs = {"x": rows} if name == "warm" else {"unknown": rows}
            request = models.predict_request("half_plus_two", inputs)
            return models.with_warmup(build("half_plus_two"), folder, [request])
        if name.startswith("half_plus_"):
            number = name.removeprefix("half_plus_")
            return models.half_plus_two(folder, numbers.get(number) or float(number))
        builder: Callable[[Path], Path] = getattr(models, name)
        return builder(folder)

    return build
