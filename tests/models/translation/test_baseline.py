"""IBM model 1 beside its equations, and what it and the copied source are worth."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
import pytest

from tidegate.models.translation import dictionary
from tidegate.models.translation.baseline import baseline, rivals
from tidegate.models.translation.settings import DataSettings, FeatureSettings

PAIRS = [
    ("das haus", "the house"),
    ("das buch", "the book"),
    ("ein buch", "a book"),
    ("ein haus das", "a house the"),
]


def by_loops(pairs: list[tuple[list[str], list[str]]], rounds: int) -> dict[Any, float]:
    """p(target | source), link by link, from Brown et al. 1993."""
    table: dict[Any, float] = defaultdict(lambda: 1.0)
    for _ in range(rounds):
        counts: dict[Any, float] = defaultdict(float)
        totals: dict[str, float] = defaultdict(float)
        for source, target in pairs:
            for word in target:
                whole = sum(table[word, one] for one in ["", *source])
                for one in ["", *source]:
                    counts[word, one] += table[word, one] / whole
                    totals[one] += table[word, one] / whole
        table = defaultdict(float, {key: n / totals[key[1]] for key, n in counts.items()})
    return table


@pytest.mark.parametrize("rounds", [1, 5])
def test_the_dictionary_is_that_of_the_equations(rounds: int) -> None:
    pairs = [(source.split(), target.split()) for source, target in [*PAIRS, ("das das", "the")]]
    expected = by_loops(pairs, rounds)
    found = dictionary.learn(pairs, rounds)
    assert sum(len(to) for to in found.values()) == len(expected)
    for source, to in found.items():
        assert sum(to.values()) == pytest.approx(1)
        for target, probability in to.items():
            assert probability == pytest.approx(expected[target, source])
    assert dictionary.learn([]) == {}


def judged(answers: Any) -> list[tuple[str, str]]:
    return [(row[0], row[1]) for _, rows in answers for row in rows]


def test_words_become_others_and_unknown_ones_stay() -> None:
    train = [{"source": one.capitalize(), "target": other} for one, other in PAIRS]
    test = [{"source": "Das Buch, Kapitel 2", "target": "The book, chapter 2"}]
    records = {"train": lambda: train, "eval": lambda: test, "valid": lambda: test}
    features = FeatureSettings(lower_case=True)
    found = baseline(records, DataSettings(), features)
    assert set(found) == {"eval", "valid"}
    assert judged(found["eval"]) == [("the book, kapitel 2", "the book, chapter 2")]
    copied = rivals(records, DataSettings(), features)
    assert set(copied) == {"eval"}
    ((chunks, covers),) = copied["eval"].values()
    assert covers is None
    assert judged(chunks) == [("das buch, kapitel 2", "the book, chapter 2")]


def test_pairs_of_any_number_come_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidegate.models.translation.baseline._CHUNK", 3)
    rows = [{"source": f"wort {n}", "target": f"word {n}"} for n in range(7)]
    records = {"train": lambda: rows, "eval": lambda: rows}
    chunks = list(baseline(records, DataSettings(), FeatureSettings())["eval"])
    assert [len(rows) for _, rows in chunks] == [3, 3, 1]
    made = np.concatenate([rows for _, rows in chunks])
    assert made[:, 0].tolist() == made[:, 1].tolist()
