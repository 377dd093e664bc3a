"""Two training workers on loopback against one process: steps per second.

    python -m benchmarks.training_workers --runs 5

Peers train the same model on the same global batches, in this machine's first two cores: one
process with both cores (two threads), one process with one core, and two workers with a core (and a
thread) each, whose gradients meet through MultiWorkerMirroredStrategy on 127.0.0.1. The rate is
taken between the first validation and the last, so that tracing is not in it; the steps are those
of the project's own loop. An efficiency of 1 would be two workers twice as fast as one core.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from typing import Any

from benchmarks import measure, report, workplace

_PEERS = ("one process, two cores", "one process, one core", "two workers, one core each")
_VOCABULARY = 10_000
_ROWS = 2_048


class _Clock:
    """Notes when each validation is told."""

    def __init__(self) -> None:
        self.told: list[tuple[int, float]] = []

    def line(self, text: str) -> None:
        word, _, rest = text.partition(" ")
        if word == "step":
            self.told.append((int(rest.partition("/")[0]), time.perf_counter()))

    def status(self, text: str) -> None:
        pass


def _train(arguments: argparse.Namespace) -> None:
    """A child: trains, and prints its steps per second."""
    os.sched_setaffinity(0, arguments.cores)
    import keras
    import numpy as np
    import tensorflow as tf

    from tidegate.models.core import progress
    from tidegate.models.core.task import Objective
    from tidegate.models.layers.recurrent import RecurrentStack
    from tidegate.models.train.settings import TrainingSettings
    from tidegate.models.train.training import prepare_devices, train
    from tidegate.models.train.workers import read_workers

    tf.config.threading.set_intra_op_parallelism_threads(len(arguments.cores))
    settings = TrainingSettings.model_validate(
        {
            "steps": arguments.steps,
            "batch_size": arguments.batch,
            "patience": 10**6,
            "checkpoint_seconds": 0,
        }
    )
    workers = read_workers(settings, os.environ)
    strategy = prepare_devices(settings, workers)
    random = np.random.default_rng(0)
    tokens = random.integers(1, _VOCABULARY, size=(_ROWS, arguments.length))
    labels = (tokens[:, 0] > _VOCABULARY // 2).astype("int64")
    rows = tf.data.Dataset.from_tensor_slices((tokens, labels, np.ones(_ROWS, "float32")))

    def build() -> Any:
        given = keras.Input((None,), dtype="int64")
        embedded = keras.layers.Embedding(_VOCABULARY, arguments.units)(given)
        _, last = RecurrentStack(arguments.units)(embedded)
        return keras.Model(given, keras.layers.Dense(2)(last))

    def objective() -> Objective:
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        return Objective(loss, (), "val_loss", "min")

    clock = _Clock()
    progress.set_reporter(clock)
    with tempfile.TemporaryDirectory() as logs:
        trained = train(
            build,
            objective,
            rows.repeat().batch(arguments.batch),
            rows.take(arguments.batch).batch(arguments.batch),
            _ROWS,
            settings,
            logs,
            strategy=strategy,
            workers=workers,
        )
        trained.finish()
    if workers is None or workers.is_chief:
        (first, begin), (last, end) = clock.told[0], clock.told[-1]
        print(json.dumps({"rate": (last - first) / (end - begin), "loss": trained.best}))


def _child(arguments: argparse.Namespace, cores: Sequence[int], **environment: str) -> Any:
    words = [sys.executable, "-m", "benchmarks.training_workers", "--child"]
    for name in ("steps", "batch", "length", "units"):
        words += [f"--{name}", str(getattr(arguments, name))]
    return subprocess.Popen(
        [*words, "--cores", *map(str, cores)],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "", **environment},
        stdout=subprocess.PIPE,
        text=True,
    )


def _ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports


def _measure(peer: str, arguments: argparse.Namespace, cores: Sequence[int]) -> dict[str, Any]:
    """Steps per second of a peer, and its loss at the end."""
    if peer == _PEERS[2]:
        addresses = [f"127.0.0.1:{port}" for port in _ports(2)]
        children = []
        for index, core in enumerate(cores):
            task = {"type": "worker", "index": index}
            config = {"cluster": {"worker": addresses}, "task": task}
            children.append(_child(arguments, [core], TF_CONFIG=json.dumps(config)))
    else:
        children = [_child(arguments, cores if peer == _PEERS[0] else cores[:1])]
    outputs = [child.communicate()[0] for child in children]
    if any(child.returncode for child in children):
        raise measure.ChildError(f"{peer}: exit codes {[child.returncode for child in children]}")
    found = {"peer": peer, **json.loads(outputs[0].splitlines()[-1])}
    print(json.dumps(found), flush=True)
    return found


def main() -> None:
    """Measures all peers and prints the table."""
    parser = workplace.parser(__doc__, runs=5)
    parser.add_argument("--steps", type=workplace.at_least_one, default=600)
    parser.add_argument("--batch", type=workplace.at_least_one, default=64, help="global batch")
    parser.add_argument("--length", type=workplace.at_least_one, default=100, help="tokens a row")
    parser.add_argument("--units", type=workplace.at_least_one, default=64)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--cores", type=int, nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        _train(arguments)
        return
    cores = sorted(os.sched_getaffinity(0))[:2]
    if len(cores) < 2:
        raise SystemExit("this benchmark needs two cores")
    machine = report.machine()
    found = measure.interleaved(
        {peer: lambda _, peer=peer: _measure(peer, arguments, cores) for peer in _PEERS},  # type: ignore[misc]
        arguments.runs,
    )
    rates = {peer: [run["rate"] for run in runs] for peer, runs in found.items()}
    rows = []
    for peer in _PEERS:
        pairs = zip(rates[peer], rates[_PEERS[1]], strict=True)
        loss = report.spread((run["loss"] for run in found[peer]), 4)
        rows.append(
            [peer, report.spread(rates[peer]), report.spread((a / b for a, b in pairs), 2), loss]
        )
    print(
        f"\n{machine} Runs: {arguments.runs}; {arguments.steps} steps of {arguments.batch} rows of "
        f"{arguments.length} tokens, {arguments.units} units.\n"
    )
    print(report.table(["peer", "steps/s", "of one core", "validation loss"], rows))


if __name__ == "__main__":
    measure.finish(main)
