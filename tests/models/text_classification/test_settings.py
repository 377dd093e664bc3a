"""The rules of this task's settings that bounds alone do not state."""

import pytest

from tidegate.models.core.settings import read_section
from tidegate.models.layers.pooling import MODES, MaskedPooling
from tidegate.models.text_classification.settings import (
    DataSettings,
    FeatureSettings,
    ModelSettings,
)
from tidegate.tables.errors import InputError


@pytest.mark.parametrize("pooling", [*MODES, "max+mean", "last+max+mean+attention"])
def test_pooling_that_the_layer_knows(pooling: str) -> None:
    assert read_section("model", ModelSettings, {"pooling": pooling}).pooling == pooling
    assert MaskedPooling(pooling).mode == pooling


@pytest.mark.parametrize("pooling", ["", "min", "max+", "+", "max + mean", "max+max", "MAX"])
def test_pooling_that_the_layer_would_refuse_is_refused_before_training(pooling: str) -> None:
    with pytest.raises(ValueError):
        MaskedPooling(pooling)
    with pytest.raises(InputError, match=r"pooling=.*expected last, max, mean, attention"):
        read_section("model", ModelSettings, {"pooling": pooling})


@pytest.mark.parametrize(
    "cls,key,value",
    [
        (FeatureSettings, "tokenizer", "bpe"),
        (FeatureSettings, "max_tokens", 0),
        (FeatureSettings, "truncation", "tail"),
        (FeatureSettings, "min_count", 0),
        (ModelSettings, "dropout", 1.0),
        (ModelSettings, "layers", 0),
        (ModelSettings, "word_ngrams", -1),
        (ModelSettings, "class_balance", 1.5),
        (DataSettings, "valid_share", 0.5),
        (DataSettings, "max_bad_share", 1.0),
    ],
)
def test_out_of_bounds(cls: type, key: str, value: object) -> None:
    with pytest.raises(InputError, match=f"section.{key}="):
        read_section("section", cls, {key: value})
