"""Model outputs to answers, and requests to raw features, in the graph."""

from collections.abc import Mapping

import tensorflow as tf

from tidegate.models.core.transform import TransformFacts
from tidegate.models.text_classification.model import total_logits
from tidegate.models.text_classification.preprocess import LABELS


def predict(
    parts: tf.Tensor, transformed: Mapping[str, tf.Tensor], facts: TransformFacts
) -> dict[str, tf.Tensor]:
    """The network's output to answers.

    Args:
      parts: float32[batch, parts, classes], the network's output.
      transformed: not used; part of the contract.
      facts: the class names.

    Returns:
      `label` string[batch], the most probable class; `probability` float32[batch], its
      probability; `probabilities` float32[batch, classes]; `classes` string[batch, classes], the
      class names in the same order.
    """
    del transformed
    names = tf.constant(facts.vocabulary(LABELS))
    probabilities = tf.nn.softmax(total_logits(parts))
    best = tf.argmax(probabilities, axis=-1)
    return {
        "label": tf.gather(names, best),
        "probability": tf.reduce_max(probabilities, axis=-1),
        "probabilities": probabilities,
        "classes": tf.repeat(names[tf.newaxis], tf.shape(probabilities)[0], axis=0),
    }


def text_features(request: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """A `predict_text` request, string[batch] `text`, to raw features."""
    return {"text": request["text"]}


def classify_features(request: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """A Classify request, serialized tf.Examples string[batch] `inputs`, to raw features."""
    parsed = tf.io.parse_example(request["inputs"], {"text": tf.io.FixedLenFeature([], tf.string)})
    return {"text": parsed["text"]}
