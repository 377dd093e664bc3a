"""What the data stages of a run wrote, in a form that can be compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SETTINGS = {
    "text_classification": ("features.min_count=1", "data.eval_share=0.2"),
    "forecasting": ("features.horizon=4", "features.context=12"),
}
# Beam would list the installed packages for each job, for the log of a container.
QUICK = "experiments=disable_logging_submission_environment"
# (task, folder's name, Beam's options, more arguments of benchmarks.data_stages.run)
RunStages = Callable[..., "Stages"]


@dataclass(frozen=True)
class Stages:
    """What the data stages of a run wrote.

    Attributes:
      runs: how each component went.
      examples: by split, the serialized examples in the order of the files.
      transformed: by split, how often each transformed example is there, serialized with its
        features in order.
      vocabularies: by name, the content of the transform graph's files of words.
      counts: by split and feature, the rows that have it, and its distinct values.
    """

    runs: Sequence[Any]
    examples: dict[str, list[bytes]]
    transformed: dict[str, Counter[bytes]]
    vocabularies: dict[str, bytes]
    counts: dict[str, dict[str, tuple[int, int]]]


def records(folder: Path) -> list[bytes]:
    """The records of a split's files, one file after another."""
    import tensorflow as tf

    paths = sorted(str(path) for path in folder.iterdir())
    return [record.numpy() for record in tf.data.TFRecordDataset(paths, compression_type="GZIP")]


def in_order(record: bytes) -> bytes:
    """A serialized example with its features, a map, in one order."""
    import tensorflow as tf

    return tf.train.Example.FromString(record).SerializeToString(deterministic=True)


def splits(artifact: Path) -> dict[str, list[bytes]]:
    return {
        folder.name.removeprefix("Split-"): records(folder)
        for folder in sorted(artifact.glob("Split-*"))
    }


def counts(artifact: Path) -> dict[str, dict[str, tuple[int, int]]]:
    import tensorflow_data_validation as tfdv

    found: dict[str, dict[str, tuple[int, int]]] = {}
    for folder in sorted(artifact.glob("Split-*")):
        (data,) = tfdv.load_stats_binary(str(folder / "FeatureStats.pb")).datasets
        found[folder.name] = {"": (data.num_examples, 0)}
        for feature in data.features:
            numbers = feature.WhichOneof("stats") == "num_stats"
            one = feature.num_stats if numbers else feature.string_stats
            found[folder.name][feature.path.step[0]] = (
                one.common_stats.num_non_missing,
                0 if numbers else one.unique,
            )
    return found


def uri(runs: Sequence[Any], output: str) -> Path | None:
    """Where an output lies, or None where no component has it."""
    found = [run.outputs[output][0].uri for run in runs if output in run.outputs]
    return Path(found[0]) if found else None


def stages(runs: Sequence[Any]) -> Stages:
    examples, statistics = uri(runs, "examples"), uri(runs, "statistics")
    graph, transformed = uri(runs, "transform_graph"), uri(runs, "transformed_examples")
    words = sorted(graph.glob("transform_fn/assets/*")) if graph else []
    return Stages(
        runs,
        splits(examples) if examples else {},
        {split: Counter(map(in_order, rows)) for split, rows in splits(transformed).items()}
        if transformed
        else {},
        {path.name: path.read_bytes() for path in words},
        counts(statistics) if statistics else {},
    )


def assert_same(found: Stages, expected: Stages) -> None:
    assert sum(map(len, expected.examples.values())) > 0
    # Sorted and shuffled by the seed: the order of the rows, too, is the same on any runner.
    assert found.examples == expected.examples
    assert found.transformed == expected.transformed
    assert expected.vocabularies
    assert found.vocabularies == expected.vocabularies
    assert found.counts == expected.counts
