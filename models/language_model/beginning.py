"""What the network knows before it is trained: the n-grams of the training text."""

import keras
import tensorflow as tf

from tidegate.models.core.progress import reporter
from tidegate.models.core.transform import TransformFacts
from tidegate.models.language_model.baseline import MOST
from tidegate.models.language_model.batches import stream
from tidegate.models.language_model.model import counted
from tidegate.models.language_model.settings import ModelSettings
from tidegate.models.text.ngrams import NgramModel
from tidegate.models.text.reversible import UNKNOWN_ID


def warm_start(
    network: keras.Model,
    examples: tf.data.Dataset,
    model: ModelSettings,
    seed: int,
    facts: TransformFacts,
) -> None:
    """Counts the n-grams that stand beside the network.

    Args:
      network: as `build_model` makes it.
      examples: transformed training examples, in the order of the text.
      model: `ngrams`.
      seed: not used; part of the contract.
      facts: not used; part of the contract.
    """
    del seed, facts
    ngrams = counted(network)
    if ngrams is None:
        return
    chunks = (tokens.numpy() for tokens in examples.map(stream))
    learnt = NgramModel(chunks, order=ngrams.order, size=ngrams.size, first=UNKNOWN_ID, most=MOST)
    table = learnt.table(model.ngrams)
    ngrams.fill(table)
    reporter().line(
        f"n-grams beside the network: {len(table.keys) - 1}, up to {ngrams.order} tokens long, of "
        f"the first {learnt.tokens} tokens"
    )
