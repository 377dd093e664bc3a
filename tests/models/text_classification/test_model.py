"""The network, its loss and its answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import log_softmax, softmax

from tidegate.models.core.task import Pace
from tidegate.models.text_classification.model import (
    LINEAR,
    TRUST,
    Crossentropy,
    build_model,
    objective,
    pace,
)
from tidegate.models.text_classification.predict import (
    classify_features,
    names,
    predict,
    text_features,
)
from tidegate.models.text_classification.settings import FeatureSettings, ModelSettings

SMALL = {"embedding": 8, "units": 6, "linear_weights": 64 * 3}
BATCH = np.array([[3, 4, 5, 6], [7, 0, 0, 0], [1, 1, 2, 0]])


def inputs(tokens: np.ndarray = BATCH) -> dict[str, np.ndarray]:
    hashes = tokens.astype(np.int32)
    return {"tokens": tokens, "words": hashes, "characters": hashes}


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
    ],
)
def test_logits_of_every_class(settings: dict[str, Any], facts: Callable[..., Any]) -> None:
    model = built(facts, classes=5, **settings)
    logits = np.asarray(model(inputs()))
    assert logits.shape == (3, 5)
    assert logits.dtype == np.float32
    assert np.isfinite(logits).all()
    assert model.output_shape == (None, 5)
    assert np.ptp(logits, axis=0).max() > 1e-4  # it does read the tokens


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_the_cell_is_the_one_asked_for(cell: str, facts: Callable[..., Any]) -> None:
    gates = {"lstm": 4, "gru": 3}[cell]
    model = built(facts, cell=cell, linear=False, bidirectional=False, pooling="last", layers=2)
    vocabulary, embedding, units, classes = 22, 8, 6, 3
    bias = gates * units * (2 if cell == "gru" else 1)
    layer = [gates * units * (width + units) + bias for width in (embedding, units)]
    expected = vocabulary * embedding + sum(layer) + units * classes + classes
    assert model.count_params() == expected


def test_the_embedding_holds_padding_unknown_and_the_vocabulary(facts: Callable[..., Any]) -> None:
    model = built(facts)
    assert model.get_layer("embedding").input_dim == 22
    assert np.isfinite(np.asarray(model(inputs(np.array([[1, 2, 21]]))))).all()


def test_without_the_linear_part_the_network_is_the_lstm(facts: Callable[..., Any]) -> None:
    model, alone = built(facts), built(facts, linear=False)
    assert list(alone.input) == ["tokens"]
    trained = [one.path.split("/")[0] for one in model.trainable_variables]
    assert trained == [one.path.split("/")[0] for one in alone.trainable_variables]
    # Before calibration it adds nothing.
    alone.set_weights(model.get_weights()[: len(alone.weights)])
    np.testing.assert_allclose(model(inputs()), alone({"tokens": BATCH}), atol=1e-6)


def test_the_logits_are_the_trusted_sum_of_both_parts(facts: Callable[..., Any]) -> None:
    model = built(facts)
    before = np.asarray(model(inputs()))
    model.get_layer(LINEAR).bias.assign([1.0, 2.0, 3.0])
    model.get_layer(TRUST).set_weights([np.array([0.5, 2.0])])
    np.testing.assert_allclose(model(inputs()), before / 2 + [[2, 4, 6]], atol=1e-5)
    in_training = np.asarray(model(inputs(), training=True)).mean()
    assert abs(in_training - before.mean() / 2) < 1  # the linear part is not read


def test_rows_do_not_depend_on_their_neighbours(facts: Callable[..., Any]) -> None:
    model = built(facts, pooling="max+mean")
    together = np.asarray(model(inputs()))
    alone = [np.asarray(model(inputs(BATCH[k : k + 1, :n])))[0] for k, n in enumerate((4, 1, 3))]
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_dropout_works_in_training_alone(facts: Callable[..., Any]) -> None:
    model = built(facts, word_dropout=0.3, embedding_dropout=0.5, dropout=0.5)
    outputs = [np.asarray(model(inputs(), training=True)) for _ in range(2)]
    assert np.abs(outputs[0] - outputs[1]).max() > 1e-4
    np.testing.assert_array_equal(model(inputs()), model(inputs()))


def test_characters_are_learnt_faster_and_with_less_dropout(facts: Callable[..., Any]) -> None:
    characters, words = facts(tokens=[b"t", b"e", "茶".encode()]), facts()
    assert pace(words) == Pace()
    faster = pace(characters)
    assert faster.learning_rate > Pace().learning_rate and faster.passes > Pace().passes
    rates = []
    for known in (words, characters):
        model = build_model(ModelSettings(), FeatureSettings(), known, use_cudnn=False)
        dropouts = [one.rate for one in model.layers if hasattr(one, "rate")]
        rates.append(np.array([rate for rate in dropouts if rate]))
    np.testing.assert_allclose(rates[1], rates[0][rates[0] != 0.2] / 3)


def test_logits_are_float32_under_mixed_precision(facts: Callable[..., Any]) -> None:
    before = keras.config.dtype_policy()
    try:
        keras.config.set_dtype_policy("mixed_bfloat16")
        model = built(facts)
        assert model.get_layer("recurrent").compute_dtype == "bfloat16"
        assert np.asarray(model(inputs())).dtype == np.float32
    finally:
        keras.config.set_dtype_policy(before)


LOGITS = np.random.default_rng(2).normal(0, 4, (6, 4)).astype(np.float32)
TARGETS = np.array([0, 1, 2, 3, 3, 0])


def crossentropy(logits: np.ndarray, smoothing: float) -> np.ndarray:
    target = (1 - smoothing) * np.eye(4)[TARGETS] + smoothing / 4
    by_row: np.ndarray = -(target * log_softmax(logits.astype(float), axis=1)).sum(axis=1)
    return by_row


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.9])
def test_loss_is_the_smoothed_cross_entropy(smoothing: float) -> None:
    expected = crossentropy(LOGITS, smoothing)
    loss = Crossentropy(smoothing)
    np.testing.assert_allclose(loss.call(TARGETS, LOGITS), expected, rtol=1e-5)
    weight = np.array([1.0, 0.0, 2.0, 0.5, 1.0, 1.0], np.float32)
    assert float(loss(TARGETS, LOGITS, sample_weight=weight)) == pytest.approx(
        (expected * weight).sum() / len(weight), rel=1e-5
    )
    like = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing)
    one_hot = np.eye(4)[TARGETS].astype(np.float32)
    assert float(loss(TARGETS, LOGITS)) == pytest.approx(float(like(one_hot, LOGITS)), rel=1e-5)


def test_loss_of_extreme_logits_is_finite() -> None:
    logits = np.array([[1e4, -1e4], [-1e4, 1e4]], np.float32)
    np.testing.assert_allclose(Crossentropy().call(np.array([0, 0]), logits), [0.0, 2e4])


def test_loss_takes_targets_of_either_shape_and_keeps_its_config() -> None:
    loss = Crossentropy.from_config(Crossentropy(0.2).get_config())
    assert loss.smoothing == 0.2
    flat, column = loss.call(TARGETS, LOGITS), loss.call(TARGETS[:, None], LOGITS)
    np.testing.assert_array_equal(flat, column)


def test_objective_is_the_validation_accuracy() -> None:
    goal = objective(ModelSettings(label_smoothing=0.1))
    assert (goal.monitor, goal.mode, goal.loss.smoothing) == ("val_accuracy", "max", 0.1)
    assert [metric.name for metric in goal.metrics] == ["accuracy"]


@pytest.mark.parametrize("top", [1, 3, 9])
def test_answers_are_the_best_classes_and_all_probabilities(
    facts: Callable[..., Any], top: int
) -> None:
    made = facts(classes=4, top_classes=top)
    answers = predict(tf.constant(LOGITS), {}, made)
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
    answers = predict(tf.zeros((0, 3)), {}, facts(top_classes=2))
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
