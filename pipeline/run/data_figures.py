"""What a run's data are like, split by split: of TFDV's statistics what a person asks for."""

import os
from collections.abc import Iterator, Mapping
from typing import Any

import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import statistics_pb2
from tfx.dsl.io import fileio

# Of these two splits the difference is told: what was learnt from, and what decides on a push.
_LEARNT, _JUDGED = "train", "eval"
_FILE = "FeatureStats.pb"
# Texts are kinds, as classes are, where each comes so many times.
_OF_A_KIND = 5


def data_figures(statistics: str, splits: Mapping[str, int]) -> dict[str, dict[str, Any]]:
    """By feature and split its figures, and how far train and eval are apart.

    Args:
      statistics: the folder of StatisticsGen's artifact.
      splits: by split, its rows.

    Returns:
      By feature: by split `missing`, the share of rows without a value, and of numbers `mean` and
      `std_dev`, of texts `length`, the mean number of bytes, and `distinct`, how many there are;
      `drift`, of train and eval: of texts of few kinds, as classes are, the largest difference of a
      kind's shares (L-infinity, as TFDV defines it), of numbers the difference of the means in
      standard deviations of train; None where it is not known.
    """
    read = {
        split: {one.path.step[0]: one for one in _features(statistics, split)}
        for split, rows in splits.items()
        if rows and fileio.exists(_path(statistics, split))
    }
    names = sorted({name for features in read.values() for name in features})
    return {
        name: {
            "splits": {
                split: _figures(features[name])
                for split, features in read.items()
                if name in features
            },
            "drift": _drift(read.get(_LEARNT, {}).get(name), read.get(_JUDGED, {}).get(name)),
        }
        for name in names
    }


def _path(statistics: str, split: str) -> str:
    return os.path.join(statistics, f"Split-{split}", _FILE)


def _features(statistics: str, split: str) -> Iterator[Any]:
    content = tfdv.load_stats_binary(_path(statistics, split))
    for dataset in content.datasets:
        yield from dataset.features


def _figures(feature: statistics_pb2.FeatureNameStatistics) -> dict[str, float]:
    kind = feature.WhichOneof("stats")
    common = getattr(feature, kind).common_stats
    rows = common.num_non_missing + common.num_missing
    found: dict[str, float] = {"missing": common.num_missing / rows if rows else 0.0}
    if kind == "num_stats":
        return {**found, "mean": feature.num_stats.mean, "std_dev": feature.num_stats.std_dev}
    if kind == "string_stats":
        texts = feature.string_stats
        return {**found, "length": texts.avg_length, "distinct": float(texts.unique)}
    return found


def _drift(learnt: Any, judged: Any) -> float | None:
    if learnt is None or judged is None:
        return None
    kind = learnt.WhichOneof("stats")
    if kind != judged.WhichOneof("stats"):
        return None
    if kind == "num_stats":
        spread = float(learnt.num_stats.std_dev)
        moved = abs(float(judged.num_stats.mean) - float(learnt.num_stats.mean))
        return moved / spread if spread else None
    if kind != "string_stats":
        return None
    shares = [_shares(one.string_stats) for one in (learnt, judged)]
    if None in shares:
        return None
    before, after = (one or {} for one in shares)
    return max(
        (abs(before.get(kind, 0.0) - after.get(kind, 0.0)) for kind in {*before, *after}),
        default=None,
    )


def _shares(texts: Any) -> dict[str, float] | None:
    """The share of each kind of text; None where TFDV did not count them all, or there are many."""
    buckets = texts.rank_histogram.buckets
    counts = {bucket.label: float(bucket.sample_count) for bucket in buckets}
    total = sum(counts.values())
    if not total or len(counts) < texts.unique or total < _OF_A_KIND * len(counts):
        return None
    return {label: count / total for label, count in counts.items()}
