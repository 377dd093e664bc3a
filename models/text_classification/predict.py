"""Model outputs to answers, and requests to raw features, in the graph."""

from collections.abc import Mapping

import tensorflow as tf

from tidegate.models.core.transform import TransformFacts
from tidegate.models.text_classification.preprocess import LABELS


def predict(
    logits: tf.Tensor, transformed: Mapping[str, tf.Tensor], facts: TransformFacts
) -> dict[str, tf.Tensor]:
    """The network's output to answers.

    Args:
      logits: float32[batch, classes], the network's output.
      transformed: not used; part of the contract.
      facts: the class names.

    Returns:
      `label` string[batch], the most probable class; `probability` float32[batch], its
      probability; `classes` string[batch, top] and `probabilities` float32[batch, top], the
      `model.top_classes` best ones, the best first; `probabilities_all` float32[batch, classes], in
      the order of `names`; `_classes_all` string[batch, classes], their names.
    """
    del transformed
    classes = tf.constant(facts.vocabulary(LABELS))
    # The rank is lost on the way to an exported graph, and TensorFlow would complain at each load.
    every = tf.nn.softmax(tf.ensure_shape(logits, [None, facts.size(LABELS)]))
    best, places = tf.math.top_k(every, min(facts.settings.top_classes, facts.size(LABELS)))
    named = tf.gather(classes, places)
    return {
        "label": named[:, 0],
        "probability": best[:, 0],
        "classes": named,
        "probabilities": best,
        "probabilities_all": every,
        "_classes_all": tf.repeat(classes[tf.newaxis], tf.shape(every)[0], axis=0),
    }


def names(facts: TransformFacts) -> dict[str, list[str]]:
    """The classes, in the order of `probabilities_all`."""
    return {"probabilities_all": [name.decode() for name in facts.vocabulary(LABELS)]}


def text_features(request: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """A `predict_text` request, string[batch] `text`, to raw features."""
    return {"text": request["text"]}


def classify_features(request: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """A Classify request, serialized tf.Examples string[batch] `inputs`, to raw features."""
    parsed = tf.io.parse_example(request["inputs"], {"text": tf.io.FixedLenFeature([], tf.string)})
    return {"text": parsed["text"]}
