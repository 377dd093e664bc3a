"""What the signatures answer, beside the network's own probabilities; options and company."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tidegate.models.text import reversible
from tidegate.models.translation.decoding import apply, decoded, score, translate
from tidegate.models.translation.judged import LOOKS, NATS, RIGHT, TOKENS, TRANSLATION, seen
from tidegate.models.translation.judging import judge
from tidegate.models.translation.model import build_model
from tidegate.models.translation.preprocess import SOURCE, TARGET, begun, model_inputs
from tidegate.models.translation.settings import FeatureSettings, ModelSettings

LETTERS = " abcdefgh"
FEATURES = FeatureSettings(tokenizer="chars")
SOURCES = ["abcde", "fe", "", "ha gbd"]


class Facts:
    def __init__(self, features: FeatureSettings = FEATURES) -> None:
        self.features = features

    def size(self, name: str) -> int:
        return len(LETTERS)

    def vocabulary(self, name: str) -> tuple[bytes, ...]:
        return tuple(one.encode() for one in LETTERS)


class Model:
    """What a signature is given, without a transform graph."""

    def __init__(self, features: FeatureSettings = FEATURES, **settings: Any) -> None:
        self.facts: Any = Facts(features)
        self.features = features
        chosen = ModelSettings(embedding=6, units=8, **settings)
        self.network: keras.Model = build_model(chosen, features, self.facts)
        random = np.random.default_rng(1)
        weights = self.network.get_weights()
        self.network.set_weights([random.normal(0, 0.9, one.shape) for one in weights])
        # Padding and unknown tokens are never given out: here they are never probable either.
        bias = self.network.get_layer("output").bias
        bias.assign(np.where(np.arange(len(LETTERS) + 3) < 2, -1e9, np.asarray(bias)))

    def transformed(self, raw: Any) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for side, name in (("source", SOURCE), ("target", TARGET)):
            if side in raw:
                split = reversible.split(reversible.canonical(tf.constant(raw[side])), "chars")
                ids = [
                    [
                        LETTERS.find(one.decode()) + 3 if one.decode() in LETTERS else 1
                        for one in row
                    ]
                    for row in split.to_list()
                ]
                ragged = tf.ragged.constant(ids, tf.int64, ragged_rank=1)
                found[name] = ragged.to_sparse()
        if self.features.copy_unknown:
            found["source_text"] = tf.constant(raw["source"])
        return found

    def answers(self, raw: Any) -> Any:
        raise AssertionError("not asked for here")


def asked(sources: list[str], beams: Any = 1, penalty: float = 0.6, length: int = 0) -> Any:
    return {
        "source": tf.constant(sources),
        "beams": tf.constant(np.ravel(beams), tf.int32),
        "length_penalty": tf.constant([penalty], tf.float32),
        "length": tf.constant([length], tf.int32),
    }


@pytest.fixture(
    scope="module",
    params=[
        {"layers": 2, "attention": "general", "tied": True},
        {"attention": "additive", "tied": False},
        {"attention": "dot", "label_smoothing": 0.0},
    ],
    ids=lambda one: one["attention"],
)
def model(request: pytest.FixtureRequest) -> Model:
    return Model(**request.param)


@pytest.mark.parametrize("beams", [1, 2, 5])
def test_a_translation_is_worth_what_the_network_gives_it(model: Model, beams: int) -> None:
    source = model_inputs(model.transformed({"source": SOURCES}))["source"]
    options = asked(SOURCES, beams)
    found = decoded(model.network, source, options)
    answers = translate(options, model)  # type: ignore[arg-type]
    assert found.tokens.shape[:2] == (len(SOURCES), beams)
    for row, text in enumerate(SOURCES):
        for lane in range(beams):
            length = int(found.lengths[row, lane])
            targets = found.tokens[row, lane, :length][None]
            spelled = "".join(LETTERS[one - 3] for one in targets[0] if one > 2)
            assert answers["translations"][row, lane].numpy().decode() == spelled.strip()
            if not text:
                assert length == 0
                continue
            inputs = {"source": source[row : row + 1], "tokens": begun(targets), "targets": targets}
            expected = model.network(inputs, training=False)["log_probability"][0].numpy()
            np.testing.assert_allclose(
                found.log_probabilities[row, lane, :length], expected, atol=1e-3
            )
            total = float(answers["log_probabilities"][row, lane])
            assert total == pytest.approx(expected.sum(), abs=1e-3)
            score = float(answers["scores"][row, lane])
            assert score == pytest.approx(total / ((5 + length) / 6) ** 0.6, abs=1e-3)
            weights = found.kept[row, lane, :length].numpy()
            np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-4)
            # Nothing looks at padding.
            assert not weights[:, len(text) + 1 :].any()
        if text:
            assert (np.diff(found.score[row]) <= 0).all()
    # What a request says nothing about.
    assert apply(model.network, {"source": source}).tokens.shape[1] == 5


def greedy(model: Model, source: str) -> str:
    """Each time the most probable letter or the end, by the whole network anew."""
    text = ""
    while len(text) < 2 * len(source) + 10:
        letters = ["", *LETTERS]
        given = {"source": [source] * len(letters), "target": [text + one for one in letters]}
        told = score(given, model)["token_log_probabilities"]  # type: ignore[arg-type]
        best = letters[int(np.argmax(told[:, len(text)]))]
        if not best:
            break
        text += best
    return text


def test_one_beam_takes_the_most_probable_token_each_time() -> None:
    model = Model(attention="general")
    found = translate(asked(["bad", "h"], 1), model)["translation"].numpy()  # type: ignore
    assert [one.decode() for one in found] == [greedy(model, one).strip() for one in ("bad", "h")]


def test_a_text_is_translated_alike_alone_and_in_company(model: Model) -> None:
    beams = [1, 4, 2, 3]
    together = translate(asked(SOURCES, beams), model)  # type: ignore[arg-type]
    for row, source in enumerate(SOURCES):
        alone = translate(asked([source], beams[row]), model)  # type: ignore[arg-type]
        width = beams[row]
        for name in ("translations", "scores"):
            left, right = alone[name][0].numpy(), together[name][row, :width].numpy()
            if name == "scores":
                np.testing.assert_allclose(left, right, atol=1e-4)
            else:
                assert left.tolist() == right.tolist()


def test_an_unknown_token_is_copied_from_where_it_looks() -> None:
    model = Model(FeatureSettings(tokenizer="chars", copy_unknown=True))
    # Now unknown tokens are as probable as others.
    bias = model.network.get_layer("output").bias
    bias.assign(np.where(np.arange(len(LETTERS) + 3) == 1, 3.0, np.asarray(bias)))
    sources = ["aЖcÜe", "яb\nd", ""]
    options = asked(sources, 2)
    found = translate(options, model)  # type: ignore[arg-type]
    raw = decoded(
        model.network, model_inputs(model.transformed({"source": sources}))["source"], options
    )
    copied = 0
    for row, source in enumerate(sources):
        weights = found["alignment"][row].numpy()
        tokens = [one.decode() for one in found["tokens"][row].numpy()]
        assert b"".join(found["source_tokens"][row].numpy()).decode() == source
        for number, id_ in enumerate(raw.tokens[row, 0].numpy()):
            if id_ == reversible.UNKNOWN_ID:
                copied += 1
                assert tokens[number] == source[int(weights[number, : len(source)].argmax())]
        assert found["translation"][row].numpy().decode() == "".join(tokens).strip()
    assert copied > 2


def test_a_length_is_kept_to() -> None:
    model = Model()
    found = translate(asked(SOURCES, 2, length=3), model)["tokens"]  # type: ignore[arg-type]
    assert found.shape[1] <= 3


def test_more_beams_find_no_less_probable_translation() -> None:
    model = Model()
    best = [
        translate(asked(["abcde", "fe", "ha gbd"], beams, penalty=0.0), model)["score"].numpy()  # type: ignore
        for beams in (1, 5)
    ]
    assert (best[1] >= best[0] - 1e-4).all()


def test_what_is_judged(model: Model) -> None:
    targets = ["ab", "c h", "d", "eefgh"]
    transformed = model.transformed({"source": SOURCES, "target": targets})
    transformed["target_text"] = tf.constant(targets)
    rows = judge(model.network, transformed, FEATURES, model.facts)["judged"].numpy()
    told = score({"source": SOURCES, "target": targets}, model)  # type: ignore[arg-type]
    made = translate(asked(SOURCES, 5), model)  # type: ignore[arg-type]
    for row, target in enumerate(targets):
        assert float(rows[row, NATS]) == pytest.approx(
            -float(told["log_probability"][row]), rel=1e-3
        )
        assert int(rows[row, TOKENS]) == len(target) + 1
        assert 0 <= int(rows[row, RIGHT]) <= len(target) + 1
        assert rows[row, TRANSLATION] == made["translation"][row]
        looks = seen(rows[row, LOOKS].decode())
        assert (looks is None) == (not SOURCES[row])
        if looks is not None:
            source, tokens, weights = looks
            assert "".join(source) == SOURCES[row]
            np.testing.assert_allclose(
                weights, made["alignment"][row, : len(tokens), : len(source)], atol=0.01
            )
