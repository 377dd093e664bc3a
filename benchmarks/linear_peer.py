"""The linear peer: logistic regression over TF-IDF, with scikit-learn alone.

It shares no code with the linear model that tidegate shows, and learns from the whole of train.
Prints one line of JSON: accuracy, macro_f1, seconds (reading left out), rows, features.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks import measure, texts

ANALYZERS: dict[str, dict[str, Any]] = {
    "words": {"analyzer": "word", "ngram_range": (1, 2)},
    "chars": {"analyzer": "char", "ngram_range": (1, 3)},
}


def train_and_test(
    train: tuple[list[str], list[str]], test: tuple[list[str], list[str]], analyzer: str
) -> dict[str, float]:
    """Fits on train, scores on test.

    Args:
      train: texts and labels.
      test: texts and labels.
      analyzer: `words` (words and pairs) or `chars` (1 to 3 characters).

    Returns:
      `accuracy`, `macro_f1`, `seconds` of fitting and scoring, `rows` of train, `features`.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import accuracy_score, f1_score

    begin = time.monotonic()
    # On small sets the rare n-grams help it; on large ones they only cost.
    min_df = 1 if len(train[0]) < 20_000 else 2
    vectorizer = TfidfVectorizer(sublinear_tf=True, min_df=min_df, **ANALYZERS[analyzer])
    matrix = vectorizer.fit_transform(train[0])
    classifier = LogisticRegression(C=10, max_iter=1000).fit(matrix, train[1])
    answers = classifier.predict(vectorizer.transform(test[0]))
    return {
        "accuracy": float(accuracy_score(test[1], answers)),
        "macro_f1": float(f1_score(test[1], answers, average="macro")),
        "seconds": time.monotonic() - begin,
        "rows": len(train[0]),
        "features": matrix.shape[1],
    }


def run(train: Path, test: Path, analyzer: str, label: str = "label") -> dict[str, float]:
    """The same in a child process, so that the benchmark itself stays small."""
    command = [sys.executable, "-m", "benchmarks.linear_peer", str(train), str(test)]
    child = measure.run([*command, "--analyzer", analyzer, "--label-column", label])
    return json.loads(child.output.splitlines()[-1])


def main() -> None:
    """Reads two files and prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("train", type=Path)
    parser.add_argument("test", type=Path)
    parser.add_argument("--analyzer", choices=sorted(ANALYZERS), default="words")
    parser.add_argument("--label-column", default="label")
    arguments = parser.parse_args()
    train, test = (
        texts.read(path, label=arguments.label_column) for path in (arguments.train, arguments.test)
    )
    print(json.dumps(train_and_test(train, test, arguments.analyzer)))


if __name__ == "__main__":
    main()
