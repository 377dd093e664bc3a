"""Word pieces beside those of tensorflow-text's learner."""

import random
from collections import Counter

import pytest
from tensorflow_text.tools.wordpiece_vocab import wordpiece_tokenizer_learner_lib as theirs

from tidegate.models.text.pieces import learn

RANDOM = random.Random(0)
STEMS = ["".join(RANDOM.choices("abcdeö水", k=RANDOM.randint(1, 4))) for _ in range(40)]
WORDS = Counter(
    " " + "".join(RANDOM.sample(STEMS, RANDOM.randint(1, 3))) for _ in range(600)
) + Counter({" the": 90, "x" * 60: 5, "[UNK]": 7, "#": 3, "q": 1})


@pytest.mark.parametrize(
    ("size", "min_count"), [(30, 1), (100, 1), (250, 1), (250, 4), (250, 400), (10_000, 1)]
)
def test_pieces_are_those_of_the_learner_that_counts_every_substring(
    size: int, min_count: int
) -> None:
    mine = learn(WORDS, size=size, min_count=min_count, reserved="[UNK]")
    assert mine == theirs.learn(
        list(WORDS.items()),
        vocab_size=size,
        reserved_tokens=["[UNK]"],
        lower_thresh=min_count,
        upper_thresh=max(max(WORDS.values()), min_count),
    )


def test_rare_characters_are_no_pieces_and_neither_are_words_with_them() -> None:
    many = {chr(0x4E00 + number): 2 for number in range(1_000)}
    pieces = learn({**many, "ab": 1, "b": 2}, size=3_000, min_count=1, reserved="[UNK]")
    assert "[UNK]" in pieces and len(pieces) == 2_001
    assert not {"a", "##a", "ab"} & set(pieces)
