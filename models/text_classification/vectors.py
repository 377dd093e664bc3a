"""Word vectors, of a file or from the training texts: where the embedding starts from."""

from collections.abc import Iterable, Iterator
from typing import Any

import keras
import numpy as np
import scipy.sparse
import tensorflow as tf
from sklearn.utils.extmath import randomized_svd

from tidegate.models.core.progress import reporter
from tidegate.models.core.transform import TransformFacts
from tidegate.models.text.pretrained import start_from
from tidegate.models.text.tokens import FIRST_ID, UNKNOWN_ID
from tidegate.models.text.vector_files import read_vectors
from tidegate.models.text.wordpiece import UNKNOWN
from tidegate.models.text_classification.model import EMBEDDING
from tidegate.models.text_classification.preprocess import TOKENS
from tidegate.models.text_classification.settings import ModelSettings
from tidegate.tables.errors import InputError

_WINDOW = 5
# What stands for an unknown token, in language models too.
_UNREADABLE = "\ufffd"
# The context distribution is smoothed by this exponent (Levy et al. 2015).
_SMOOTHING = 0.75
# Tokens that are counted at most: they and their pairs are held in memory.
_MOST_TOKENS = 8_000_000
# Standard deviation of a vector's values; as large as a trained embedding's come out.
_SPREAD = 0.3


def warm_start(
    network: keras.Model,
    examples: tf.data.Dataset,
    model: ModelSettings,
    seed: int,
    facts: TransformFacts,
) -> dict[str, Any] | None:
    """Starts the network from a pushed one, or its embedding from word vectors.

    Those are of a file, or of the training texts.

    Args:
      network: as `build_model` makes it.
      examples: transformed training examples.
      model: `pretrained` names a model; without it, `vectors` names a file; without that,
        `word_vectors` switches those of the texts.
      seed: of the decomposition.
      facts: the vocabulary.

    Returns:
      What was found of a model, as `pretrained.start_from` gives it.

    Raises:
      InputError: the file holds no word vectors, or none of the vocabulary's; or the model is none
        that this network can start from.
    """
    if model.pretrained is not None:
        return start_from(model.pretrained, network, tokens(facts), network.name)
    layer = network.get_layer(EMBEDDING)
    (start,) = layer.get_weights()
    if model.vectors is not None:
        words = [word.decode("utf-8", "replace") for word in facts.vocabulary(TOKENS)]
        given = read_vectors(model.vectors, words)
        share = np.any(given, axis=1).mean()
        if not share:
            raise InputError(
                f"model.vectors={model.vectors}: has none of the {len(words)} tokens; expected "
                "vectors of words in the language of the texts (features.tokenizer=words)"
            )
        reporter().line(
            f"word vectors: {share:.1%} of {len(words)} tokens are in {model.vectors}; the others "
            "start at random"
        )
        found = np.zeros_like(start)
        # A learnt vocabulary of pieces holds the unknown one as well.
        own = slice(UNKNOWN_ID if words[0] == UNKNOWN else FIRST_ID, None)
        found[own][: len(words)] = fitted(given, start[own][: len(words)], seed)
    elif model.word_vectors:
        rows = (example["tokens"].values.numpy() for example in examples)
        found = word_vectors(rows, start.shape[0], start.shape[1], seed)
    else:
        return None
    known = np.any(found, axis=1)
    start[known] = found[known]
    layer.set_weights([start])
    return None


def tokens(facts: TransformFacts, features: Any = None) -> list[str]:
    """The text of each id of the embedding: that of padding is empty."""
    del features
    words = [word.decode("utf-8", "replace") for word in facts.vocabulary(TOKENS)]
    # A learnt vocabulary of pieces holds the unknown one as well.
    return ["", *words] if words[:1] == [UNKNOWN] else ["", _UNREADABLE, *words]


