"""Rows of `benchmarks.worth` for text: a default run beside linear models, on the same rows.

The linear models are scikit-learn's logistic regression (C = 10) over TF-IDF of words and pairs,
and of 2 to 5 characters within words. All are judged on the same test rows.
"""

import csv
import random
import re
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks import texts, tidegate_run

# Words, and each character of the scripts that are written without spaces.
_UNSPACED = "぀-ヿ㐀-䶿一-鿿豈-﫿฀-๿"
_WORDS = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+")
_LABELS = {"banking77": "category"}
LANGUAGES = "languages"
NAMES = ("tweets_airline", "banking77", "waimai_zh", "imdb", LANGUAGES)
_OF_EACH = 2
SHOWN = ("tidegate", "words", "characters")


def rows_of(name: str, shared: Path) -> dict[str, list[tuple[str, str]]]:
    """Train and test rows, (text, label) each, of a shared set or of `languages` as a file."""
    if name == LANGUAGES:
        from tidegate.data.sets import languages

        rows = list(languages._texts())
        random.Random(0).shuffle(rows)
        tenth = len(rows) // 10
        return {"train": rows[tenth:], "test": rows[:tenth]}
    found = {}
    for split in ("train", "test"):
        (path,) = sorted((shared / name).glob(f"{split}.csv*"))
        found[split] = list(texts.rows(path, "text", _LABELS.get(name, "label")))
    return found


def linear(train: list[tuple[str, str]], test: list[tuple[str, str]]) -> dict[str, float]:
    """Accuracy of the two linear models."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier

    def cut(text: str) -> list[str]:
        return _WORDS.findall(text.lower())

    kinds: dict[str, dict[str, Any]] = {
        "words": {"tokenizer": cut, "token_pattern": None, "ngram_range": (1, 2)},
        "characters": {"analyzer": "char_wb", "ngram_range": (2, 5)},
    }
    found = {}
    for kind, how in kinds.items():
        vectorizer = TfidfVectorizer(sublinear_tf=True, **how)
        matrix = vectorizer.fit_transform(text for text, _ in train)
        classifier = OneVsRestClassifier(LogisticRegression(C=10.0, solver="liblinear"))
        classifier.fit(matrix, [label for _, label in train])
        found[kind] = float(
            classifier.score(
                vectorizer.transform(text for text, _ in test), [label for _, label in test]
            )
        )
    return found


def tidegate(
    train: list[tuple[str, str]], test: list[tuple[str, str]], seed: int
) -> dict[str, float]:
    """Accuracy and seconds of a default run, and what it reads."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for split, rows in (("train", train), ("test", test)):
            with (folder / f"{split}.csv").open("w", encoding="utf-8", newline="") as file:
                csv.writer(file).writerows([("text", "label"), *rows])
        run = tidegate_run.run(
            str(folder / "train.csv"),
            folder / "out",
            home=folder,
            test=str(folder / "test.csv"),
            settings=[f"training.seed={seed}"],
        )
    found = run.summary["metrics"]["test"]
    calibrated = run.summary["training"]["calibrated"]
    return {
        "tidegate": found["accuracy"],
        "macro_f1": found["macro_f1"],
        "calibration_error": found["calibration_error"],
        "lstm_share": calibrated["lstm_share"],
        "seconds": run.seconds["total"],
        "training_seconds": run.summary["training"]["seconds"],
        "pushed": float(run.summary["pushed"] is not None),
    }


def drawn(rows: list[tuple[str, str]], count: int, seed: int) -> list[tuple[str, str]]:
    """`count` of the rows by the seed; two of each class at least, as tidegate expects."""
    rows = list(rows)
    random.Random(seed).shuffle(rows)
    seen: Counter[str] = Counter()
    first: list[int] = []
    others: list[int] = []
    for index, (_, label) in enumerate(rows):
        seen[label] += 1
        (first if seen[label] <= _OF_EACH else others).append(index)
    return [rows[index] for index in sorted((first + others)[:count])]


def row(name: str, count: int, seed: int, shared: Path) -> dict[str, float]:
    """A finished row: `count` of the training rows, drawn by the seed; 0 for all."""
    data = rows_of(name, shared)
    train = drawn(data["train"], count or len(data["train"]), seed)
    return linear(train, data["test"]) | tidegate(train, data["test"], seed)
