"""Networks that start from a pushed one: of the same task, and of another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from tidegate.models.core.pretrained import read_pretrained, write_pretrained
from tidegate.models.core.settings import NETWORK_FILE
from tidegate.models.core.task import load_task
from tidegate.models.text.pretrained import matching_rows, start_from
from tidegate.pipeline.config import check_input_files, make_config
from tidegate.tables.errors import InputError

SIZES = {"embedding": 4, "units": 5}
OTHERS = [" The", " tide", "the", ".", "\u2028", " harbour", "Ebb"]


class Facts:
    """What a transform graph knows."""

    def __init__(self, *tokens: str) -> None:
        self.names = {"tokens": [one.encode() for one in tokens], "labels": [b"a", b"b"]}

    def vocabulary(self, name: str) -> tuple[bytes, ...]:
        return tuple(self.names[name])

    def size(self, name: str) -> int:
        return len(self.names[name])


def made(task: str, *tokens: str, **settings: Any) -> tuple[keras.Model, list[str], Any]:
    """A network, the text of its ids, and its settings."""
    found = load_task(task)
    model = found.model(**{**SIZES, **settings})
    facts = Facts(*tokens)
    network = found.build_model(model, found.features(), facts)
    assert found.tokens is not None
    return network, found.tokens(facts, found.features()), model


def pushed(folder: Path, task: str, *tokens: str, **settings: Any) -> tuple[str, dict[str, Any]]:
    """The file of a model, and its weights."""
    network, texts, model = made(task, *tokens, **settings)
    random = np.random.default_rng(0)
    for one in network.trainable_weights:
        one.assign(random.normal(size=one.shape))
    write_pretrained(str(folder), task, network, model, texts)
    return str(folder / NETWORK_FILE), {one.path: np.array(one) for one in network.weights}


def as_given(path: str, model: Any) -> dict[str, dict[str, Any]]:
    return {"model": {**model.model_dump(), "pretrained": path}}


def weights(network: keras.Model) -> dict[str, np.ndarray]:
    return {one.path: np.array(one) for one in network.trainable_weights}


def test_a_classifier_starts_from_a_language_model(tmp_path: Path) -> None:
    path, given = pushed(tmp_path, "language_model", *OTHERS, ngrams=0)
    network, tokens, _ = made("text_classification", "tide", "quay", "the", "ebb", linear=False)
    before = weights(network)
    found = start_from(path, network, tokens, "text_classification")
    after = weights(network)
    table, start = after.pop("embedding/embeddings"), before.pop("embedding/embeddings")
    rows = given["embedding/embeddings"]
    # Padding, unknown, tide, quay, the (the very same, before " The"), ebb.
    np.testing.assert_array_equal(table[[0, 1, 2, 4, 5]], rows[[0, 1, 4, 5, 9]])
    np.testing.assert_array_equal(table[3], start[3])
    assert found["tokens"] == pytest.approx(3 / 4)
    for name, value in after.items():
        taken = name.startswith("recurrent/forward_0")
        np.testing.assert_array_equal(value, given[name] if taken else before[name])
    assert found["weights"] == 4


def test_a_language_model_goes_on_from_its_own(tmp_path: Path) -> None:
    path, given = pushed(tmp_path, "language_model", *OTHERS, ngrams=20)
    network, tokens, _ = made("language_model", "Ebb", " sluice", " The", ngrams=20)
    before = weights(network)
    found = start_from(path, network, tokens, "language_model")
    after = weights(network)
    assert found["weights"] == len(after) and found["tokens"] == pytest.approx(2 / 3, abs=1e-3)
    own, other = [0, 1, 2, 3, 5], [0, 1, 2, 9, 3]
    for name, axis in (
        *(("embedding/embeddings", 0), ("output/kernel", 0), ("output/bias", 0)),
        ("output/by_known", 1),
    ):
        value, start = after.pop(name), before[name]
        np.testing.assert_array_equal(value.take(own, axis), given[name].take(other, axis))
        np.testing.assert_array_equal(value.take(4, axis), start.take(4, axis))
    for name, value in after.items():
        np.testing.assert_array_equal(value, given[name])


def test_what_cannot_be_started_from_names_the_setting(tmp_path: Path) -> None:
    path, _ = pushed(tmp_path, "language_model", *OTHERS, ngrams=0)
    for settings in ({"units": 6}, {"embedding": 3}, {"cell": "gru"}):
        network, tokens, model = made("text_classification", "tide", linear=False, **settings)
        sizes = "set model.embedding=4 model.units=5 model.cell=lstm$"
        with pytest.raises(InputError, match=rf"^model.pretrained={path}: .*{sizes}"):
            start_from(path, network, tokens, "text_classification")
        with pytest.raises(InputError, match=sizes):  # before anything starts
            check_input_files(make_config(load_task("text_classification"), as_given(path, model)))
    network, tokens, model = made("text_classification", "水", linear=False)
    check_input_files(make_config(load_task("text_classification"), as_given(path, model)))
    with pytest.raises(InputError, match="has none of the 1 tokens; expected a model of texts"):
        start_from(path, network, tokens, "text_classification")
    for content in (b"", b"no network", Path(path).read_bytes()[:500]):
        Path(path).write_bytes(content)
        with pytest.raises(InputError, match=r"^model.pretrained=.*: not the network of a model"):
            read_pretrained(path)


def test_tokens_are_matched_by_their_text() -> None:
    others = ["", "\ufffd", "", " don't", "Don't", " ", "A", "a"]
    tokens = ["", "\ufffd", "don\u02bct", "Don't", "a", " ", "b"]
    # The most frequent that differs by its space and its capitals; the very same if there is one.
    assert matching_rows(tokens, others).tolist() == [0, 1, 3, 4, 7, 5, -1]
