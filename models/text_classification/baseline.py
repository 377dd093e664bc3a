"""A linear model over TF-IDF: what the LSTM must be worth more than."""

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier

from tidegate.models.text_classification.settings import DataSettings, FeatureSettings

Records = Mapping[str, Callable[[], Iterable[Mapping[str, Any]]]]

# Rows that are answered at once.
_CHUNK = 10_000
# scikit-learn's words, and each character of the scripts that are written without spaces.
_WORD = re.compile(r"[぀-ヿ㐀-䶿一-鿿豈-﫿฀-๿]|[^\W぀-ヿ㐀-䶿一-鿿豈-﫿฀-๿]+")


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def baseline(
    records: Records, data: DataSettings, features: FeatureSettings
) -> dict[str, Iterator[tuple[np.ndarray, np.ndarray]]]:
    """Logistic regression over TF-IDF: words and pairs, or 1 to 3 characters.

    Where no two texts share a word, single characters take the words' place.

    Args:
      records: by split, a function that yields its records; `train` is learnt from.
      data: not used; part of the contract.
      features: `tokenizer` decides between words and characters.

    Returns:
      By split other than train, a chunk of rows after another as they are read: targets
      int[rows] (-1 for a label never seen) and probabilities float[rows, classes].
    """
    del data
    if features.tokenizer == "chars":
        vectorizer = TfidfVectorizer(
            analyzer="char", ngram_range=(1, 3), sublinear_tf=True, min_df=2
        )
    else:
        vectorizer = TfidfVectorizer(
            tokenizer=_words,
            lowercase=False,
            token_pattern=None,
            ngram_range=(1, 2),
            sublinear_tf=True,
            min_df=2,
        )
    labels: list[str] = []

    def texts() -> Iterator[str]:
        for record in records["train"]():
            labels.append(record["label"])
            yield record["text"]

    try:
        matrix = vectorizer.fit_transform(texts())
    except ValueError:  # No word occurs in two texts; a character always occurs.
        labels.clear()
        vectorizer = TfidfVectorizer(analyzer="char", sublinear_tf=True)
        matrix = vectorizer.fit_transform(texts())
    # One class against the rest: as good as one multinomial model here, in half the time.
    classifier = OneVsRestClassifier(LogisticRegression(C=10.0, solver="liblinear", max_iter=300))
    classifier.fit(matrix, labels)
    index = {name: number for number, name in enumerate(classifier.classes_)}

    def answers(split: str) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        rows = iter(records[split]())
        while some := list(itertools.islice(rows, _CHUNK)):
            targets = np.array([index.get(one["label"], -1) for one in some])
            found = vectorizer.transform([one["text"] for one in some])
            yield targets, classifier.predict_proba(found)

    return {split: answers(split) for split in records if split != "train"}
