"""An LSTM layer on the CPU: TensorFlow's kernel over all steps beside Keras's loop.

A bidirectional layer of models/layers over right-padded rows, forward alone and forward with
backward; the two take turns, call by call.

    python -m benchmarks.lstm_cpu --runs 12
"""

import os
import time
from collections.abc import Callable
from typing import Any

from benchmarks import measure, report, workplace

# Rows, steps, features, units: serving of one text, training of short and long ones, wide layers.
_SIZES = (
    (1, 200, 64, 64),
    (8, 200, 64, 64),
    (32, 100, 64, 64),
    (64, 100, 64, 64),
    (10, 200, 128, 64),
    (1, 200, 128, 128),
    (32, 100, 128, 128),
)
_WARM_UP = 2


def _calls(
    rows: int, steps: int, features: int, units: int, widest: int
) -> list[Callable[[], Any]]:
    """Forward, and forward with backward, traced with the kernel up to a width."""
    import tensorflow as tf

    from tidegate.models.layers import block_lstm
    from tidegate.models.layers.recurrent import RecurrentStack

    block_lstm._WIDEST = widest
    stack = RecurrentStack(units)
    stack.build((None, None, features))
    sequence = tf.random.stateless_normal((rows, steps, features), seed=(0, 1))
    lengths = tf.random.stateless_uniform((rows,), (0, 2), steps // 2, steps + 1, tf.int32)
    mask = tf.sequence_mask(lengths, steps)
    weights = [variable.value for variable in stack.trainable_variables]

    @tf.function(autograph=False)
    def forward() -> Any:
        return stack(sequence, mask)[0]

    @tf.function(autograph=False)
    def both() -> Any:
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(stack(sequence, mask)[0] ** 2)
        return tape.gradient(total, weights)

    for call in (forward, both):
        for _ in range(_WARM_UP):
            call()
    return [forward, both]


def main() -> None:
    """Measures all sizes and prints the table."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    arguments = workplace.parser(__doc__, runs=12).parse_args()
    machine = report.machine()
    rows = []
    for size in _SIZES:
        kernel, loop = _calls(*size, widest=10_000), _calls(*size, widest=0)
        taken: list[list[float]] = [[] for _ in range(4)]
        for _ in range(arguments.runs):
            for number, call in enumerate((kernel[0], loop[0], kernel[1], loop[1])):
                begin = time.perf_counter()
                call()
                taken[number].append((time.perf_counter() - begin) * 1e3)
        cells = [report.spread(values) for values in taken]
        ratios = [
            report.spread((b / a for a, b in zip(*pair, strict=True)), 2)
            for pair in (taken[:2], taken[2:])
        ]
        batch, steps, features, units = size
        rows.append(
            [
                f"{batch} x {steps}, {features} and {units}",
                *cells[:2],
                ratios[0],
                *cells[2:],
                ratios[1],
            ]
        )
    print(f"{machine} Runs: {arguments.runs}.\n")
    columns = ["batch x steps, features and units"]
    for what in ("forward", "with backward"):
        columns += [f"{what}: kernel ms", "loop ms", "times faster"]
    print(report.table(columns, rows))


if __name__ == "__main__":
    measure.finish(main)
