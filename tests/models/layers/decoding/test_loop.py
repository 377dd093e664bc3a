"""The decoding loop, against searches and draws in plain Python over models small enough."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from tests.models.layers.decoding import reference
from tidegate.models.core.export import operations
from tidegate.models.layers.decoding.loop import Decoded, Options, decode

SIZE, END = 5, 0


class Network:
    """Logits that depend on the last three tokens: the state holds the two before the last.

    In NumPy and in the graph; the graph adds nothing up, so that no batch can change its numbers.
    """

    def __init__(self, seed: int, size: int = SIZE, scale: float = 1.0) -> None:
        shape = (size, size, size, size)
        self.table = (np.random.default_rng(seed).normal(size=shape) * scale).astype(np.float32)

    @staticmethod
    def step(table: tf.Tensor, tokens: tf.Tensor, state: Any) -> tuple[tf.Tensor, Any]:
        place = tf.concat([state["before"], tokens[:, None]], axis=1)
        return tf.gather_nd(table, place), {"before": place[:, 1:], "steps": state["steps"] + 1}

    @staticmethod
    def state(rows: Any) -> Any:
        return {"before": tf.zeros([rows, 2], tf.int32), "steps": tf.zeros([rows], tf.int32)}

    def logits(self, tokens: tuple[int, ...]) -> np.ndarray:
        found: np.ndarray = self.table[(0, 0, *tokens)[-3:]]
        return found

    def logs(self, tokens: tuple[int, ...]) -> np.ndarray:
        return reference.log_softmax(self.logits(tokens))


DEFAULTS = {
    **{"length": 0, "temperature": 0.0, "top_k": 0, "top_p": 1.0, "seed": 0, "samples": 1},
    **{"beams": 1, "length_penalty": 0.0},
}


def options(rows: int, **given: Any) -> dict[str, tf.Tensor]:
    """One value for all rows, or one for each."""
    assert set(given) <= set(DEFAULTS)
    return {
        name: tf.constant(
            np.broadcast_to(
                np.asarray(given.get(name, value), type(value)).astype(
                    np.float32 if isinstance(value, float) else np.int32
                ),
                rows,
            )
        )
        for name, value in DEFAULTS.items()
    }


def _steps(state: Any) -> Any:
    return state["steps"]


@functools.cache
def graph(end: int | None, stop: Any = None) -> Any:
    """Traced once for all networks, rows and options."""

    @tf.function(autograph=False, reduce_retracing=True)
    def traced(table: tf.Tensor, first: tf.Tensor, given: Any) -> dict[str, Any]:
        def step(tokens: tf.Tensor, state: Any) -> tuple[tf.Tensor, Any]:
            return Network.step(table, tokens, state)

        state = Network.state(tf.size(first))
        return vars(decode(step, first, state, Options(**given), end=end, stop=stop, keep=_steps))

    rows = {name: tf.TensorSpec([None], one.dtype) for name, one in options(0).items()}
    first = tf.TensorSpec([None], tf.int32)
    return traced.get_concrete_function(tf.TensorSpec([None] * 4), first, rows)


def run(
    network: Network, first: list[int], *, end: int | None = END, stop: Any = None, **given: Any
) -> Decoded:
    tokens = tf.constant(first, tf.int32)
    return Decoded(
        **graph(end, stop)(tf.constant(network.table), tokens, options(len(first), **given))
    )


def texts(found: Decoded, row: int) -> list[list[int]]:
    """The tokens of each lane that holds some."""
    lanes = zip(found.tokens[row].numpy(), found.lengths[row].numpy(), strict=True)
    return [tokens[:length].tolist() for tokens, length in lanes if length]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("penalty", [0.0, 1.0, 2.5])
def test_a_search_with_room_for_all_finds_what_there_is(seed: int, penalty: float) -> None:
    network = Network(seed, size=3)
    for first in (1, 2):
        expected = reference.exhaustive(network.logs, first, 3, 3, END, penalty)
        assert len(expected) == 15  # 1 + 2 + 4 that end early or late, 8 that are cut
        (found,) = [run(network, [first], length=3, beams=15, length_penalty=penalty)]
        assert texts(found, 0) == [list(tokens) for _, tokens, _ in expected]
        np.testing.assert_allclose(found.score[0], [one[0] for one in expected], rtol=1e-5)
        np.testing.assert_allclose(found.total[0], [one[2] for one in expected], rtol=1e-5)


@pytest.mark.parametrize("beams", [2, 3, 5])
@pytest.mark.parametrize("penalty", [0.0, 0.7])
def test_narrow_searches_as_described(beams: int, penalty: float) -> None:
    first = [1, 2, 3, 4]
    for seed in range(3):
        network = Network(seed, scale=1.5)
        found = run(network, first, length=6, beams=beams, length_penalty=penalty)
        for row, token in enumerate(first):
            expected = reference.beam_search(network.logs, token, beams, 6, END, penalty)
            assert texts(found, row) == [list(tokens) for _, tokens, _ in expected]
            np.testing.assert_allclose(found.score[row], [one[0] for one in expected], rtol=1e-5)


def test_greedy_is_a_search_with_one_beam() -> None:
    network, first = Network(3), [1, 2, 3, 4]
    found = run(network, first, length=8)
    for row, token in enumerate(first):
        ((score, tokens, _),) = reference.beam_search(network.logs, token, 1, 8, END, 0.0)
        assert texts(found, row) == [list(tokens)]
        np.testing.assert_allclose(found.total[row], [score], rtol=1e-5)


def test_hand_worked() -> None:
    """After 1 the better first token leads to worse ones: greedy misses what two beams find."""
    network = Network(0, size=4)
    network.table[...] = -np.inf
    network.table[:, :, 1] = [-np.inf, -np.inf, *np.log([0.6, 0.4])]
    network.table[:, :, 2] = [*np.log([0.5, 0.25, 0.25]), -np.inf]
    network.table[:, :, 3] = [*np.log([0.9, 0.1]), -np.inf, -np.inf]
    greedy = run(network, [1], length=2)
    assert texts(greedy, 0) == [[2, 0]]
    np.testing.assert_allclose(np.exp(greedy.log_probabilities[0, 0]), [0.6, 0.5], rtol=1e-6)
    np.testing.assert_allclose(np.exp(greedy.total[0]), [0.3], rtol=1e-6)
    searched = run(network, [1], length=2, beams=2)
    assert texts(searched, 0) == [[3, 0], [2, 0]]
    np.testing.assert_allclose(np.exp(searched.score[0]), [0.36, 0.3], rtol=1e-6)
    # With the penalty 1 a log-probability counts for 6 / (5 + n) of itself.
    fair = run(network, [1], length=2, beams=2, length_penalty=1.0)
    np.testing.assert_allclose(fair.score[0], np.log([0.36, 0.3]) * 6 / 7, rtol=1e-6)
    # The token 3 has no third and fourth candidate: two of five beams stay empty.
    wide = run(network, [3], length=1, beams=5)
    assert texts(wide, 0) == [[0], [1]]
    assert np.isneginf(wide.score[0, 2:]).all()
    assert not wide.total[0, 2:].numpy().any()
    assert not wide.tokens[0, 2:].numpy().any()


MIXED: dict[str, list[Any]] = {
    "length": [9, 3, 7, 0, 9, 5, 8, 6],
    "temperature": [0.0, 1.0, 0.7, 1.0, 0.0, 1.5, 1.0, 0.0],
    "top_k": [0, 0, 3, 0, 0, 0, 2, 0],
    "top_p": [1.0, 1.0, 1.0, 1.0, 1.0, 0.8, 0.9, 1.0],
    "seed": [0, 1, 1, 1, 0, -5, 2**31 - 1, 0],
    "samples": [1, 1, 3, 2, 1, 1, 4, 1],
    "beams": [1, 1, 1, 1, 5, 1, 1, 2],
    "length_penalty": [0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.5],
}
FIRST = [1, 2, 3, 4, 1, 2, 3, 4]


def test_a_row_is_answered_alike_in_every_batch() -> None:
    network = Network(5)
    together = run(network, FIRST, **MIXED)
    rng = np.random.default_rng(0)
    batches = [[row] for row in range(8)] + [rng.permutation(8).tolist(), [6, 6, 2], [7, 1, 4]]
    for batch in batches:
        parts = {name: [values[row] for row in batch] for name, values in MIXED.items()}
        found = run(network, [FIRST[row] for row in batch], **parts)
        for place, row in enumerate(batch):
            assert texts(found, place) == texts(together, row)
            number = len(texts(found, place))
            for one in ("total", "score"):
                # Not to the last bit: TensorFlow 2.21 adds up a batch of another size otherwise.
                np.testing.assert_allclose(
                    getattr(found, one)[place, :number],
                    getattr(together, one)[row, :number],
                    rtol=1e-6,
                )
    assert [len(texts(together, row)) for row in range(8)] == [1, 1, 3, 0, 5, 1, 4, 2]


def test_draws_as_described() -> None:
    network = Network(5)
    found = run(network, FIRST, **MIXED)
    for row in (1, 2, 5, 6):
        option = {name: values[row] for name, values in MIXED.items()}
        for lane in range(option["samples"]):
            tokens: list[int] = []
            while len(tokens) < option["length"] and tokens[-1:] != [END]:
                random = reference.uniform(option["seed"], lane, len(tokens))
                logits = network.logits((FIRST[row], *tokens))
                drawing = (option["temperature"], option["top_k"], option["top_p"])
                tokens.append(reference.draw(logits, *drawing, random))
            assert texts(found, row)[lane] == tokens
            logs = [
                network.logs((FIRST[row], *tokens[:place]))[token]
                for place, token in enumerate(tokens)
            ]
            np.testing.assert_allclose(
                found.log_probabilities[row, lane, : len(tokens)], logs, rtol=1e-5
            )
            np.testing.assert_allclose(found.total[row, lane], sum(logs), rtol=1e-5)


def test_nothing_stands_behind_an_end() -> None:
    found = run(Network(5), FIRST, **MIXED)
    for row in range(8):
        for lane, length in enumerate(found.lengths[row].numpy()):
            tokens = found.tokens[row, lane].numpy()
            assert not tokens[length:].any()
            assert not found.log_probabilities[row, lane, length:].numpy().any()
            assert END not in tokens[: max(length - 1, 0)]
            assert length <= MIXED["length"][row]
            # What is kept belongs to the token that this step has chosen.
            expected = np.where(np.arange(len(tokens)) < length, np.arange(1, len(tokens) + 1), 0)
            np.testing.assert_array_equal(found.kept[row, lane], expected)


def test_it_ends_with_the_last_row() -> None:
    network, calls = Network(0, size=4), []
    network.table[...] = [-9.0, 9.0, 0.0, 0.0]
    network.table[:, 1, 1] = [9.0, -9.0, 0.0, 0.0]  # after two 1: the end

    def step(tokens: tf.Tensor, state: Any) -> tuple[tf.Tensor, Any]:
        calls.append(len(tokens))
        return Network.step(tf.constant(network.table), tokens, state)

    asked = Options(length=tf.constant([50, 2]))
    found = decode(step, tf.constant([2, 2]), Network.state(2), asked, end=END)
    assert texts(found, 0) == [[1, 1, 0]]
    assert texts(found, 1) == [[1, 1]]
    assert len(calls) == 3
    assert found.tokens.shape == (2, 1, 3)


def test_a_stop_on_what_there_is_so_far() -> None:
    """Rows stop behind pairs of their own."""
    network, first = Network(5), [1, 2, 1]
    pairs = [[2, 3], [4, 1], [-1, -1]]

    def stop(tokens: tf.Tensor) -> tf.Tensor:
        last = tf.pad(tokens, [[0, 0], [0, 0], [1, 0]], constant_values=-2)[:, :, -2:]
        return tf.reduce_all(last == tf.constant(pairs)[:, None], axis=2)

    for more in ({"temperature": 1.0, "samples": 6}, {"beams": 4}):
        free = run(network, first, length=12, **more)
        found = run(network, first, length=12, stop=stop, **more)
        assert texts(found, 2) == texts(free, 2)
        stopped = 0
        for row in (0, 1):
            for tokens in texts(found, row):
                at = [i for i in range(1, len(tokens)) if tokens[i - 1 : i + 1] == pairs[row]]
                assert at in ([], [len(tokens) - 1])
                assert at or len(tokens) == 12 or tokens[-1] == END
                stopped += len(at)
            if "samples" in more:
                for tokens, whole in zip(texts(found, row), texts(free, row), strict=True):
                    assert tokens == whole[: len(tokens)]
        assert stopped


def test_no_rows_and_other_dtypes() -> None:
    network = Network(0)
    found = run(network, [], length=3)
    assert found.tokens.shape[:2] == (0, 1)
    ids = tf.constant([1], tf.int64)

    def half(tokens: tf.Tensor, state: Any) -> tuple[tf.Tensor, Any]:
        table = tf.constant(network.table)
        logits, state = Network.step(table, tf.cast(tokens, tf.int32), state)
        return tf.cast(logits, tf.float16), state

    asked = Options(length=tf.constant([3]), beams=tf.constant([2]))
    wide = decode(half, ids, Network.state(1), asked, end=END)
    assert wide.tokens.dtype == tf.int64
    assert wide.score.dtype == tf.float32


def test_in_a_saved_model(tmp_path: Path) -> None:
    """With ops of TensorFlow alone, and for any number of rows."""
    network = Network(5)
    table = tf.constant(network.table)
    given = options(len(FIRST), **MIXED)
    rows = {name: tf.TensorSpec([None], one.dtype, name) for name, one in given.items()}

    @tf.function(autograph=False)
    def answer(first: tf.Tensor, **given: tf.Tensor) -> dict[str, tf.Tensor]:
        found = graph(END)(table, first, given)
        return {"tokens": found["tokens"], "score": found["score"]}

    module = tf.Module()
    module.table = table
    signature = answer.get_concrete_function(tf.TensorSpec([None], tf.int32, "first"), **rows)
    tf.saved_model.save(module, str(tmp_path), signatures=signature)
    loaded = tf.saved_model.load(str(tmp_path)).signatures["serving_default"]
    found = loaded(first=tf.constant(FIRST), **given)
    expected = run(network, FIRST, **MIXED)
    np.testing.assert_array_equal(found["tokens"], expected.tokens)
    np.testing.assert_array_equal(found["score"], expected.score)
    saved = saved_model_pb2.SavedModel()
    saved.ParseFromString((tmp_path / "saved_model.pb").read_bytes())
    assert not {name for name in operations(saved) if "Py" in name or "XlaCall" in name}
