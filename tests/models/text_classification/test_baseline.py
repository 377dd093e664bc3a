"""The linear model over TF-IDF that stands beside the LSTM."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier

from tidegate.models.text_classification import baseline as module
from tidegate.models.text_classification.baseline import baseline, rivals
from tidegate.models.text_classification.settings import DataSettings, FeatureSettings

Records = dict[str, list[tuple[str, str]]]


def reader(rows: list[tuple[str, str]]) -> Callable[[], Iterable[Mapping[str, Any]]]:
    return lambda: ({"text": text, "label": label} for text, label in rows)


def answers(records: Records, tokenizer: Any = "words") -> dict[str, tuple[Any, Any]]:
    found = baseline(
        {split: reader(rows) for split, rows in records.items()},
        DataSettings(),
        FeatureSettings(tokenizer=tokenizer),
    )
    joined = {}
    for split, chunks in found.items():
        targets, probabilities = zip(*chunks, strict=True)
        joined[split] = (np.concatenate(targets), np.concatenate(probabilities))
    return joined


TRAIN = [("good fine day", "pos"), ("bad poor day", "neg"), ("so so day", "mid")] * 4


@pytest.mark.parametrize("tokenizer", ["words", "chars", "wordpiece"])
def test_learns_what_can_be_told_apart(tokenizer: str) -> None:
    held_out = [("a fine good time", "pos"), ("POOR, bad", "neg"), ("so!", "mid")]
    found = answers({"train": TRAIN, "eval": held_out, "test": held_out[:1]}, tokenizer)
    assert set(found) == {"eval", "test"}
    targets, probabilities = found["eval"]
    # Classes stand in alphabetical order: mid, neg, pos.
    assert targets.tolist() == [2, 1, 0]
    assert probabilities.argmax(axis=1).tolist() == [2, 1, 0]
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)
    assert found["test"][1].shape == (1, 3)


def test_it_sees_the_tokens_that_the_network_sees() -> None:
    train = [("it came 😀", "pos"), ("it came !", "neg"), ("DON’T go", "stay")] * 4
    held_out = [("😀", "pos"), ("!", "neg"), ("don't", "stay"), ("so", "?")]
    _, probabilities = answers({"train": train, "eval": held_out})["eval"]
    assert probabilities.argmax(axis=1).tolist()[:3] == [1, 0, 2]


def test_the_rival_reads_characters_within_words() -> None:
    records = {
        "train": [("walked talked", "past"), ("walking talking", "now")] * 4,
        "valid": [],
        "eval": [("Barked", "past"), ("barking", "now"), ("x", "new")],
    }
    found = rivals(
        {split: reader(rows) for split, rows in records.items()}, DataSettings(), FeatureSettings()
    )
    assert list(found) == ["eval"]
    ((title, (chunks, covers)),) = found["eval"].items()
    ((targets, probabilities),) = chunks
    assert "characters" in title and covers is None
    assert targets.tolist() == [1, 0, -1]
    assert probabilities.argmax(axis=1).tolist()[:2] == [1, 0]


def test_with_many_classes_fewer_rows_are_learnt_from(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    monkeypatch.setattr(module, "_MOST", 20)
    monkeypatch.setattr(module, "reporter", lambda: SimpleNamespace(line=lines.append))
    late = [("late", "pos"), ("late", "pos"), ("late", "pos")]
    _, probabilities = answers({"train": [*TRAIN[:7], *late], "eval": [("late", "?")]})["eval"]
    (line,) = lines
    assert line.startswith("baseline: learnt from the first 7 rows of train, which has more")
    _, without = answers({"train": TRAIN[:7], "eval": [("late", "?")]})["eval"]
    np.testing.assert_array_equal(probabilities, without)
    assert len(lines) == 1


def test_with_many_classes_the_commonest_features_are_learnt_from(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    train = [(f"{text} rare{row}", label) for row, (text, label) in enumerate(TRAIN)]
    held_out = [("good", "pos"), ("rare1", "neg")]
    _, whole = answers({"train": train, "eval": held_out})["eval"]
    assert whole[1].argmax() == 1
    # Three words and pairs for each of three classes, and none of them rare.
    monkeypatch.setattr(module, "_MOST_WEIGHTS", 3 * 14)
    _, probabilities = answers({"train": train, "eval": held_out})["eval"]
    _, unknown = answers({"train": train, "eval": [("never", "?")]})["eval"]
    assert probabilities[0].argmax() == 2
    np.testing.assert_array_equal(probabilities[1], unknown[0])


def test_chunks_of_rows_are_answered_as_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    records = {"train": TRAIN, "eval": [*TRAIN, ("good", "new")]}
    whole = answers(records)["eval"]
    monkeypatch.setattr(module, "_CHUNK", 5)
    for found, expected in zip(answers(records)["eval"], whole, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_the_order_of_words_counts() -> None:
    train = [("not good but bad", "neg"), ("not bad but good", "pos")] * 4
    _, probabilities = answers({"train": train, "eval": [("not bad", "?"), ("not good", "?")]})[
        "eval"
    ]
    assert probabilities.argmax(axis=1).tolist() == [1, 0]


@pytest.mark.parametrize("good,bad", [("好吃", "难吃"), ("うまい", "まずい"), ("ดี", "แย่")])
def test_scripts_without_spaces_are_read_by_character(good: str, bad: str) -> None:
    # No two rows are equal and no row of the held-out part occurs in train: only the characters
    # can tell.
    train = [(f"店{k}很{good}了{k}", "pos") for k in "甲乙丙丁"]
    train += [(f"店{k}很{bad}了{k}", "neg") for k in "甲乙丙丁"]
    targets, probabilities = answers(
        {"train": train, "eval": [(f"都{good}", "pos"), (f"都{bad}", "neg")]}
    )["eval"]
    assert probabilities.argmax(axis=1).tolist() == targets.tolist() == [1, 0]


def test_a_label_never_seen_is_minus_one() -> None:
    targets, probabilities = answers({"train": TRAIN, "eval": [("good", "new"), ("bad", "neg")]})[
        "eval"
    ]
    assert targets.tolist() == [-1, 1]
    assert probabilities.shape == (2, 3)


@pytest.mark.parametrize("tokenizer", ["words", "chars"])
def test_texts_that_share_no_word(tokenizer: str) -> None:
    train = [("uno", "es"), ("dos", "es"), ("einz", "de"), ("zwei", "de"), ("😀", "de")]
    targets, probabilities = answers({"train": train, "eval": [("zz", "de")]}, tokenizer)["eval"]
    assert targets.tolist() == [0]
    assert probabilities.argmax(axis=1).tolist() == [0]
    assert probabilities.shape == (1, 2)


def test_the_linear_model_has_converged() -> None:
    # Stopped early, it would make the LSTM look better than it is.
    random = np.random.default_rng(0)
    vocabulary = [f"word{number}" for number in range(300)]
    texts = [" ".join(random.choice(vocabulary, 12)) for _ in range(500)]
    labels = [str(sum("1" in word for word in text.split()) % 3) for text in texts]
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    matrix = vectorizer.fit_transform(texts[:400])
    slow = LogisticRegression(C=10.0, tol=1e-8, max_iter=10_000)
    exact = OneVsRestClassifier(slow).fit(matrix, labels[:400])
    _, probabilities = answers(
        {
            "train": list(zip(texts[:400], labels[:400], strict=True)),
            "eval": list(zip(texts[400:], labels[400:], strict=True)),
        }
    )["eval"]
    expected = exact.predict_proba(vectorizer.transform(texts[400:]))
    np.testing.assert_allclose(probabilities, expected, atol=0.02)
