"""Linear models over TF-IDF, by scikit-learn: what the network must be worth more than."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier

from tidegate.models.core.progress import reporter
from tidegate.models.text import tokens
from tidegate.models.text_classification.settings import DataSettings, FeatureSettings

Records = Mapping[str, Callable[[], Iterable[Mapping[str, Any]]]]

# Rows that are read at once.
_CHUNK = 2_000
# A class has a model of its own: rows times classes, and classes times features, of all of them at
# most. Twenty classes are learnt from a hundred thousand rows, a thousand from two thousand.
_MOST, _MOST_WEIGHTS = 2_000_000, 20_000_000
_CHARACTERS = "logistic regression over TF-IDF of characters within words"


def baseline(
    records: Records, data: DataSettings, features: FeatureSettings
) -> dict[str, Iterator[tuple[np.ndarray, np.ndarray]]]:
    """Logistic regression over the TF-IDF of words and pairs of words, those that the network sees.

    Args:
      records: by split, a function that yields its records; `train` is learnt from.
      data: not used; part of the contract.
      features: how texts are normalised.

    Returns:
      By split other than train, a chunk of rows after another as they are read: targets
      int[rows] (-1 for a label never seen) and probabilities float[rows, classes].
    """
    del data

    def words(texts: list[str]) -> list[list[str]]:
        split = tokens.split_words(tokens.normalise(tf.constant(texts), features))
        return [[word.decode() for word in row] for row in split.to_list()]

    return _answers(records, words, analyzer=_words_and_pairs)


def rivals(
    records: Records, data: DataSettings, features: FeatureSettings
) -> dict[str, dict[str, tuple[Iterator[tuple[np.ndarray, np.ndarray]], None]]]:
    """The same over 2 to 5 characters within words, as scikit-learn's ``char_wb`` cuts them.

    Args:
      records: by split, a function that yields its records; `train` is learnt from.
      data: not used; part of the contract.
      features: how texts are normalised.

    Returns:
      By split other than train and valid, and by title: targets and probabilities in chunks,
      and None, as all rows are judged.
    """
    del data

    def normal(texts: list[str]) -> list[str]:
        normalised = tokens.normalise(tf.constant(texts), features).numpy()
        return [text.decode() for text in normalised]

    judged = {split: rows for split, rows in records.items() if split != "valid"}
    chunks = _answers(judged, normal, analyzer="char_wb", ngram_range=(2, 5), lowercase=False)
    return {split: {_CHARACTERS: (some, None)} for split, some in chunks.items()}


def _words_and_pairs(words: list[str]) -> list[str]:
    return [*words, *map(" ".join, itertools.pairwise(words))]


def _answers(
    records: Records, read: Callable[[list[str]], list[Any]], **how: Any
) -> dict[str, Iterator[tuple[np.ndarray, np.ndarray]]]:
    """Learns from `train` what `TfidfVectorizer` makes, `how` it is told, of texts as `read`."""
    vectorizer = TfidfVectorizer(sublinear_tf=True, dtype=np.float32, **how)
    labels: list[str] = []

    def learnt() -> Iterator[Any]:
        seen: set[str] = set()
        rows = iter(records["train"]())
        while some := list(itertools.islice(rows, _CHUNK)):
            for record, text in zip(some, read([one["text"] for one in some]), strict=True):
                if len(labels) * len(seen) > _MOST:
                    reporter().line(
                        f"baseline: learnt from the first {len(labels):,} rows of train, which has "
                        f"more, as each of the {len(seen):,} classes there has a model of its own"
                    )
                    return
                labels.append(record["label"])
                seen.add(record["label"])
                yield text

    try:
        matrix = vectorizer.fit_transform(learnt())
    except ValueError:  # No text has a word.
        labels.clear()
        vectorizer = TfidfVectorizer(analyzer=lambda text: ["", *text])
        matrix = vectorizer.fit_transform(learnt())
    in_rows = np.bincount(matrix.indices, minlength=matrix.shape[1])
    kept = np.sort(np.argsort(-in_rows, kind="stable")[: _MOST_WEIGHTS // len(set(labels))])
    matrix = matrix[:, kept]
    # One class against the rest: as good as one multinomial model here, in half the time.
    classifier = OneVsRestClassifier(LogisticRegression(C=10.0, solver="liblinear", max_iter=300))
    classifier.fit(matrix, labels)
    index = {name: number for number, name in enumerate(classifier.classes_)}

    def answers(split: str) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        rows = iter(records[split]())
        while some := list(itertools.islice(rows, _CHUNK)):
            targets = np.array([index.get(one["label"], -1) for one in some])
            texts = read([one["text"] for one in some])
            yield targets, classifier.predict_proba(vectorizer.transform(texts)[:, kept])

    return {split: answers(split) for split in records if split != "train"}
