"""Keras's own two-layer bidirectional LSTM for IMDb, trained for a given time, for scale.

From keras.io, "Bidirectional LSTM on IMDB" (F. Chollet): 20,000 words by frequency, the last 200
words of a review, embedding of 128, two bidirectional LSTMs of 64, batches of 32, Adam. Its words
are made here as Keras's data set made them (lower case, punctuation dropped), from the same files
that its peers read. Prints one line of JSON: after each epoch, and at the end of the time, the
seconds of training so far (scoring left out), the epochs, and accuracy and macro F1 on test.
"""

import argparse
import json
import re
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import measure, texts

_WORDS = 20_000
_LENGTH = 200
_FIRST, _UNKNOWN, _START = 3, 2, 1
_DROPPED = re.compile(r'[!"#$%&()*+,\-./:;<=>?@\[\\\]^_`{|}~\t\n]+')


def words(text: str) -> list[str]:
    """A review's words, as Keras's text_to_word_sequence splits them."""
    return _DROPPED.sub(" ", text.lower()).split()


def encode(reviews: list[str], index: dict[str, int]) -> np.ndarray:
    """Reviews to int32[reviews, length]: their last words, zeros before, as pad_sequences does."""
    rows = np.zeros((len(reviews), _LENGTH), "int32")
    for row, review in zip(rows, reviews, strict=True):
        ids = [_START, *(index.get(word, _UNKNOWN) for word in words(review))][-_LENGTH:]
        row[-len(ids) :] = ids
    return rows


def _model() -> Any:
    import keras

    inputs = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(_WORDS, 128)(inputs)
    x = keras.layers.Bidirectional(keras.layers.LSTM(64, return_sequences=True))(x)
    x = keras.layers.Bidirectional(keras.layers.LSTM(64))(x)
    model = keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(x))
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model


def train_and_test(
    train: tuple[list[str], list[str]],
    test: tuple[list[str], list[str]],
    limit: float,
    seed: int,
) -> list[dict[str, float]]:
    """Trains until the time is over, and scores after each epoch.

    Args:
      train: reviews and their labels, of two kinds.
      test: the same.
      limit: seconds of training, scoring left out.
      seed: of weights and of the order of the rows.

    Returns:
      `seconds`, `epochs`, `accuracy` and `macro_f1` after each epoch and at the end.
    """
    import keras
    from sklearn.metrics import accuracy_score, f1_score

    counts = Counter(word for review in train[0] for word in words(review))
    kept = counts.most_common(_WORDS - _FIRST)
    index = {word: number for number, (word, _) in enumerate(kept, start=_FIRST)}
    inputs, test_inputs = encode(train[0], index), encode(test[0], index)
    positive = max(train[1])
    targets, truth = (np.array([label == positive for label in part[1]]) for part in (train, test))
    keras.utils.set_random_seed(seed)
    model = _model()
    spent, batches, points = 0.0, 0, []
    per_epoch = -(-len(inputs) // 32)

    class Clock(keras.callbacks.Callback):
        """Stops at the limit."""

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            nonlocal batches
            batches += 1
            if spent + time.monotonic() - begin >= limit:
                self.model.stop_training = True

    while spent < limit:
        begin = time.monotonic()
        model.fit(inputs, targets, batch_size=32, verbose=0, callbacks=[Clock()])
        spent += time.monotonic() - begin
        answers = model.predict(test_inputs, batch_size=256, verbose=0)[:, 0] > 0.5
        points.append(
            {
                "seconds": spent,
                "epochs": batches / per_epoch,
                "accuracy": float(accuracy_score(truth, answers)),
                "macro_f1": float(f1_score(truth, answers, average="macro")),
            }
        )
    return points


def run(train: Path, test: Path, limit: float, seed: int) -> list[dict[str, float]]:
    """The same in a child process, so that TensorFlow is not in the benchmark's own."""
    command = [sys.executable, "-m", "benchmarks.keras_example", str(train), str(test)]
    child = measure.run([*command, "--seconds", str(limit), "--seed", str(seed)])
    return json.loads(child.output.splitlines()[-1])


def main() -> None:
    """Reads two files, trains, and prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("train", type=Path)
    parser.add_argument("test", type=Path)
    parser.add_argument("--seconds", type=float, default=350.0)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    train, test = texts.read(arguments.train), texts.read(arguments.test)
    print(json.dumps(train_and_test(train, test, arguments.seconds, arguments.seed)))


if __name__ == "__main__":
    main()
