"""The seven files of known causes of the Numenta Anomaly Benchmark.

    python -m benchmarks.nab --data FOLDER [--window 1000] [--seed 0] [--steps 300]

FOLDER holds `realKnownCause/*.csv` and `labels/combined_windows.json` of numenta/NAB. One set of
settings, the task's defaults, for all files. A network is trained on the first 70 % of a file's
probationary part (15 %, at most 750 rows), and calibrated on the rest of it; later rows change the
state of the stream, never the weights. Rows are read in the file's order, each once, with the
calendar of their own times. Prints the score of each file and of all, by profile: with the
threshold that promises one false alarm in 1,000 points, found without labels; and with the one that
gives the best sum over these files, as NAB fits its own. The windowed Gaussian of the task's
baseline stands beside it.
"""

import argparse
import csv
import json
from datetime import datetime, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tidegate.models.anomaly_detection import nab
from tidegate.models.anomaly_detection.baseline import windowed_gaussian
from tidegate.models.anomaly_detection.batches import batches
from tidegate.models.anomaly_detection.calibration import calibrate
from tidegate.models.anomaly_detection.detect import watch
from tidegate.models.anomaly_detection.model import build_model, objective
from tidegate.models.anomaly_detection.settings import FeatureSettings, ModelSettings
from tidegate.models.layers.tails import events, threshold_for
from tidegate.models.series.calendar import CALENDAR, calendar
from tidegate.models.train.settings import TrainingSettings
from tidegate.models.train.step import TrainingStep
from tidegate.models.train.training import compile_model

_TRAINED = 0.7
_BATCH = 64
_THRESHOLDS = 60


class Stream:
    """A file as the task's functions take it: rows in their order, and a calendar of each.

    Args:
      path: of the file.
      windows: first and last time of each labelled window.
    """

    def __init__(self, path: Path, windows: list[list[str]]) -> None:
        self.name = path.stem
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        self.y = np.array([float(row["value"]) for row in rows], np.float32)
        times = [row["timestamp"] for row in rows]
        moments = [datetime.fromisoformat(time).replace(tzinfo=timezone.utc) for time in times]
        seconds = np.array([int(moment.timestamp()) for moment in moments])
        step = int(np.median(np.diff(seconds)))
        self.probation = nab.probation(len(rows))
        span = step * int(_TRAINED * self.probation)
        self.known = calendar(
            *(tf.constant(one, tf.int64) for one in (seconds, step, 0, span))
        ).numpy()
        # As the program does: the first row of that time.
        places = {time: place for place, time in reversed(list(enumerate(times)))}
        self.windows = [(places[a[:19]], places[b[:19]]) for a, b in windows]

    def part(self, begin: int, end: int, first: int) -> dict[str, tf.Tensor]:
        """Rows of it as a transformed example."""
        return {
            "y": tf.constant(self.y[begin:end, None]),
            "known": tf.constant(self.known[begin:end]),
            "first_target": tf.constant(first, tf.int64),
        }


class Model:
    """What `watch` asks of an exported model, around a network; the calendar is the stream's."""

    def __init__(self, network: Any, stream: Stream, features: FeatureSettings) -> None:
        self.network, self.features, self.facts = network, features, None
        self._stream = stream

    def transformed(self, raw: Any) -> dict[str, Any]:
        zero = tf.zeros_like(raw["start"])
        known = tf.RaggedTensor.from_tensor(tf.constant(self._stream.known[None]), ragged_rank=1)
        names = ("step", "month_day", "clock")
        steps = tf.zeros((1, 4), tf.int64)
        return {"known": known, "start": zero, **dict.fromkeys(names, zero), "step_of": steps}

    def answers(self, raw: Any) -> dict[str, Any]:
        raise NotImplementedError("the benchmark asks by streams alone")


def trained(stream: Stream, features: FeatureSettings, steps: int, seed: int) -> Any:
    """A network that has seen the probationary part of a file, and is calibrated on its end."""
    keras.utils.set_random_seed(seed)
    model = ModelSettings.model_validate({})
    width = {"y": 1, "known": len(CALENDAR)}
    facts: Any = SimpleNamespace(width=width.__getitem__)
    network = build_model(model, features, facts, use_cudnn=False)
    goal = objective(model)
    compile_model(network, TrainingSettings.model_validate({"learning_rate": 4e-3}), steps=steps)
    network.optimizer.build(network.trainable_variables)

    def dataset(part: dict[str, tf.Tensor], seed: int | None) -> tf.data.Dataset:
        examples = tf.data.Dataset.from_tensors(part)
        return batches(examples, features, model, _BATCH, seed)

    border = int(_TRAINED * stream.probation)
    train = dataset(stream.part(0, border, 0), seed)
    begin = max(0, border - features.reach)
    valid = dataset(stream.part(begin, stream.probation, border - begin), None)
    step = TrainingStep(
        network, goal, tf.distribute.get_strategy(), train.element_spec, divided=False
    )
    step.take(iter(train), steps, step.no_sums)
    found = calibrate(network, valid, model, train)
    return network, found["running_threshold"]