def fitted(given: np.ndarray, start: np.ndarray, seed: int) -> np.ndarray:
    """Vectors of another width, and as large as an embedding's.

    Args:
      given: float32[words, any]; zero for a word that has none.
      start: float32[words, width], the embedding's first weights.
      seed: of the decomposition.

    Returns:
      float32[words, width]: of wider vectors the directions in which they vary most, so that
      their products stay as near as that width allows (Eckart and Young 1936); narrower ones
      beside columns of `start`. Zero for a word that has none.
    """
    known, width = np.any(given, axis=1), start.shape[1]
    vectors = given[known]
    if vectors.shape[1] > width and len(vectors) > width:
        left, strength, _ = randomized_svd(vectors, width, n_iter=3, random_state=seed)
        vectors = left * strength
    vectors = vectors[:, :width]
    found = np.where(known[:, np.newaxis], start, 0)
    size = np.sqrt(np.square(vectors).mean())
    found[known, : vectors.shape[1]] = _SPREAD / size * vectors
    return found


def word_vectors(rows: Iterable[Any], size: int, width: int, seed: int) -> np.ndarray:
    """Truncated SVD of the positive pointwise mutual information of words and their neighbours.

    PPMI_ij = max(0, log(P(i, j) / (P(i) P'(j)))), with pairs at a distance of 1 to 5 tokens
    counted 1 / distance and P'(j) proportional to P(j)^0.75; the vectors are U sqrt(S), each
    scaled to the same length. (Levy, Goldberg and Dagan 2015, "Improving Distributional Similarity
    with Lessons Learned from Word Embeddings".)

    Args:
      rows: int[tokens] each, ids below `FIRST_ID` are no words.
      size: number of ids.
      width: of a vector.
      seed: of the randomised decomposition (Halko et al. 2011).

    Returns:
      float32[size, width]; zero for an id that has no neighbour.
    """
    counts = _pair_counts(rows, size)
    words = np.asarray(counts.sum(axis=1)).ravel()
    contexts = words**_SMOOTHING
    vectors = np.zeros((size, width), np.float32)
    if not contexts.sum():
        return vectors
    contexts /= contexts.sum()
    information = np.log(counts.data / (words[counts.row] * contexts[counts.col]))
    kept = information > 0
    ppmi = scipy.sparse.csr_matrix(
        (information[kept], (counts.row[kept], counts.col[kept])), shape=(size, size)
    )
    rank = min(width, size - 1)
    left, strength, _ = randomized_svd(ppmi, rank, n_iter=3, random_state=seed)
    vectors[:, :rank] = left * np.sqrt(strength)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    scale = _SPREAD * np.sqrt(width) / np.maximum(length, 1e-6)
    scaled: np.ndarray = np.where(length > 1e-6, vectors * scale, 0).astype(np.float32)
    return scaled


def _pair_counts(rows: Iterable[Any], size: int) -> scipy.sparse.coo_matrix:
    """Weighted counts of pairs of ids, symmetric; a pair does not reach into the next row."""
    gap = np.zeros(_WINDOW, np.int32)
    tokens = np.concatenate([part for row in _first(rows) for part in (row, gap)] or [gap])
    total = scipy.sparse.csr_matrix((size, size), dtype=np.float32)
    for distance in range(1, _WINDOW + 1):
        left, right = tokens[:-distance], tokens[distance:]
        both = (left >= FIRST_ID) & (right >= FIRST_ID)
        weight = np.full(int(both.sum()), 1 / distance, np.float32)
        total += scipy.sparse.coo_matrix(
            (weight, (left[both], right[both])), shape=(size, size)
        ).tocsr()
    return (total + total.T).tocoo()


def _first(rows: Iterable[Any]) -> Iterator[np.ndarray]:
    """Rows up to `_MOST_TOKENS` tokens; the rows are shuffled, so the first are a sample."""
    seen = 0
    for row in rows:
        yield np.asarray(row, np.int32)
        seen += len(row)
        if seen >= _MOST_TOKENS:
            return
