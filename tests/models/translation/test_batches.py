"""Pairs to tokens and batches: the real transform graph, and what a batch holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import tensorflow as tf

from tidegate.models.core.transform import TransformFacts
from tidegate.models.text import reversible
from tidegate.models.translation.batches import batches, count
from tidegate.models.translation.preprocess import SOURCE, TARGET, model_inputs, preprocess
from tidegate.models.translation.settings import FeatureSettings, ModelSettings
from tidegate.tables.errors import InputError

if TYPE_CHECKING:
    from tests.conftest import Analyze

PAIRS = [
    ("The gate opens.", "Das Tor öffnet."),
    ("  Das Tor, the gate: THE GATE! ", "öffnet das Tor\r\nFlut"),
    ("gate", "Tor"),
    ("水闸 opens", "Das Tor"),
]
SPEC = {name: tf.io.FixedLenFeature([], tf.string) for name in ("source", "target")}


def test_tokens_are_the_texts(analyze: Analyze) -> None:
    features = FeatureSettings(tokenizer="words", lower_case=True)
    records = [{"source": source, "target": target} for source, target in PAIRS]
    _, transform, _ = analyze(records, SPEC, lambda inputs: preprocess(inputs, features))
    facts = TransformFacts(transform)
    layer = transform.transform_features_layer()
    found = layer({name: tf.constant([one[name] for one in records]) for name in SPEC})
    for side, name in enumerate((SOURCE, TARGET)):
        spelled = tf.constant(reversible.spellings(facts.vocabulary(name), "words"))
        ids = tf.RaggedTensor.from_sparse(found[name]).to_tensor()
        texts = [one.decode().strip() for one in reversible.join(ids, spelled).numpy()]
        assert texts == [pair[side].replace("\r\n", "\n").strip().lower() for pair in PAIRS]
    assert [one.decode() for one in found["target_text"].numpy()] == texts
    # A first word is the same token as elsewhere.
    entries = [one.decode() for one in facts.vocabulary(TARGET)]
    assert " öffnet" in entries and "öffnet" not in entries
    # A request has no target; its inputs are those of an empty one.
    asked = layer({"source": tf.constant([one["source"] for one in records])})
    inputs = model_inputs({name: asked[name] for name in (SOURCE,)})
    assert inputs["tokens"].numpy().tolist() == [[2]] * len(PAIRS)
    np.testing.assert_array_equal(inputs["source"], model_inputs(found)["source"])


def examples(pairs: list[tuple[list[int], list[int]]]) -> tf.data.Dataset:
    columns = {
        name: tf.ragged.constant([pair[side] for pair in pairs], tf.int64, ragged_rank=1)
        for side, name in enumerate((SOURCE, TARGET))
    }
    found = tf.data.Dataset.from_tensor_slices(columns)
    return found.map(lambda one: {name: _sparse(one[name]) for name in one})


def _sparse(values: tf.Tensor) -> tf.SparseTensor:
    size = tf.size(values, tf.int64)
    return tf.SparseTensor(tf.range(size)[:, None], values, [size])


def test_a_batch_has_borders_padding_and_weights() -> None:
    given = examples([([5, 6], [7]), ([8], []), ([9], [3, 4])])
    ((inputs, target, weight),) = batches(given, FeatureSettings(), ModelSettings(), 4, None)
    assert inputs["source"].numpy().tolist() == [[5, 6, 2], [8, 2, 0], [9, 2, 0]]
    assert inputs["tokens"].numpy().tolist() == [[2, 7, 0], [2, 0, 0], [2, 3, 4]]
    assert target.numpy().tolist() == [[7, 2, 0], [2, 0, 0], [3, 4, 2]]
    assert weight.numpy().tolist() == [[1, 1, 0], [1, 0, 0], [1, 1, 1]]
    # The same as a request's inputs are made.
    sparse = {
        SOURCE: tf.ragged.constant([[5, 6], [8], [9]], tf.int64).to_sparse(),
        TARGET: tf.ragged.constant([[7], [], [3, 4]], tf.int64).to_sparse(),
    }
    for name, expected in model_inputs(sparse).items():
        np.testing.assert_array_equal(inputs[name], expected)


def test_every_pair_comes_once_among_those_of_like_length_and_too_long_ones_do_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    random = np.random.default_rng(0)
    sizes = random.integers(1, 60, [300, 2])
    pairs = [([3 + n] * int(a), [3 + n] * int(b)) for n, (a, b) in enumerate(sizes)]
    features, lines = FeatureSettings(max_tokens=50, max_ratio=2.0), []
    longer, shorter = sizes.max(axis=1), sizes.min(axis=1)
    long = longer > 50
    unlike = ~long & (longer > 2 * shorter + 10)
    right = ~long & ~unlike
    monkeypatch.setattr(
        "tidegate.models.translation.batches.reporter",
        lambda: type("Kept", (), {"line": staticmethod(lines.append)}),
    )
    kept = count(examples(pairs), features, ModelSettings())
    assert kept == right.sum() and unlike.sum() > 5 < long.sum()
    assert lines == [
        f"not trained on, of 300 pairs: {long.sum()} have more tokens on a side than "
        f"features.max_tokens=50; {unlike.sum()} have sides of lengths more unlike than "
        "features.max_ratio=2"
    ]
    seen, cells, tokens = [], 0, 0
    for inputs, target, weight in batches(examples(pairs), features, ModelSettings(), 16, None):
        seen += (inputs["source"].numpy()[:, 0] - 3).tolist()
        width = np.maximum(inputs["source"].shape[1], target.shape[1])
        own = (inputs["source"].numpy() > 0).sum(axis=1), weight.numpy().sum(axis=1)
        cells += width * len(target)
        tokens += np.maximum(*own).sum()
    assert sorted(seen) == np.flatnonzero(right).tolist()
    assert tokens / cells > 0.8
    some = [pair for pair in pairs if max(map(len, pair)) > 1]
    with pytest.raises(InputError, match=r"none of \d+ pairs can be trained on: .*max_tokens=1: r"):
        count(examples(some), FeatureSettings(max_tokens=1), ModelSettings())