def scores_of(network: Any, stream: Stream, features: FeatureSettings) -> np.ndarray:
    """The score of each row, as a stream."""
    request = {
        "start": tf.zeros((1,), tf.int64),
        "y": tf.constant(stream.y[None]),
        "length": tf.constant([-1], tf.int64),
        "state": tf.zeros((1, 0)),
    }
    answers = tf.function(watch, autograph=False)(request, Model(network, stream, features))
    found: np.ndarray = answers["score"].numpy()[0]
    return found


def raised(
    scores: np.ndarray, threshold: float, stream: Stream, features: FeatureSettings
) -> np.ndarray:
    """Where alarms are raised behind the probationary part."""
    found, _ = events(scores, threshold, features.hysteresis, features.distance)
    found[: stream.probation] = False
    return found


def totals(alarms: list[np.ndarray], streams: list[Stream]) -> dict[str, float]:
    """NAB's score of all files, by profile."""
    windows = sum(len(stream.windows) for stream in streams)
    return {
        profile: nab.scaled(
            sum(
                nab.raw_score(one, stream.windows, profile)
                for one, stream in zip(alarms, streams, strict=True)
            ),
            windows,
            profile,
        )
        for profile in nab.PROFILES
    }


def fitted(
    scores: list[np.ndarray], streams: list[Stream], features: FeatureSettings
) -> dict[str, tuple[float, float]]:
    """By profile, the best score of one threshold for all files, and that threshold."""
    known = np.concatenate(scores)
    grid = np.unique(np.quantile(known, 1 - np.geomspace(1e-5, 0.1, _THRESHOLDS)))
    by_threshold = [
        totals(
            [
                raised(one, float(at), stream, features)
                for one, stream in zip(scores, streams, strict=True)
            ],
            streams,
        )
        for at in grid
    ]
    return {
        profile: max(
            (found[profile], float(at)) for found, at in zip(by_threshold, grid, strict=True)
        )
        for profile in nab.PROFILES
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--window", type=int, default=1000)
    parser.add_argument("--false-alarms", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=300)
    given = parser.parse_args()
    features = FeatureSettings.model_validate(
        {"window": given.window, "false_alarms": given.false_alarms}
    )
    windows = json.loads((given.data / "labels" / "combined_windows.json").read_text())
    streams = [Stream(given.data / name, of_file) for name, of_file in sorted(windows.items())]
    ours: list[np.ndarray] = []
    promised: list[float] = []
    gaussian: list[np.ndarray] = []
    gaussian_promised: list[float] = []
    for stream in streams:
        network, threshold = trained(stream, features, given.steps, given.seed)
        ours.append(scores_of(network, stream, features))
        promised.append(threshold)
        simple = np.nan_to_num(windowed_gaussian({"y": stream.y}, features))
        gaussian.append(simple)
        gaussian_promised.append(
            threshold_for(
                simple[: stream.probation], features.rate, features.hysteresis, features.distance
            )
        )
        alarms = raised(ours[-1], threshold, stream, features)
        hits = sum(bool(alarms[a : b + 1].any()) for a, b in stream.windows)
        outside = alarms.sum() - sum(int(alarms[a : b + 1].sum()) for a, b in stream.windows)
        score = nab.scaled(nab.raw_score(alarms, stream.windows), len(stream.windows))
        print(
            f"{stream.name:45s} threshold {threshold:5.2f}  windows {hits}/{len(stream.windows)}  "
            f"false alarms {outside:3d} of {len(alarms) - stream.probation} points  "
            f"standard {score:7.1f}",
            flush=True,
        )
    for name, scores, own in (
        ("tidegate", ours, promised),
        ("windowed Gaussian", gaussian, gaussian_promised),
    ):
        unlabelled = totals(
            [
                raised(one, at, stream, features)
                for one, at, stream in zip(scores, own, streams, strict=True)
            ],
            streams,
        )
        for profile, (best, at) in fitted(scores, streams, features).items():
            print(
                f"{name:20s} {profile:9s} without labels {unlabelled[profile]:6.1f}   "
                f"fitted {best:6.1f} at {at:.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
