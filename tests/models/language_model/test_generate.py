"""What the signatures answer, beside the network's own probabilities; defaults and company."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tidegate.models.core.carried import zero_state
from tidegate.models.language_model.defaults import GENERATE
from tidegate.models.language_model.generate import generate, step_on, stepper
from tidegate.models.language_model.model import build_model, counted
from tidegate.models.language_model.settings import FeatureSettings, ModelSettings
from tidegate.models.text import reversible
from tidegate.models.text.ngrams import NgramModel

LETTERS = " abcdefgh\u2028"
FEATURES = FeatureSettings()


class Facts:
    def size(self, name: str) -> int:
        return len(LETTERS)

    def vocabulary(self, name: str) -> tuple[bytes, ...]:
        return tuple(one.encode() for one in LETTERS)


class Model:
    """What a signature is given, without a transform graph."""

    def __init__(self, cell: Any, **settings: Any) -> None:
        settings = {"embedding": 6, "units": 8, "layers": 2, "cell": cell, **settings}
        self.facts: Any = Facts()
        self.features = FEATURES
        self.network: keras.Model = build_model(ModelSettings(**settings), FEATURES, self.facts)
        random = np.random.default_rng(1)
        for one in self.network.trainable_weights:
            one.assign(random.normal(0, 0.9, one.shape))
        if ngrams := counted(self.network):
            size = ngrams.size
            text = random.integers(reversible.BORDER_ID, size, 300)
            learnt = NgramModel([text], order=ngrams.order, size=size, first=1)
            ngrams.fill(learnt.table(ngrams.most))

    def transformed(self, raw: Any) -> dict[str, Any]:
        split = reversible.split(reversible.canonical(raw["text"]), "chars")
        ids = [[LETTERS.index(one.decode()) + 3 for one in row] for row in split.to_list()]
        return {"tokens": tf.ragged.constant(ids, tf.int64, ragged_rank=1).to_sparse()}

    def answers(self, raw: Any) -> Any:
        raise AssertionError("not asked for here")


@pytest.fixture(scope="module", params=["lstm", "gru", "beside drawn"])
def model(request: pytest.FixtureRequest) -> Model:
    if request.param == "beside drawn":
        return Model("lstm", sampled=5, ngrams=500)
    return Model(request.param, ngrams=500 if request.param == "lstm" else 0)


def asked(texts: list[str], **options: Any) -> dict[str, tf.Tensor]:
    rows = {name: np.array([value]) for name, value in {**GENERATE, **options}.items()}
    kinds = {"temperature": "float32", "top_p": "float32", "length_penalty": "float32"}
    given = {
        name: tf.constant(value.reshape(-1) if name != "stop" else value, kinds.get(name))
        for name, value in rows.items()
        if name not in ("stop", "seed")
    }
    given = {
        name: one if one.dtype == tf.float32 else tf.cast(one, tf.int32)
        for name, one in given.items()
    }
    given["seed"] = tf.constant(rows["seed"].reshape(-1), tf.int64)
    stop = options.get("stop", [])
    given["stop"] = tf.constant([stop], tf.string, shape=[1, len(stop)])
    return {"text": tf.constant(texts), **given}


def following(model: Model, text: str) -> np.ndarray:
    """The logits behind a text, a token after another from the beginning."""
    step = stepper(model.network)
    ids = [reversible.BORDER_ID, *(LETTERS.index(one) + 3 for one in text)]
    state = zero_state(model.network, 1)
    for number in ids:
        logits, state = step(tf.constant([number]), state)
    return logits.numpy()[0]


def test_greedy_takes_the_most_probable_token_each_time(model: Model) -> None:
    found = generate(asked(["ab", ""], length=5, temperature=0.0), model)
    for text, continuation, total in zip(
        ["ab", ""], found["continuation"].numpy(), found["log_probability"].numpy(), strict=True
    ):
        expected, log = "", 0.0
        for _ in range(5):
            logits = following(model, text + expected)
            best = int(logits.argmax())
            log += logits[best] - np.log(np.exp(logits).sum())
            if best == reversible.BORDER_ID:
                break
            expected += LETTERS[best - 3]
        assert continuation.decode() == expected.replace("\u2028", "\n")
        # Padding and unknown tokens, which have no logit here, are ruled out.
        assert total == pytest.approx(log, abs=1e-4)


def test_a_text_is_continued_alike_in_any_company_and_by_its_seed(model: Model) -> None:
    texts = ["ab", "hgfedcba", "", "a a"]
    together = generate(asked(texts, samples=3, temperature=1.0, length=12), model)
    for number, text in enumerate(texts):
        alone = generate(asked([text], samples=3, temperature=1.0, length=12), model)
        assert (alone["continuations"][0] == together["continuations"][number]).numpy().all()
    other = generate(asked(texts, samples=3, temperature=1.0, length=12, seed=5), model)
    assert not (other["continuations"] == together["continuations"]).numpy().all()


def test_stop_strings_end_a_text(model: Model) -> None:
    free = generate(asked(["ab"], length=20), model)["continuation"].numpy()[0].decode()
    assert len(free) > 4
    stop = free[2:4]
    cut = generate(asked(["ab"], length=20, stop=[stop]), model)["continuation"].numpy()[0]
    assert cut.decode() == free[: free.index(stop)]


def test_a_client_goes_on_from_the_state(model: Model) -> None:
    count = tf.constant([4])
    none = tf.zeros([1, 0])
    whole = step_on({"text": tf.constant(["abc de"]), "state": none, "count": count}, model)
    first = step_on({"text": tf.constant(["abc"]), "state": none, "count": count}, model)
    nothing = {"text": tf.constant([""]), "state": first["state"], "count": count}
    np.testing.assert_allclose(step_on(nothing, model)["state"], first["state"])
    again = {"text": tf.constant([" de"]), "state": first["state"], "count": count}
    second = step_on(again, model)
    np.testing.assert_allclose(second["probabilities"], whole["probabilities"], atol=1e-5)
    assert (second["next"] == whole["next"]).numpy().all()
    logits = following(model, "abc de")
    chances = np.exp(logits) / np.exp(logits).sum()
    np.testing.assert_allclose(whole["probabilities"][0], -np.sort(-chances)[:4], atol=1e-5)
    with pytest.raises(tf.errors.InvalidArgumentError, match="as many numbers"):
        step_on({"text": tf.constant(["a"]), "state": tf.zeros([1, 3]), "count": count}, model)
