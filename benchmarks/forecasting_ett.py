"""ETTh1 or ETTm1 by the standard protocol: tidegate, DLinear and the last day again.

    python -m benchmarks.forecasting_ett DATA/ETTh1.csv.gz --horizons 96 192 336 720 --seeds 0 1 2

12, 4 and 4 months of 30 days for train, validation and test; each channel standardised by train's
mean and standard deviation; squared and absolute errors averaged over all windows of stride 1, all
steps and all seven channels, no batch dropped. A window of a later part reads its context from
before the border. `--part valid` judges on the validation part, for choosing settings. Prints one
line of JSON for each method, horizon and seed, the coverage of the intervals with its standard
error, then the means over the seeds.
"""

import argparse
import csv
import gzip
import json
import os
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

CHANNELS = ("HUFL", "HULL", "MUFL", "MULL", "LUFL", "LULL", "OT")
# What the task is set to for this data: nothing but settings. The protocol has standardised the
# series, so they stay as they are; a year of training cannot tell the time of year from a trend, so
# there is no calendar. Chosen on a fold of train and on the validation part.
SEGMENT = (
    "model.kind=segment",
    "features.context=720",
    "features.calendar=false",
    "model.units=128",
    "model.dropout=0.5",
    "model.normalisation=none",
    "model.linear=true",
    "model.mean_loss=absolute",
    "training.batch_size=128",
    "training.learning_rate=0.001",
    "training.average=0.98",
    "training.steps=500",
    "training.validations=8",
    "training.patience=5",
)
# `default`: the horizon alone is given.
METHODS = {"segment": SEGMENT, "default": ()}
# By steps of a day, batch size and learning rate of DLinear in its authors' scripts (Zeng et al.
# 2022, github.com/cure-lab/LTSF-Linear, scripts/EXP-LongForecasting/Linear/{etth1,ettm1}.sh).
DLINEAR = {24: (32, 0.005), 96: (8, 0.0001)}
COVERAGE = (
    *("coverage_80", "coverage_80_standard_error"),
    *("coverage_95", "coverage_95_standard_error"),
)


def read(path: Path) -> tuple[np.ndarray, int, int]:
    """float64[steps, 7], standardised by the train part; steps of a day; the first time."""
    with gzip.open(path, "rt", newline="") as file:
        rows = list(csv.DictReader(file))
    values = np.array([[float(row[name]) for name in CHANNELS] for row in rows])
    times = np.array([row["date"] for row in rows[:2]], "datetime64[s]").astype(int)
    day = 86_400 // int(times[1] - times[0])
    train = values[: 360 * day]
    return (values - train.mean(axis=0)) / train.std(axis=0), day, int(times[0])


def borders(day: int) -> dict[str, tuple[int, int]]:
    """By part, its first step and one past its last."""
    months = 30 * day
    return {
        "train": (0, 12 * months),
        "valid": (12 * months, 16 * months),
        "test": (16 * months, 20 * months),
    }


def origins(begin: int, end: int, horizon: int) -> np.ndarray:
    """All windows of stride 1 whose targets lie in a part: 2,785 for ETTh1's test part and 96."""
    return np.arange(begin, end - horizon + 1)


def cut(values: np.ndarray, places: np.ndarray, before: int, horizon: int) -> tuple[Any, Any]:
    """Contexts float[windows, before, 7] and targets float[windows, horizon, 7]."""
    return (
        values[places[:, None] - before + np.arange(before)],
        values[places[:, None] + np.arange(horizon)],
    )


class Errors:
    """Sums of errors over windows of any channel."""

    def __init__(self) -> None:
        self.squared = self.absolute = 0.0
        self.count = 0

    def add(self, truth: np.ndarray, forecast: np.ndarray) -> None:
        error = truth.astype(np.float64) - forecast
        self.squared += float((error**2).sum())
        self.absolute += float(np.abs(error).sum())
        self.count += error.size

    def figures(self) -> dict[str, float]:
        return {
            "mse": round(self.squared / self.count, 4),
            "mae": round(self.absolute / self.count, 4),
        }


