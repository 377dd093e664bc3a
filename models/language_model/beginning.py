"""What the network knows before it is trained: the n-grams of the training text."""

from typing import Any

import keras
import tensorflow as tf

from tidegate.models.core.progress import reporter
from tidegate.models.core.transform import TransformFacts
from tidegate.models.language_model.baseline import MOST
from tidegate.models.language_model.batches import stream
from tidegate.models.language_model.counted import CountedNgrams
from tidegate.models.language_model.model import counted
from tidegate.models.language_model.preprocess import TOKENS
from tidegate.models.language_model.settings import ModelSettings
from tidegate.models.text.ngrams import NgramModel
from tidegate.models.text.pretrained import start_from
from tidegate.models.text.reversible import UNKNOWN_ID, spellings
from tidegate.models.text.wordpiece import UNKNOWN


def warm_start(
    network: keras.Model,
    examples: tf.data.Dataset,
    model: ModelSettings,
    seed: int,
    facts: TransformFacts,
) -> dict[str, Any] | None:
    """Counts the n-grams that stand beside the network, and starts it from a pushed one.

    Args:
      network: as `build_model` makes it.
      examples: transformed training examples, in the order of the text.
      model: `ngrams`, and `pretrained`.
      seed: not used; part of the contract.
      facts: the vocabulary.

    Returns:
      What was found of the pushed model, as `pretrained.start_from` gives it.

    Raises:
      InputError: the model is none that this network can start from.
    """
    del seed
    found = None
    if model.pretrained is not None:
        found = start_from(model.pretrained, network, tokens(facts), network.name)
    if (ngrams := counted(network)) is not None:
        _count(ngrams, examples, model.ngrams)
    return found


def tokens(facts: TransformFacts, features: Any = None) -> list[str]:
    """The text of each id of the embedding; that of padding and of the border is empty."""
    del features
    vocabulary = facts.vocabulary(TOKENS)
    # Of the others, the text of the unknown token alone differs, by a space.
    pieces = vocabulary[:1] == (UNKNOWN.encode(),)
    found = spellings(vocabulary, "wordpiece" if pieces else "chars")
    return [one.decode("utf-8", "replace") for one in found]


def _count(ngrams: CountedNgrams, examples: tf.data.Dataset, most: int) -> None:
    chunks = (tokens.numpy() for tokens in examples.map(stream))
    learnt = NgramModel(chunks, order=ngrams.order, size=ngrams.size, first=UNKNOWN_ID, most=MOST)
    table = learnt.table(most)
    ngrams.fill(table)
    reporter().line(
        f"n-grams beside the network: {len(table.keys) - 1}, up to {ngrams.order} tokens long, of "
        f"the first {learnt.tokens} tokens"
    )
