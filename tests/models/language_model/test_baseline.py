"""The simple models, judged over pieces of a document as over the whole of it."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
import pytest

from tidegate.models.language_model.baseline import baseline, rivals
from tidegate.models.language_model.evaluation import statistics, summarise
from tidegate.models.language_model.settings import DataSettings, FeatureSettings

TRAIN = "the tide comes in, the tide goes out.\n" * 20
EVAL = "the tide goes in, the x goes out.\n"


def figures(found: Any) -> dict[str, Any]:
    total = sum(statistics(None, sums)["sums"] for _, sums in found)
    return summarise({"sums": total})


def records(*parts: str) -> dict[str, Any]:
    rows = [{"text": text, "part": number} for number, text in enumerate(parts)]
    return {"train": lambda: [{"text": TRAIN, "part": 0}], "eval": lambda: rows}


def test_pieces_of_a_document_are_judged_as_the_document() -> None:
    features = FeatureSettings()
    whole, parts = (
        figures(baseline(given, DataSettings(), features)["eval"])
        for given in (records(EVAL), records(EVAL[:9], EVAL[9:]))
    )
    for name in ("perplexity", "bits_per_character", "tokens", "characters", "gain"):
        assert parts[name] == pytest.approx(whole[name])
    assert whole["tokens"] == whole["characters"] == len(EVAL)
    assert whole["unknown"] == pytest.approx(1 / len(EVAL))
    ((_, (chunks, covers)),) = rivals(records(EVAL), DataSettings(), features)["eval"].items()
    assert covers is None
    assert whole["perplexity"] < 0.5 * figures(chunks)["perplexity"]


def test_each_token_by_itself_is_its_share_of_train() -> None:
    features = FeatureSettings(tokenizer="spaces")
    ((_, (chunks, _)),) = rivals(records(" the tide"), DataSettings(), features)["eval"].items()
    ((_, sums),) = chunks
    counts = Counter((" " + TRAIN.replace("\n", " \n ")).split(" "))
    assert np.isfinite(sums).all()
    # Kneser-Ney takes at most 1.5 off each count of tokens that are this many, and adds a little.
    every = sum(counts.values())
    by_hand = math.log(every / counts["tide"])
    assert sums[0, :, 0].sum() / 2 == pytest.approx(by_hand, rel=0.4)
