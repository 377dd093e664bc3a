"""Preprocessing in a real TF Transform pipeline: tokens, target, weight and length slice."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft
from sklearn.utils.class_weight import compute_class_weight

from tests.conftest import Analyze
from tidegate.models.text_classification.preprocess import model_inputs, preprocess
from tidegate.models.text_classification.settings import FeatureSettings

pytestmark = pytest.mark.slow

LABELS = ["often"] * 6 + ["some times"] * 3 + ["稀"]
TEXTS = ["the tide", "The TIDE turns", "水门 the", "", "the " * 12, "tide"] + ["turns the"] * 4
FEATURES = FeatureSettings(tokenizer="words", min_count=1, max_tokens=6, vocabulary_size=50)


@pytest.fixture(scope="module")
def run(analyze: Analyze) -> tuple[list[dict[str, Any]], tft.TFTransformOutput]:
    records = [{"text": t, "label": n} for t, n in zip(TEXTS, LABELS, strict=True)]
    spec = {name: tf.io.FixedLenFeature([], tf.string) for name in ("text", "label")}
    rows, output, _ = analyze(records, spec, lambda inputs: preprocess(inputs, FEATURES))
    return rows, output


def transform(output: tft.TFTransformOutput, **columns: list[str]) -> dict[str, Any]:
    layer = output.transform_features_layer()
    found: dict[str, Any] = layer({name: tf.constant(one) for name, one in columns.items()})
    return found


def test_weights_are_balanced_as_in_scikit_learn(run: Any) -> None:
    rows, _ = run
    classes = np.unique(LABELS)
    balanced = compute_class_weight("balanced", classes=classes, y=LABELS)
    by_class = dict(zip(classes, balanced, strict=True))
    expected = sorted(by_class[label] for label in LABELS)
    assert sorted(float(row["weight"]) for row in rows) == pytest.approx(expected)
    assert np.mean([row["weight"] for row in rows]) == pytest.approx(1.0)


def test_classes_stand_by_falling_frequency(run: Any) -> None:
    rows, output = run
    names = [name.decode() for name in output.vocabulary_by_name("labels")]
    assert names == ["often", "some times", "稀"]
    found = transform(output, text=["a"] * 4, label=["稀", "often", "some times", "never"])
    assert found["target"].numpy().tolist() == [2, 0, 1, -1]
    by_target = {int(row["target"]): float(row["weight"]) for row in rows}
    assert by_target == pytest.approx({0: 10 / 18, 1: 10 / 9, 2: 10 / 3})


def test_a_label_never_seen_has_no_weight(run: Any) -> None:
    found = transform(run[1], text=["a", "a"], label=["never", "often"])
    np.testing.assert_allclose(found["weight"], [0.0, 10 / 18], rtol=1e-6)


def test_tokens_of_a_text_and_of_none(run: Any) -> None:
    _, output = run
    words = ["[padding]", "[unknown]", *(w.decode() for w in output.vocabulary_by_name("tokens"))]
    dense = model_inputs(transform(output, text=["the 水 Tide, zebra", ""], label=["", ""]))
    assert list(dense) == ["tokens", "words", "characters"]
    assert dense["characters"].numpy().tolist() == [
        [ord(one) for one in " the 水 tide, zebra "],
        [0] * 19,
    ]
    hashes = dense["words"].numpy()
    assert hashes.dtype == np.int32 and (hashes[0] > 1).all()
    assert len(set(hashes[0])) == 5 and hashes[1].tolist() == [1, 0, 0, 0, 0]
    shown = [[words[one] for one in row] for row in dense["tokens"].numpy()]
    assert shown == [
        ["the", "水", "tide", "[unknown]", "[unknown]"],
        ["[unknown]"] + ["[padding]"] * 4,
    ]


def test_truncated_but_sliced_by_the_whole_length(run: Any) -> None:
    found = transform(run[1], text=["tide " * 40, "tide"], label=["often", "often"])
    assert tf.RaggedTensor.from_sparse(found["tokens"]).row_lengths().numpy().tolist() == [6, 1]
    assert found["length"].numpy().tolist() == [b"0033-0128", b"0000-0008"]


def test_serving_needs_no_label(run: Any) -> None:
    found = transform(run[1], text=["the tide"])
    both = transform(run[1], text=["the tide"], label=["often"])
    for name in ("tokens", "length"):
        first, second = found[name], both[name]
        if isinstance(first, tf.SparseTensor):
            first, second = first.values, second.values
        np.testing.assert_array_equal(first, second)
