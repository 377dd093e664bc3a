"""Vocabularies learnt in a real TF Transform pipeline, and the ids they give."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import tensorflow as tf
import tensorflow_transform as tft

from tests.conftest import Analyze
from tidegate.models.core.transform import TransformFacts
from tidegate.models.text import reversible, tokens
from tidegate.models.text.wordpiece import UNKNOWN
from tidegate.models.text_classification.settings import FeatureSettings

pytestmark = pytest.mark.slow

TEXTS = (
    ["the tide turns the gate"] * 5
    + ["the gate opens"] * 3
    + ["unwanted unturned turning turned tides"] * 4
    + ["水门 the once"]
    + ["a gate\n  and tides\n"] * 2
    + [""]
)
UNSEEN = ["the gate", "zebra the", "xyzzyq!", "", "THE\ttide", "untide", "w" * 150]


SETTINGS = {
    "words": FeatureSettings(tokenizer="words", min_count=3, vocabulary_size=10),
    "chars": FeatureSettings(tokenizer="chars", min_count=1, vocabulary_size=12),
    "wordpiece": FeatureSettings(tokenizer="wordpiece", min_count=2, vocabulary_size=60),
    "auto": FeatureSettings(tokenizer="auto", min_count=1, vocabulary_size=12),
}


# The tokenizers whose texts come back, by the vocabulary that each learns.
REVERSIBLE = {
    f"{tokenizer}_back": FeatureSettings.model_construct(
        tokenizer=tokenizer, min_count=1, vocabulary_size=90
    )
    for tokenizer in ("words", "spaces", "chars", "wordpiece")
}


def learning(column: str, settings: dict[str, FeatureSettings], inputs: Any) -> dict[str, Any]:
    """What tokenizers learn of a column, all at once: one pipeline is slow enough."""
    ids = {
        name: tokens.token_ids(tokens.normalise(inputs[column], one), one, name=name)
        for name, one in settings.items()
    }
    return {name: tokens.truncate(ids[name], settings[name]) for name in settings} | {
        f"{name}_tokens": ids[name].row_lengths() for name in settings
    }


def learning_all(inputs: Any) -> dict[str, Any]:
    """Both kinds of one column."""
    text = reversible.canonical(inputs["text"])
    back = {
        name: reversible.token_ids(text, one, name=name).to_sparse()
        for name, one in REVERSIBLE.items()
    }
    # One vocabulary of a text and of a longer one, whose characters the shorter lacks.
    both = [text, tf.strings.join([text, "ж"])]
    short, long = reversible.ids_of_all(both, REVERSIBLE["chars_back"], name="shared")
    shared = {"shared": short.to_sparse(), "shared_long": long.to_sparse()}
    return learning("text", SETTINGS, inputs) | back | shared


class Learnt:
    """One tokenizer of a transform graph, and how it answers to other texts of a column."""

    def __init__(self, output: tft.TFTransformOutput, name: str, column: str = "text") -> None:
        self.facts = TransformFacts(output)
        self.name = name
        self.column = column
        self.vocabulary = [entry.decode() for entry in self.facts.vocabulary(name)]
        self.output = output.transform_features_layer()

    @property
    def size(self) -> int:
        return self.facts.size(self.name)

    def ids(self, texts: list[str]) -> list[list[int]]:
        found = self.output({self.column: tf.constant(texts)})
        rows = tf.RaggedTensor.from_sparse(found[self.name]).to_list()
        # A row without tokens holds one unknown after truncation.
        return [row[:n] for row, n in zip(rows, found[f"{self.name}_tokens"].numpy(), strict=True)]


# Columns without a frequent token.
RARE = {
    "no_token": lambda number: " " * (number % 2),
    "none_frequent": lambda number: f"rare{number}",
}


def all_columns(inputs: Any) -> dict[str, Any]:
    """The short texts by every tokenizer, the long ones by that which chooses, and rare ones."""
    found = learning_all(inputs) | learning("long", {"auto_long": SETTINGS["auto"]}, inputs)
    for column in RARE:
        settings = {f"{name}_of_{column}": SETTINGS[name] for name in ("words", "wordpiece")}
        found |= learning(column, settings, inputs)
    return found


@pytest.fixture(scope="module")
def learnt(analyze: Analyze) -> dict[str, Learnt]:
    text = tf.io.FixedLenFeature([], tf.string)
    output = analyze(
        [
            {"text": text, "long": f"{text} " * 4}
            | {column: rare(number) for column, rare in RARE.items()}
            for number, text in enumerate(TEXTS)
        ],
        dict.fromkeys(("text", "long", *RARE), text),
        all_columns,
    )[1]
    return (
        {name: Learnt(output, name) for name in (*SETTINGS, *REVERSIBLE, "shared")}
        | {"auto_long": Learnt(output, "auto_long", "long")}
        | {
            f"{name}_of_{column}": Learnt(output, f"{name}_of_{column}", column)
            for name in ("words", "wordpiece")
            for column in RARE
        }
    )


@pytest.fixture
def of_words(learnt: dict[str, Learnt]) -> Learnt:
    return learnt["words"]


@pytest.fixture
def of_characters(learnt: dict[str, Learnt]) -> Learnt:
    return learnt["chars"]


@pytest.fixture
def of_pieces(learnt: dict[str, Learnt]) -> Learnt:
    return learnt["wordpiece"]


def test_where_texts_have_few_words_their_characters_are_read(
    learnt: dict[str, Learnt], of_characters: Learnt
) -> None:
    assert learnt["auto"].vocabulary == of_characters.vocabulary
    assert learnt["auto"].ids(UNSEEN) == of_characters.ids(UNSEEN)
    assert tokens.are_characters(learnt["auto"].facts.vocabulary("auto"))


def test_where_texts_have_more_their_words_are_read(learnt: dict[str, Learnt]) -> None:
    # Short requests, too, are then read by word.
    assert learnt["auto_long"].vocabulary[:2] == ["the", "gate"]
    assert learnt["auto_long"].ids(["the gate", "xyzzyq", ""]) == [[2, 3], [1], []]
    assert not tokens.are_characters(learnt["auto_long"].facts.vocabulary("auto_long"))


def test_words_stand_by_falling_frequency(of_words: Learnt) -> None:
    counts = Counter(word for text in TEXTS for word in text.split())
    expected = {word: count for word, count in counts.items() if count >= 3}
    assert set(of_words.vocabulary) == set(expected)
    found = [expected[word] for word in of_words.vocabulary]
    assert found == sorted(found, reverse=True)
    assert of_words.vocabulary[:2] == ["the", "gate"]
    assert of_words.size == len(expected)


def test_word_ids_are_the_line_after_padding_and_unknown(of_words: Learnt) -> None:
    line = {word: number for number, word in enumerate(of_words.vocabulary)}
    expected = [
        [line.get(word, -1) + 2 if word in line else 1 for word in text.lower().split()]
        for text in ["the gate", "zebra the", "xyzzyq", "", "the tide", "untide", "w"]
    ]
    expected[2].append(1)  # the exclamation mark
    assert of_words.ids(UNSEEN) == expected
    assert of_words.ids(["the"]) == [[2]]


def test_characters_keep_to_the_size(of_characters: Learnt) -> None:
    counts = Counter(c for text in TEXTS for c in text)
    assert len(of_characters.vocabulary) == 12
    least = min(counts[c] for c in of_characters.vocabulary)
    assert all(counts[c] <= least for c in counts if c not in of_characters.vocabulary)
    assert " " in of_characters.vocabulary
    line = of_characters.vocabulary.index(" ") + 2
    assert of_characters.ids(["t  e"])[0][1] == line


def test_pieces_start_with_unknown_and_are_unique(of_pieces: Learnt) -> None:
    assert of_pieces.vocabulary[0] == UNKNOWN
    assert len(set(of_pieces.vocabulary)) == len(of_pieces.vocabulary)
    assert any(piece.startswith("##") for piece in of_pieces.vocabulary)


def longest_match(word: str, vocabulary: list[str]) -> list[int]:
    """WordPiece by its definition (Wu et al. 2016): greedy, longest piece first."""
    pieces: list[int] = []
    start = 0
    while start < len(word):
        for end in range(len(word), start, -1):
            piece = ("##" if start else "") + word[start:end]
            if piece in vocabulary:
                pieces.append(vocabulary.index(piece) + 1)
                start = end
                break
        else:
            return [tokens.UNKNOWN_ID]
    return pieces


def test_pieces_are_the_longest_that_match(of_pieces: Learnt) -> None:
    texts = [
        *sorted({word for text in TEXTS for word in text.split()} - {"水门"}),
        "untide",
        "gates",
    ]
    expected = [longest_match(word, of_pieces.vocabulary) for word in texts]
    assert of_pieces.ids(texts) == expected
    assert any(len(ids) > 1 for ids in expected)
    assert all(id_ != tokens.UNKNOWN_ID for ids in expected for id_ in ids)


def test_a_word_that_cannot_be_pieced_is_one_unknown(of_pieces: Learnt) -> None:
    assert of_pieces.ids(["zzz", "ж", "the zzz", ""]) == [
        [1],
        [1],
        [of_pieces.vocabulary.index("the") + 1, 1],
        [],
    ]
    assert of_pieces.ids(["w" * 150]) == [[1]]


@pytest.mark.parametrize("which", list(SETTINGS))
def test_every_id_has_its_row_in_an_embedding(which: str, learnt: dict[str, Learnt]) -> None:
    one = learnt[which]
    seen = {id_ for row in one.ids([*TEXTS, *UNSEEN]) for id_ in row}
    assert min(seen) >= tokens.UNKNOWN_ID
    assert max(seen) < one.size + tokens.FIRST_ID


@pytest.mark.parametrize("name", list(REVERSIBLE))
def test_texts_come_back(name: str, learnt: dict[str, Learnt]) -> None:
    one = learnt[name]
    tokenizer = REVERSIBLE[name].tokenizer
    spelled = tf.constant(reversible.spellings([t.encode() for t in one.vocabulary], tokenizer))
    found = one.output({"text": tf.constant([*TEXTS, "the ж"])})[name]
    *rows, unseen = tf.RaggedTensor.from_sparse(found).to_list()
    texts = [reversible.join(tf.constant(row, tf.int64), spelled).numpy().decode() for row in rows]
    assert texts == list(TEXTS)
    assert unseen[-1] == reversible.UNKNOWN_ID
    assert min(id_ for row in rows for id_ in row) >= reversible.FIRST_ID
    assert len(spelled) == one.size + (2 if tokenizer == "wordpiece" else 3)
    if tokenizer == "wordpiece":
        assert max(map(len, rows)) > max(map(len, map(str.split, TEXTS)))


def test_texts_of_one_vocabulary_have_the_same_ids(learnt: dict[str, Learnt]) -> None:
    found = learnt["shared"].output({"text": tf.constant(["the gate", "水"])})
    short, long = (
        tf.RaggedTensor.from_sparse(found[name]).to_list() for name in ("shared", "shared_long")
    )
    added = learnt["shared"].vocabulary.index("ж") + reversible.FIRST_ID
    assert [[*row, added] for row in short] == long


def test_a_vocabulary_that_is_not_there_is_an_error(of_words: Learnt) -> None:
    with pytest.raises(ValueError, match="nothing"):
        of_words.facts.vocabulary("nothing")


@pytest.mark.parametrize("column", RARE)
@pytest.mark.parametrize("name", ["words", "wordpiece"])
def test_texts_without_a_frequent_token_still_make_a_graph(
    name: str, column: str, learnt: dict[str, Learnt]
) -> None:
    ids = learnt[f"{name}_of_{column}"].ids(["", "unheard 水"])
    assert ids[0] == []
    assert set(ids[1]) == {tokens.UNKNOWN_ID}
