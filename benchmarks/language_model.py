"""A language model of words: WikiText-2 for some minutes, tokens a second, generation.

1. `tidegate run language_model` on WikiText-2 for `--minutes` of training: its curve on valid, and
   the perplexity of the test split, beside the n-grams'.
2. Training steps of the same network on drawn tokens and on all, and of plain Keras `fit`, which
   takes all: tokens a second.
3. The pushed model continues texts for one client and for 64: tokens a second.

    python -m benchmarks.language_model --data FOLDER --minutes 20

FOLDER holds WikiText-2: train, valid and test, in words.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import measure, report, tidegate_run, workplace

_ROWS, _WINDOW, _SAMPLED = 32, 35, 2048
_SETTINGS: dict[str, Any] = {
    "model.embedding": 200,
    "model.units": 200,
    "model.tied": True,
    "model.sampled": _SAMPLED,
    "model.dropout": 0.2,
    "model.window": _WINDOW,
    "model.ngrams": 1_500_000,
    "training.learning_rate": 0.004,
    "training.batch_size": _ROWS,
}
_VOCABULARY = 33_278
_STEPS = 10


def _trained(data: Path, minutes: float, steps: int, work: Path) -> tidegate_run.TidegateRun:
    """Prepares the data set in a home of its own and trains on it."""
    home = work / "home"
    words = [tidegate_run.command(), "data", "get", "wikitext2", "--from", str(data)]
    measure.run(words, env=workplace.environment(home))
    given = {**_SETTINGS, "training.steps": steps, "training.max_seconds": 60 * minutes}
    return tidegate_run.run(
        "wikitext2",
        work / "out",
        home=home,
        task="language_model",
        settings=[f"{name}={value}" for name, value in given.items()],
    )


def _networks() -> dict[str, Callable[[], Any]]:
    """By name, a function that trains for `_STEPS` steps, traced."""
    import keras
    import numpy as np
    import tensorflow as tf

    from tidegate.models.core.carried import zero_state
    from tidegate.models.language_model.model import build_model
    from tidegate.models.language_model.settings import FeatureSettings, ModelSettings

    class Facts:
        def size(self, name: str) -> int:
            return _VOCABULARY - 3

    rows, window = _ROWS, _WINDOW
    text = np.random.default_rng(0).zipf(1.2, (_STEPS, rows, window + 1)) % (_VOCABULARY - 3) + 3
    own = {
        name.removeprefix("model."): value
        for name, value in _SETTINGS.items()
        if name.startswith("model.")
    }

    def stepping(sampled: int) -> Callable[[], Any]:
        settings = ModelSettings(**{**own, "sampled": sampled, "ngrams": 0})
        network = build_model(settings, FeatureSettings.model_validate({}), Facts())  # type: ignore[arg-type]
        optimizer = keras.optimizers.AdamW(1e-3)
        optimizer.build(network.trainable_variables)
        state = zero_state(network, rows)

        @tf.function(autograph=False)
        def step(tokens: tf.Tensor) -> tf.Tensor:
            inputs = {"tokens": tokens[:, :-1], "targets": tokens[:, 1:]}
            with tf.GradientTape() as tape:
                given = {**inputs, "begins": tf.fill([rows], False), **state}
                loss = -tf.reduce_mean(network(given, training=True)["log_probability"])
            values = [one.value for one in network.trainable_variables]
            optimizer.apply(tape.gradient(loss, values), network.trainable_variables)
            return loss

        return lambda: [float(step(tf.constant(one, tf.int32))) for one in text]

    layers = keras.layers
    plain = keras.Sequential(
        [
            layers.Embedding(_VOCABULARY, own["embedding"]),
            layers.LSTM(own["units"], return_sequences=True),
            layers.Dropout(own["dropout"]),
            layers.Dense(_VOCABULARY),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    plain.compile(keras.optimizers.AdamW(1e-3), loss, jit_compile=False)
    flat = text.reshape(-1, window + 1)

    def fit() -> None:
        plain.fit(flat[:, :-1], flat[:, 1:], batch_size=rows, epochs=1, shuffle=False, verbose=0)

    return {
        f"tidegate, {_SAMPLED:,} drawn tokens": stepping(_SAMPLED),
        "tidegate, all tokens": stepping(0),
        "Keras fit, all tokens": fit,
    }


def _generating(folder: str, clients: int) -> float:
    """Tokens a second of one request of so many texts."""
    import tidegate

    model = tidegate.load(folder)
    texts, length = ["The river"] * clients, 50
    model.generate(texts, length=length, seed=list(range(clients)))
    begin = time.perf_counter()
    found = model.generate(texts, length=length, seed=list(range(clients)))
    return float(found["tokens"].sum()) / (time.perf_counter() - begin)


def main() -> None:
    """Measures and prints the tables."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    parser = workplace.parser(__doc__, runs=3)
    parser.add_argument("--data", type=Path, required=True, help="the folder of WikiText-2")
    parser.add_argument("--minutes", type=float, default=20, help="of training")
    parser.add_argument(
        "--steps", type=int, default=6_000, help="that the learning rate's schedule spans"
    )
    arguments = parser.parse_args()
    machine = report.machine()
    with workplace.workplace(arguments) as work:
        run = _trained(arguments.data, arguments.minutes, arguments.steps, work)
        summary = run.summary
        training, figures = summary["training"], summary["metrics"]["test"]
        curve = zip(training["validated"], training["history"]["val_loss"], strict=True)
        rows = [[f"step {step:,}", f"{2.718281828**loss:,.1f}"] for step, loss in curve]
        print(machine)
        print(report.table(("valid, n-grams by half", "perplexity"), rows))
        tokens = training["steps"] * _WINDOW * _ROWS
        print(f"{training['seconds']:,.0f} s of training, {tokens:,} tokens")
        print(f"on valid: {training['calibrated']}")
        print(f"test perplexity {figures['perplexity']:.1f}, n-grams {figures['baseline']}")
        taken = measure.interleaved(_timed(_networks()), arguments.runs)
        each = _STEPS * _WINDOW * _ROWS
        rows = [[name, report.spread(each / one for one in own)] for name, own in taken.items()]
        for clients in (1, 64):
            if summary["pushed"]:
                speed = _generating(summary["pushed"], clients)
                rows.append([f"generation, {clients} clients", f"{speed:,.0f}"])
        print(report.table(("", "tokens a second"), rows))


def _timed(calls: dict[str, Callable[[], Any]]) -> dict[str, Callable[[int], float]]:
    def timed(call: Callable[[], Any]) -> Callable[[int], float]:
        call()

        def once(number: int) -> float:
            del number
            begin = time.perf_counter()
            call()
            return time.perf_counter() - begin

        return once

    return {name: timed(call) for name, call in calls.items()}


if __name__ == "__main__":
    measure.finish(main)
