"""The forecasting task without its pipeline: series in memory to a trained network.

Transform, batches, network, training and calibration are the task's own; what the pipeline adds is
the reading of files, the gates and the export.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_transform.tf_metadata import metadata_io, schema_utils

from tidegate.components.schema_gen.component import task_schema
from tidegate.components.trainer.run_parameters import RunParameters
from tidegate.models.core.export import serialize_sample
from tidegate.models.core.task import load_task
from tidegate.models.forecasting import backtest, windows
from tidegate.models.forecasting.evaluation import INTERVALS, statistics, summarise
from tidegate.models.train.settings import TrainingSettings
from tidegate.models.train.training import Trained, prepare_devices, train
from tidegate.pipeline.config import make_config, parse_assignments

TASK = load_task("forecasting")


@dataclass(frozen=True)
class Fitted:
    """A trained network and what it was trained with.

    Attributes:
      run: task and settings.
      transform: the transform graph.
      trained: the network and how its training went.
    """

    run: RunParameters
    transform: tft.TFTransformOutput
    trained: Trained

    def judged(
        self, record: Mapping[str, Any], origins: np.ndarray, at_once: int = 256
    ) -> np.ndarray:
        """Forecasts of a series' windows beside the truth.

        Args:
          record: a series, as the ExampleGen writes it.
          origins: int[windows].
          at_once: windows in a batch; the last batch is what is left.

        Returns:
          float32[windows, horizon, 4 + levels], as `tidegate.models.forecasting.backtest` gives it.
        """
        parsed = tf.io.parse_example([serialize_sample(record)], self.transform.raw_feature_spec())
        transformed = self.transform.transform_features_layer()(parsed)
        features = self.run.features
        transformed = {**transformed, "first_target": tf.constant([int(origins.min())], tf.int64)}
        series = windows.read_series(windows.with_smoothing(transformed, features))

        @tf.function(reduce_retracing=True)
        def answer(some: tf.Tensor) -> tf.Tensor:
            rows = tf.zeros_like(some)
            inputs = windows.inputs(series, rows, some, features)
            forecasts = self.trained.model(inputs, training=False)[..., :-1]
            return tf.concat([backtest.truth(series, rows, some, features), forecasts], axis=-1)

        parts = [
            answer(tf.constant(origins[begin : begin + at_once], tf.int64)).numpy()
            for begin in range(0, len(origins), at_once)
        ]
        return np.concatenate(parts)


def figures(judged: np.ndarray, every: int = 1) -> dict[str, float]:
    """The errors and coverage of several series' windows.

    Args:
      judged: float32[series, windows, horizon, 4 + levels], the series' windows at the same times.
      every: steps between two windows.

    Returns:
      The figures that `summarise` gives for all windows together, and standard errors,
      `coverage_80_standard_error` and `coverage_95_standard_error`: of the mean over stretches of
      time a horizon long (batch means; Law and Kelton, "Simulation modeling and analysis"), as
      neighbouring windows share most of their targets, and series their weather. They are rather
      too low, as the ends of neighbouring stretches still overlap. NaN of a single one.
    """
    stretches = max(1, judged.shape[1] * every // judged.shape[2])
    parts = [statistics(None, part) for part in np.array_split(judged, stretches, axis=1)]
    found = summarise({name: np.sum([part[name] for part in parts], axis=0) for name in parts[0]})
    shown = {name: float(value) for name, value in found.items() if np.ndim(value) == 0}
    for share in INTERVALS:
        covered = [float(summarise(part)[f"coverage_{share}"]) for part in parts]
        spread = np.std(covered, ddof=1) if len(covered) > 1 else np.nan
        shown[f"coverage_{share}_standard_error"] = float(spread / len(covered) ** 0.5)
    return shown


def record(
    name: str, values: np.ndarray, first_target: int, step: Mapping[str, int], start: int = 0
) -> dict[str, Any]:
    """A series as the ExampleGen writes it."""
    steps = {
        f"step_{unit}": step.get(unit, 0) for unit in ("seconds", "months", "index", "business")
    }
    return {
        "unique_id": name,
        "start": start,
        "y": np.asarray(values, np.float32),
        "first_target": first_target,
        **steps,
    }


def fit(
    train_records: Sequence[Mapping[str, Any]],
    valid_records: Sequence[Mapping[str, Any]],
    settings: Sequence[str],
) -> Fitted:
    """Transform, training and calibration.

    Args:
      train_records: series to train on.
      valid_records: the same with history before `first_target`; they stop the training.
      settings: as ``--set`` takes them.
    """
    config = make_config(TASK, parse_assignments(settings))
    raw = TASK.raw_features(config.data)
    training: TrainingSettings = config.training
    run = RunParameters(TASK, config.features, config.model, training, raw)
    folder = tempfile.mkdtemp(prefix="forecasting-")
    files = {
        split: _write(Path(folder) / f"{split}.gz", records)
        for split, records in (("train", train_records), ("valid", valid_records))
    }
    transform = _transform(run, train_records, folder)
    prepare_devices(training)
    trained = train(
        lambda: run.network(transform, [files["train"]]),
        lambda: TASK.objective(run.model),
        run.batches([files["train"]], transform, training.seed),
        run.batches([files["valid"]], transform, None),
        run.rows([files["train"]], transform),
        training,
        str(Path(folder) / "logs"),
        run.pace(transform),
    )
    assert TASK.calibrate is not None
    valid, learnt = (run.batches([files[one]], transform, None) for one in ("valid", "train"))
    TASK.calibrate(trained.model, valid, run.model, learnt)
    return Fitted(run, transform, trained)


def _write(path: Path, records: Sequence[Mapping[str, Any]]) -> str:
    with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
        for one in records:
            writer.write(serialize_sample(one))
    return str(path)


def _transform(
    run: RunParameters, records: Sequence[Mapping[str, Any]], folder: str
) -> tft.TFTransformOutput:
    schema = text_format.Parse(task_schema(run.raw), schema_pb2.Schema())
    spec = schema_utils.schema_as_feature_spec(schema).feature_spec
    metadata = tft.DatasetMetadata.from_feature_spec(spec)
    target = str(Path(folder) / "transform")
    with tft_beam.Context(temp_dir=str(Path(folder) / "beam")):
        function = (list(records), metadata) | tft_beam.AnalyzeDataset(
            lambda inputs: TASK.preprocess(inputs, run.features, run.raw)
        )
        function | tft_beam.WriteTransformFn(target)
    metadata_io.write_metadata(metadata, str(Path(target) / tft.TFTransformOutput.RAW_METADATA_DIR))
    return tft.TFTransformOutput(target)
