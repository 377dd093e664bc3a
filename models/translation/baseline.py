"""What the network must be worth more than: word for word, and the source as it is."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tidegate.models.text import reversible
from tidegate.models.translation import dictionary
from tidegate.models.translation.preprocess import plain
from tidegate.models.translation.settings import DataSettings, FeatureSettings

Records = Mapping[str, Callable[[], Iterable[Mapping[str, Any]]]]
Judged = tuple[None, np.ndarray]
# Pairs of words that the dictionary is learnt from at most: 40 bytes of memory each.
_MOST = 20_000_000
# Texts that are read at once.
_CHUNK = 1_024
_COPIED = "the source as it is"


def baseline(
    records: Records, data: DataSettings, features: FeatureSettings
) -> dict[str, Iterator[Judged]]:
    """Each word becomes the most probable one of a dictionary, in the source's order.

    A word that the dictionary lacks stays as it is.

    Args:
      records: by split, a function that yields its records; `train` is learnt from.
      data: not used; part of the contract.
      features: whether texts are made lower case.

    Returns:
      By split other than train, a chunk of texts after another: nothing, and rows as
      `models.translation.judged` says.
    """
    del data
    words = dictionary.learn(_few(_pairs(records["train"], features)))
    best = {source: max(to, key=lambda word: to[word]) for source, to in words.items()}

    def translated(source: list[str]) -> str:
        return "".join(best.get(word.strip(), word) for word in source).strip()

    return _answers(records, features, translated)


def rivals(
    records: Records, data: DataSettings, features: FeatureSettings
) -> dict[str, dict[str, tuple[Iterator[Judged], None]]]:
    """The source as it is.

    Args:
      records: by split, a function that yields its records.
      data: not used; part of the contract.
      features: whether texts are made lower case.

    Returns:
      By split other than train and valid, and by title: nothing and rows in chunks, and None, as
      all texts are judged.
    """
    del data
    judged = {split: rows for split, rows in records.items() if split != "valid"}
    answers = _answers(judged, features, lambda source: "".join(source).strip())
    return {split: {_COPIED: (chunks, None)} for split, chunks in answers.items()}


def _answers(
    records: Records, features: FeatureSettings, translated: Callable[[list[str]], str]
) -> dict[str, Iterator[Judged]]:
    def answers(split: str) -> Iterator[Judged]:
        pairs = _pairs(records[split], features)
        while some := list(itertools.islice(pairs, _CHUNK)):
            # Of the network's figures there are none.
            rows = [
                (translated(source), "".join(target).strip(), "0", "0", "0", "0", "")
                for source, target in some
            ]
            yield None, np.array(rows, object)

    return {split: answers(split) for split in records if split != "train"}


def _pairs(
    read: Callable[[], Iterable[Mapping[str, Any]]], features: FeatureSettings
) -> Iterator[tuple[list[str], list[str]]]:
    """The words of each pair, each with the space before it."""
    rows = iter(read())
    while some := list(itertools.islice(rows, _CHUNK)):
        sides = []
        for side in ("source", "target"):
            text = plain(tf.constant([record[side] for record in some]), features)
            words = reversible.split(tf.strings.join([" ", text]), "words").to_list()
            sides.append([[word.decode().replace("\u2028", "\n") for word in one] for one in words])
        yield from zip(*sides, strict=True)


def _few(
    pairs: Iterable[tuple[list[str], list[str]]],
) -> Iterator[tuple[list[str], list[str]]]:
    """The first pairs, as many as memory allows; a source's words without their spaces."""
    words = 0
    for source, target in pairs:
        words += (len(source) + 1) * len(target)
        if words > _MOST:
            return
        yield [word.strip() for word in source], target
