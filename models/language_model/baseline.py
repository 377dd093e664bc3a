"""Models that count n-grams: what the network must be worth more than."""

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tidegate.models.language_model.settings import DataSettings, FeatureSettings
from tidegate.models.language_model.sums import judged
from tidegate.models.text import reversible
from tidegate.models.text.ngrams import NgramModel
from tidegate.models.text.reversible import BORDER_ID, FIRST_ID, UNKNOWN_ID

Records = Mapping[str, Callable[[], Iterable[Mapping[str, Any]]]]
Judged = tuple[None, np.ndarray]
# Tokens that are learnt from at most: they and their n-grams are in memory.
MOST = 2_500_000
# Texts that are judged at once.
_CHUNK = 256
_ALONE = "how frequent each token is"


def baseline(
    records: Records, data: DataSettings, features: FeatureSettings
) -> dict[str, Iterator[Judged]]:
    """Interpolated n-grams with modified Kneser-Ney smoothing.

    Args:
      records: by split, a function that yields its records; `train` is learnt from.
      data: not used; part of the contract.
      features: tokens and vocabulary.

    Returns:
      By split other than train, a chunk of texts after another: nothing, and sums as
      `sums.judged` gives them, float64[texts, positions, 5].
    """
    del data
    return _answers(records, features, features.longest)


def rivals(
    records: Records, data: DataSettings, features: FeatureSettings
) -> dict[str, dict[str, tuple[Iterator[Judged], None]]]:
    """Each token by itself, whatever stands before it.

    Args:
      records: by split, a function that yields its records; `train` is learnt from.
      data: not used; part of the contract.
      features: tokens and vocabulary.

    Returns:
      By split other than train and valid, and by title: nothing and sums in chunks,
      and None, as all text is judged.
    """
    del data
    kept = {split: rows for split, rows in records.items() if split != "valid"}
    answers = _answers(kept, features, 1)
    return {split: {_ALONE: (chunks, None)} for split, chunks in answers.items()}


def _answers(
    records: Records, features: FeatureSettings, order: int
) -> dict[str, Iterator[Judged]]:
    counts: Counter[bytes] = Counter()
    for record in records["train"]():
        counts.update(_tokens(record["text"], features))
    most = counts.most_common(features.vocabulary_size)
    kept = [token for token, count in most if count >= features.min_count]
    ids = {token: number for number, token in enumerate(kept, start=FIRST_ID)}
    size = len(ids) + FIRST_ID

    def read(record: Mapping[str, Any]) -> np.ndarray:
        """The tokens, behind a border where a document begins."""
        border = [] if record["part"] else [BORDER_ID]
        found = [ids.get(token, UNKNOWN_ID) for token in _tokens(record["text"], features)]
        return np.array([*border, *found], np.int64)

    model = NgramModel(
        map(read, records["train"]()), order=order, size=size, first=UNKNOWN_ID, most=MOST
    )

    def answers(split: str) -> Iterator[Judged]:
        state = None
        rows = iter(records[split]())
        while some := list(itertools.islice(rows, _CHUNK)):
            sums = []
            for record in some:
                tokens = read(record)
                found, state = model.log_probabilities(tokens, state if record["part"] else None)
                judge = slice(0 if record["part"] else 1, None)
                targets = tokens[None, judge].astype(np.int32)
                made = judged(-found[None, judge], targets, [len(record["text"])], size)
                sums.append(made.numpy())
            yield None, np.concatenate(sums)

    return {split: answers(split) for split in records if split != "train"}


def _tokens(text: str, features: FeatureSettings) -> list[bytes]:
    canonical = reversible.canonical(tf.constant([text]))
    (found,) = reversible.split(canonical, features.tokenizer).to_list()
    tokens: list[bytes] = found
    return tokens
