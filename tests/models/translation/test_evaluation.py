"""Figures of translations, beside sacreBLEU over whole corpora and by hand."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
import sacrebleu

from tidegate.models.translation.evaluation import sentence_bleu, statistics, summarise

# Marks, numbers, apostrophes, entities and hyphens, which sacreBLEU's tokenizer has rules for.
WORDS = [
    *("the", "tide", "comes", "in,", "at", "12.5%", "&amp;", "(goes)", "don't", "out-of"),
    *("U.S.", "gate's", "1,000", "—", "!", "café"),
]


def corpus(words: list[str], joined: str, texts: int = 60) -> tuple[list[str], list[str]]:
    """Translations and true ones that share most words, some empty or too short."""
    draw = random.Random(1)
    truths = [joined.join(draw.choices(words, k=draw.randint(1, 24))) for _ in range(texts)]
    made = []
    for truth in truths:
        kept = [one if draw.random() < 0.85 else draw.choice(words) for one in truth.split(" ")]
        cut = kept[: draw.randint(0, len(kept))] if draw.random() < 0.3 else kept
        text = " ".join(cut)
        made.append(text if joined else text[: draw.randint(1, len(text) + 1)])
    return made, truths


def figures(made: list[str], truths: list[str], columns: object = ("0", "0", "0", "0", "")) -> dict:
    rows = np.array([(*pair, *columns) for pair in zip(made, truths, strict=True)], object)
    cut = len(rows) // 3
    parts = [statistics(None, rows[:cut])["sums"], statistics(None, rows[cut:])["sums"]]
    return summarise({"sums": parts[0] + parts[1]})


@pytest.mark.parametrize(
    "words, joined, tokenizer", [(WORDS, " ", "13a"), ([*"潮水開合，河閘。AB7"], "", "zh")]
)
def test_bleu_and_chrf_are_sacrebleus(words: list[str], joined: str, tokenizer: str) -> None:
    made, truths = corpus(words, joined)
    if tokenizer == "zh":  # A truth without a Chinese character is read as another language's.
        made, truths = [["合" + one for one in side] for side in (made, truths)]
    found = figures(made, truths)
    expected = sacrebleu.corpus_bleu(made, [truths], tokenize=tokenizer)
    assert 5 < expected.score < 95
    assert found["bleu"] == pytest.approx(expected.score)
    assert found["length_ratio"] == pytest.approx(expected.sys_len / expected.ref_len)
    assert found["chrf"] == pytest.approx(sacrebleu.corpus_chrf(made, [truths]).score)
    assert found["sentences_by_length"].sum() == found["sentences"] == len(truths)
    for translation, truth in list(zip(made, truths, strict=True))[:20]:
        alone = sacrebleu.sentence_bleu(translation, [truth], tokenize=tokenizer).score
        assert sentence_bleu(translation, truth) == pytest.approx(alone)


def test_bleu_by_length_is_that_of_the_texts_of_that_length() -> None:
    made, truths = corpus(["gate", "tide", "sea", "in", "out"], " ")
    found = figures(made, truths)
    some = [one for one in zip(made, truths, strict=True) if 5 < len(one[1].split()) <= 10]
    assert found["sentences_by_length"][1] == len(some) > 3
    ours, theirs = (list(side) for side in zip(*some, strict=True))
    expected = sacrebleu.corpus_bleu(ours, [theirs]).score
    assert found["bleu_by_length"][1] == pytest.approx(expected)


def test_figures_by_hand() -> None:
    columns = (str(2 * math.log(4)), "2", "1", "1", "")
    found = figures(["a b", "a", "a b c"], ["a b", "a b", "a b c"], columns)
    assert found["perplexity"] == pytest.approx(4)
    assert (found["token_accuracy"], found["unknown"]) == (0.5, 0.5)
    assert found["exact"] == pytest.approx(2 / 3)
    # Of what no network was asked about there are none.
    assert math.isnan(figures(["a"], ["a"])["perplexity"])


def test_nothing_right_and_nothing_at_all_are_zero() -> None:
    for made in (["", ""], ["x y", "z"]):
        found = figures(made, ["a b c d", "e"])
        assert (found["bleu"], found["chrf"], found["exact"]) == (0, 0, 0)
