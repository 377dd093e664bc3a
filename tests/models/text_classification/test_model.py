"""The network, its loss and its answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import log_softmax, softmax

from tidegate.models.text_classification.model import (
    PartsAccuracy,
    PartsCrossentropy,
    build_model,
    ngram_buckets,
    objective,
    total_logits,
)
from tidegate.models.text_classification.predict import (
    classify_features,
    names,
    predict,
    text_features,
)
from tidegate.models.text_classification.settings import FeatureSettings, ModelSettings

SMALL = {"embedding": 8, "units": 6, "ngram_weights": 64 * 3}
BATCH = np.array([[3, 4, 5, 6], [7, 0, 0, 0], [1, 1, 2, 0]])


def built(facts: Callable[..., Any], classes: int = 3, **settings: Any) -> keras.Model:
    keras.utils.set_random_seed(0)
    model = ModelSettings(**{**SMALL, **settings})
    return build_model(model, FeatureSettings(), facts(classes=classes, tokens=20))


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"cell": "gru"},
        pytest.param({"bidirectional": False, "pooling": "last"}, marks=pytest.mark.slow),
        pytest.param({"layers": 3, "pooling": "attention"}, marks=pytest.mark.slow),
        {"pooling": "last+max+mean+attention"},
        pytest.param({"ngrams": 5}, marks=pytest.mark.slow),
    ],
)
def test_logits_of_every_class(settings: dict[str, Any], facts: Callable[..., Any]) -> None:
    model = built(facts, classes=5, **settings)
    parts = np.asarray(model({"tokens": BATCH}))
    assert parts.shape == (3, 2, 5)
    assert parts.dtype == np.float32
    assert np.isfinite(parts).all()
    assert model.output_shape == (None, 2, 5)
    assert np.ptp(parts[:, 0], axis=0).max() > 1e-4  # it does read the tokens


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_the_cell_is_the_one_asked_for(cell: str, facts: Callable[..., Any]) -> None:
    gates = {"lstm": 4, "gru": 3}[cell]
    model = built(facts, cell=cell, ngrams=0, bidirectional=False, pooling="last", layers=2)
    vocabulary, embedding, units, classes = 22, 8, 6, 3
    bias = gates * units * (2 if cell == "gru" else 1)
    layer = [gates * units * (width + units) + bias for width in (embedding, units)]
    expected = vocabulary * embedding + sum(layer) + units * classes + classes
    assert model.count_params() == expected


def test_the_embedding_holds_padding_unknown_and_the_vocabulary(facts: Callable[..., Any]) -> None:
    model = built(facts)
    assert model.get_layer("embedding").input_dim == 22
    assert np.isfinite(np.asarray(model({"tokens": np.array([[1, 2, 21]])}))).all()


def test_without_ngrams_the_wide_part_is_not_there(facts: Callable[..., Any]) -> None:
    assert "wide" in [layer.name for layer in built(facts).layers]
    narrow = built(facts, ngrams=0)
    assert "wide" not in [layer.name for layer in narrow.layers]
    assert narrow.output_shape == (None, 1, 3)
    assert narrow.count_params() == built(facts).count_params() - 64 * 3


def test_the_logits_are_the_sum_of_the_deep_and_the_wide_part(facts: Callable[..., Any]) -> None:
    model = built(facts)
    before = np.asarray(model({"tokens": BATCH}))
    np.testing.assert_array_equal(before[:, 1], 0)
    wide = model.get_layer("wide")
    wide.set_weights([np.random.default_rng(0).normal(size=(64, 3))])
    after = np.asarray(model({"tokens": BATCH}))
    np.testing.assert_array_equal(after[:, 0], before[:, 0])
    np.testing.assert_allclose(after[:, 1], wide(BATCH), atol=1e-5)
    np.testing.assert_allclose(
        total_logits(after), before[:, 0] + np.asarray(wide(BATCH)), atol=1e-5
    )


@pytest.mark.parametrize(
    "weights,classes,expected",
    [
        (192, 3, 64),
        (255, 4, 32),  # 63 would do; a power of two
        (64, 77, 16),  # 16 at least
        (2**22, 2, 2**19),  # 524,288 at most
        (2**22, 77, 2**15),
    ],
)
def test_buckets_that_the_weights_allow(weights: int, classes: int, expected: int) -> None:
    assert ngram_buckets(weights, classes) == expected


def test_rows_do_not_depend_on_their_neighbours(facts: Callable[..., Any]) -> None:
    model = built(facts, pooling="max+mean", ngrams=3)
    together = np.asarray(model({"tokens": BATCH}))
    alone = [
        np.asarray(model({"tokens": BATCH[k : k + 1, :n]}))[0] for k, n in enumerate((4, 1, 3))
    ]
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_dropout_works_in_training_alone(facts: Callable[..., Any]) -> None:
    model = built(facts, word_dropout=0.3, embedding_dropout=0.5, dropout=0.5)
    outputs = [np.asarray(model({"tokens": BATCH}, training=True)) for _ in range(2)]
    assert np.abs(outputs[0] - outputs[1]).max() > 1e-4
    np.testing.assert_array_equal(model({"tokens": BATCH}), model({"tokens": BATCH}))


def test_logits_are_float32_under_mixed_precision(facts: Callable[..., Any]) -> None:
    before = keras.config.dtype_policy()
    try:
        keras.config.set_dtype_policy("mixed_bfloat16")
        model = built(facts)
        assert model.get_layer("recurrent").compute_dtype == "bfloat16"
        assert np.asarray(model({"tokens": BATCH})).dtype == np.float32
    finally:
        keras.config.set_dtype_policy(before)


PARTS = np.random.default_rng(2).normal(0, 3, (6, 2, 4)).astype(np.float32)
LOGITS = PARTS.sum(axis=1)
TARGETS = np.array([0, 1, 2, 3, 3, 0])


def crossentropy(logits: np.ndarray, smoothing: float) -> np.ndarray:
    target = (1 - smoothing) * np.eye(4)[TARGETS] + smoothing / 4
    by_row: np.ndarray = -(target * log_softmax(logits.astype(float), axis=1)).sum(axis=1)
    return by_row


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.9])
@pytest.mark.parametrize("part_loss", [0.0, 0.5])
def test_loss_is_the_cross_entropy_of_the_sum_and_a_share_of_each_parts(
    part_loss: float, smoothing: float
) -> None:
    expected = crossentropy(LOGITS, smoothing)
    expected += part_loss * sum(crossentropy(PARTS[:, k], smoothing) for k in (0, 1))
    loss = PartsCrossentropy(part_loss, smoothing)
    np.testing.assert_allclose(loss.call(TARGETS, PARTS), expected, rtol=1e-5)
    weight = np.array([1.0, 0.0, 2.0, 0.5, 1.0, 1.0], np.float32)
    assert float(loss(TARGETS, PARTS, sample_weight=weight)) == pytest.approx(
        (expected * weight).sum() / len(weight), rel=1e-5
    )


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_loss_of_one_part_is_keras_own(smoothing: float) -> None:
    like = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing)
    one_hot = np.eye(4)[TARGETS].astype(np.float32)
    found = PartsCrossentropy(0.5, smoothing)(TARGETS, LOGITS[:, None])
    assert float(found) == pytest.approx(float(like(one_hot, LOGITS)), rel=1e-5)


def test_loss_of_extreme_logits_is_finite() -> None:
    parts = np.array([[[1e4, -1e4]], [[-1e4, 1e4]]], np.float32)
    np.testing.assert_allclose(PartsCrossentropy().call(np.array([0, 0]), parts), [0.0, 2e4])


def test_loss_takes_targets_of_either_shape_and_keeps_its_config() -> None:
    loss = PartsCrossentropy.from_config(PartsCrossentropy(0.3, 0.2).get_config())
    assert (loss.part_loss, loss.smoothing) == (0.3, 0.2)
    flat, column = loss.call(TARGETS, PARTS), loss.call(TARGETS[:, None], PARTS)
    np.testing.assert_array_equal(flat, column)


def test_objective_is_the_validation_accuracy_of_the_sum() -> None:
    goal = objective(ModelSettings(label_smoothing=0.1, part_loss=0.3))
    assert (goal.monitor, goal.mode) == ("val_accuracy", "max")
    assert (goal.loss.smoothing, goal.loss.part_loss) == (0.1, 0.3)
    (accuracy,) = goal.metrics
    assert isinstance(accuracy, PartsAccuracy) and accuracy.name == "accuracy"
    answers = LOGITS.argmax(axis=1)
    for part in (0, 1):
        assert (PARTS[:, part].argmax(axis=1) != answers).any()
    accuracy.update_state(answers, PARTS)
    assert float(accuracy.result()) == 1.0
    accuracy.update_state((answers + 1) % 4, PARTS)
    assert float(accuracy.result()) == 0.5


@pytest.mark.parametrize("top", [1, 3, 9])
def test_answers_are_the_best_classes_and_all_probabilities(
    facts: Callable[..., Any], top: int
) -> None:
    made = facts(classes=4, top_classes=top)
    answers = predict(tf.constant(PARTS), {}, made)
    expected = softmax(LOGITS, axis=1)
    order = np.argsort(-expected, axis=1)[:, :top]
    best = np.take_along_axis(expected, order, axis=1)
    every = [f"class-{k}" for k in range(4)]
    np.testing.assert_allclose(answers["probabilities_all"], expected, rtol=1e-5)
    np.testing.assert_allclose(answers["probabilities"], best, rtol=1e-5)
    np.testing.assert_allclose(answers["probability"], best[:, 0], rtol=1e-5)
    named = [[every[k].encode() for k in row] for row in order]
    assert answers["classes"].numpy().tolist() == named
    assert answers["label"].numpy().tolist() == [row[0] for row in named]
    assert answers["_classes_all"].numpy().tolist() == [[name.encode() for name in every]] * 6
    assert names(made) == {"probabilities_all": every}


def test_answers_of_no_rows(facts: Callable[..., Any]) -> None:
    answers = predict(tf.zeros((0, 2, 3)), {}, facts(top_classes=2))
    shapes = {name: tuple(value.shape) for name, value in answers.items()}
    assert shapes == {
        "label": (0,),
        "probability": (0,),
        "probabilities": (0, 2),
        "classes": (0, 2),
        "probabilities_all": (0, 3),
        "_classes_all": (0, 3),
    }


def test_requests_become_raw_features() -> None:
    texts = tf.constant(["a", "水", ""])
    assert text_features({"text": texts})["text"] is texts
    examples = [
        tf.train.Example(
            features=tf.train.Features(
                feature={"text": tf.train.Feature(bytes_list=tf.train.BytesList(value=[text]))}
            )
        ).SerializeToString()
        for text in texts.numpy()
    ]
    found = classify_features({"inputs": tf.constant(examples)})
    assert list(found) == ["text"]
    assert found["text"].numpy().tolist() == texts.numpy().tolist()