def last_day(values: np.ndarray, day: int, horizon: int, part: tuple[int, int]) -> dict[str, Any]:
    """Repeats the last 24 hours."""
    errors = Errors()
    for some in np.array_split(origins(*part, horizon), 50):
        context, target = cut(values, some, day, horizon)
        errors.add(target, context[:, np.arange(horizon) % day])
    return {"method": "last 24 hours", "seconds": 0.0, **errors.figures()}


def dlinear_rate(first: float, epoch: int) -> float:
    """The learning rate of an epoch, counted from 0: halved each epoch from the third on.

    (LTSF-Linear, utils/tools.py, adjust_learning_rate: its "type1", which sets the rate of the
    next epoch after each one, counted from 1.)
    """
    rate: float = first * 0.5 ** max(epoch - 1, 0)
    return rate


def dlinear(
    values: np.ndarray, day: int, horizon: int, seed: int, judged: str, epochs: int
) -> dict[str, Any]:
    """DLinear (Zeng et al. 2022): a linear map of the moving average, and one of what is left.

    As published: context 336, moving average of 25 with repeated ends, one pair of maps for all
    channels, Adam at the learning rate and the batch size of `DLINEAR`, the rate halved each epoch
    from the third on, 10 epochs at most, stopped after 3 without a gain.

    Args:
      values: float64[steps, 7], standardised.
      day: steps of a day.
      horizon: steps to forecast.
      seed: of weights and order.
      judged: the part whose windows are judged.
      epochs: at most.
    """
    import keras
    import tensorflow as tf
    from keras import ops

    before, width = 336, 25
    batch, rate = DLINEAR[day]
    begin = time.monotonic()
    keras.utils.set_random_seed(seed)
    bound = keras.initializers.RandomUniform(-1 / before**0.5, 1 / before**0.5, seed=seed)
    other = keras.initializers.RandomUniform(-1 / before**0.5, 1 / before**0.5, seed=seed + 1)
    given = keras.Input((before, len(CHANNELS)))
    ends = width // 2
    padded = ops.concatenate(
        [ops.repeat(given[:, :1], ends, 1), given, ops.repeat(given[:, -1:], ends, 1)], axis=1
    )
    trend = ops.average_pool(padded, width, strides=1, padding="valid")
    maps = [
        keras.layers.Dense(horizon, kernel_initializer=start)(ops.transpose(one, (0, 2, 1)))
        for one, start in ((trend, bound), (given - trend, other))
    ]
    network = keras.Model(given, ops.transpose(maps[0] + maps[1], (0, 2, 1)))
    network.compile(keras.optimizers.Adam(rate), "mse", jit_compile=False)
    parts = borders(day)

    def data(part: str, shuffle: bool) -> tf.data.Dataset:
        low, high = parts[part]
        places = origins(low + (before if part == "train" else 0), high, horizon)
        table = tf.constant(values, tf.float32)
        found = tf.data.Dataset.from_tensor_slices(places)
        if shuffle:
            found = found.shuffle(len(places), seed=seed)

        def windows(some: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            context = tf.gather(table, some[:, None] - before + np.arange(before))
            return context, tf.gather(table, some[:, None] + np.arange(horizon))

        return found.batch(batch).map(windows).prefetch(2)

    network.fit(
        data("train", True),
        validation_data=data("valid", False),
        epochs=epochs,
        verbose=0,
        callbacks=[
            keras.callbacks.LearningRateScheduler(lambda epoch, _: dlinear_rate(rate, epoch)),
            keras.callbacks.EarlyStopping(patience=3, restore_best_weights=True),
        ],
    )
    seconds = time.monotonic() - begin
    errors = Errors()
    for context, target in data(judged, False):
        errors.add(target.numpy(), network(context, training=False).numpy())
    return {"method": "DLinear", "seconds": round(seconds, 1), **errors.figures()}


def tidegate(
    values: np.ndarray,
    day: int,
    first: int,
    horizon: int,
    seed: int,
    judged: str,
    method: str,
    settings: list[str],
) -> dict[str, Any]:
    """The task's network of some settings, trained by the task's own functions."""
    from benchmarks.forecasting_task import figures, fit, record
    from tidegate.models.forecasting.backtest import MEAN, TRUTH

    parts, chosen = borders(day), METHODS[method]
    given = [*chosen, f"features.horizon={horizon}", f"training.seed={seed}", *settings]
    step = {"seconds": 86_400 // day}

    def records(part: str, context: int) -> list[dict[str, Any]]:
        low, high = parts[part]
        start = max(0, low - context)
        return [
            record(
                name, values[start:high, place], low - start, step, first + start * step["seconds"]
            )
            for place, name in enumerate(CHANNELS)
        ]

    begin = time.monotonic()
    context = 720
    fitted = fit(records("train", 0), records("valid", context), given)
    seconds = time.monotonic() - begin
    found = np.stack(
        [
            fitted.judged(one, origins(one["first_target"], len(one["y"]), horizon))
            for one in records(judged, context)
        ]
    )
    errors = Errors()
    errors.add(found[..., TRUTH], found[..., MEAN])
    all_figures = figures(found)
    return {
        "method": f"tidegate, {method}",
        "seconds": round(seconds, 1),
        "training": round(fitted.trained.seconds, 1),
        "steps": fitted.trained.steps,
        "parameters": fitted.trained.model.count_params(),
        "best": round(fitted.trained.best, 4),
        **errors.figures(),
        **{name: round(all_figures[name], 3) for name in COVERAGE},
    }


def main() -> None:
    """Runs the methods and prints their figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="ETTh1.csv.gz or ETTm1.csv.gz")
    parser.add_argument("--horizons", type=int, nargs="+", default=[96, 192, 336, 720])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--methods", nargs="+", default=["naive", "dlinear", "segment"])
    parser.add_argument("--part", choices=("valid", "test"), default="test")
    parser.add_argument("--dlinear-epochs", type=int, default=10, help="at most; published: 10")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="settings")
    parser.add_argument("--output", type=Path, help="also write the lines here")
    given = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    values, day, first = read(given.data)
    part = borders(day)[given.part]
    lines: list[dict[str, Any]] = []

    def tell(horizon: int, seed: int | None, found: dict[str, Any]) -> None:
        lines.append({"horizon": horizon, "seed": seed, "part": given.part, **found})
        print(json.dumps(lines[-1]), flush=True)

    for horizon in given.horizons:
        if "naive" in given.methods:
            tell(horizon, None, last_day(values, day, horizon, part))
        for seed in given.seeds:
            if "dlinear" in given.methods:
                found = dlinear(values, day, horizon, seed, given.part, given.dlinear_epochs)
                tell(horizon, seed, found)
            for method in (one for one in METHODS if one in given.methods):
                found = tidegate(
                    values, day, first, horizon, seed, given.part, method, given.settings
                )
                tell(horizon, seed, found)
    groups: dict[tuple[str, int], list[dict[str, Any]]] = defaultdict(list)
    for line in lines:
        groups[line["method"], line["horizon"]].append(line)
    for (method, horizon), group in groups.items():
        means = {
            name: round(float(np.mean([one[name] for one in group])), 4)
            for name in ("mse", "mae", "seconds")
        }
        lines.append({"mean of seeds": len(group), "method": method, "horizon": horizon, **means})
        print(json.dumps(lines[-1]), flush=True)
    if given.output:
        given.output.write_text("".join(json.dumps(line) + "\n" for line in lines))


if __name__ == "__main__":
    main()
