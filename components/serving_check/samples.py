"""What a model is asked before it is pushed, and what it must answer."""

import itertools
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import tensorflow as tf
import tensorflow_text  # noqa: F401  Registers the ops of exported models.

from tidegate.components.example_gen.raw_examples import read_serialized
from tidegate.models.core.export import EXTRA_FOLDER, SAMPLES_FILE, plain_answers

_SIGNATURE = "serving_default"
# So many of the raw examples are asked, the first ones.
_ROWS = 8


@dataclass(frozen=True)
class Samples:
    """Requests and their answers.

    Attributes:
      name: of the input of `serving_default` that takes serialized tf.Examples.
      examples: serialized tf.Examples.
      answers: by name, numbers or texts for the examples.
    """

    name: str
    examples: list[bytes]
    answers: Mapping[str, Any]


def recorded_samples(model: str) -> Samples | None:
    """What tidegate's export has written beside a model; None for somebody else's.

    Args:
      model: the SavedModel's folder.
    """
    path = os.path.join(model, EXTRA_FOLDER, SAMPLES_FILE)
    if not tf.io.gfile.exists(path):
        return None
    with tf.io.gfile.GFile(path) as file:
        written = json.loads(file.read())
    examples = [bytes.fromhex(one) for one in written["examples"]]
    return Samples("examples", examples, written["answers"])


def asked_samples(model: str, split: str) -> Samples:
    """Raw examples, and what the model answers when it is loaded in this process.

    Args:
      model: the SavedModel's folder.
      split: the folder of the examples.

    Raises:
      ValueError: the model does not take serialized tf.Examples, or there are none.
    """
    loaded = tf.saved_model.load(model)  # Its signatures do not keep its variables alive.
    if _SIGNATURE not in loaded.signatures:
        raise ValueError(f"no signature {_SIGNATURE}: {sorted(loaded.signatures)}")
    signature = loaded.signatures[_SIGNATURE]
    inputs = signature.structured_input_signature[1]
    if [spec.dtype for spec in inputs.values()] != [tf.string]:
        raise ValueError(
            f"{_SIGNATURE} takes {sorted(inputs)}; expected one tensor of serialized tf.Examples"
        )
    (name,) = inputs
    examples = list(itertools.islice(read_serialized(split), _ROWS))
    if not examples:
        raise ValueError(f"no examples in {split}")
    answers = signature(**{name: tf.constant(examples)})
    return Samples(name, examples, plain_answers(answers))
