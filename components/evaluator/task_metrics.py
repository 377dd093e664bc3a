"""A task's metrics as one TFMA metric: sums over rows, figures from the sums."""

import io
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

import apache_beam as beam
import numpy as np
from tensorflow_model_analysis import types
from tensorflow_model_analysis.metrics import metric_types, metric_util
from tensorflow_model_analysis.proto import metrics_for_slice_pb2

from tidegate.models.core.part import Part
from tidegate.models.core.task import load_task

# Rows of a slice that are kept as they are before they become sums: a slice of few rows then
# costs its rows, not a matrix of classes by classes. Where a row is large, fewer of them.
_BUFFER = 1_024
_BUFFER_NUMBERS = 1_000_000


class ArrayValue(types.StructuredMetricValue):
    """An array as a metric's value; compressed bytes where it has more than one dimension.

    Args:
      array: the value.
    """

    def __init__(self, array: np.ndarray) -> None:
        self.array = np.asarray(array, np.float64)

    def _apply_binary_op_elementwise(self, other: "ArrayValue", op: Any) -> "ArrayValue":
        if self.array.shape != other.array.shape:  # Two models with other classes or horizons.
            return ArrayValue(np.full(self.array.shape, np.nan))
        return ArrayValue(op(self.array, other.array))

    def _apply_binary_op_broadcast(self, other: float, op: Any) -> "ArrayValue":
        return ArrayValue(op(self.array, other))

    def to_proto(self) -> metrics_for_slice_pb2.MetricValue:
        value = metrics_for_slice_pb2.MetricValue()
        if self.array.ndim > 1:
            stored = io.BytesIO()
            np.save(stored, self.array)
            value.bytes_value = zlib.compress(stored.getvalue())
        else:
            value.array_value.data_type = metrics_for_slice_pb2.ArrayValue.FLOAT64
            value.array_value.shape[:] = self.array.shape
            value.array_value.float64_values[:] = self.array.tolist()
        return value


def read_array(value: metrics_for_slice_pb2.MetricValue) -> np.ndarray | float:
    """A stored metric value as a number or an array.

    Raises:
      ValueError: the value is of a kind that `TaskMetrics` does not write.
    """
    kind = value.WhichOneof("type")
    if kind == "double_value":
        return float(value.double_value.value)
    if kind == "array_value":
        return np.array(value.array_value.float64_values).reshape(value.array_value.shape)
    if kind == "bytes_value":
        array: np.ndarray = np.load(io.BytesIO(zlib.decompress(value.bytes_value)))
        return array
    raise ValueError(f"unexpected kind of metric value: {kind}")


class TaskMetrics(metric_types.Metric):
    """All metrics of a task, from its `Evaluation.statistics` and `Evaluation.summarise`.

    Args:
      task: the task's name.
      name: the metric's name; its figures have names of their own.
      part: a `Part`'s attributes: of that part alone, scalars alone, and the figures' names are
        `part_figure`s; None for whole splits.
    """

    def __init__(
        self, task: str, name: str = "task_metrics", part: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(
            metric_util.merge_per_key_computations(_computations), name=name, task=task, part=part
        )


metric_types.register_metric(TaskMetrics)


def part_figure(name: str, figure: str) -> str:
    """What a figure of the part of a split that a rival has judged is called.

    Args:
      name: the rival's.
      figure: one of the task's.
    """
    return f"{figure} beside {name}"


def _computations(
    task: str,
    name: str = "task_metrics",
    eval_config: Any = None,
    model_name: str = "",
    output_name: str = "",
    example_weighted: bool = False,
    part: Mapping[str, Any] | None = None,
    **_: Any,
) -> list[metric_types.MetricComputation]:
    evaluation = load_task(task).evaluation
    given = None if part is None else Part(**part)
    keys = {
        figure: metric_types.MetricKey(
            name=figure if given is None else part_figure(name, figure),
            model_name=model_name,
            output_name=output_name,
            # None, not False: the keys of thresholds by a metric's name have None.
            example_weighted=None,
        )
        for figure in (*evaluation.scalars, *(evaluation.arrays if given is None else ()))
    }
    return [
        metric_types.MetricComputation(
            keys=list(keys.values()),
            preprocessors=None
            if given is None
            else [metric_types.FeaturePreprocessor(feature_keys=[given.key])],
            combiner=_SumStatistics(task, keys, eval_config, model_name, output_name, given),
        )
    ]


class _Accumulator:
    """Rows not yet summed, and the sums of those that are."""

    def __init__(self) -> None:
        self.targets: list[np.ndarray] = []
        self.predictions: list[np.ndarray] = []
        self.sums: dict[str, np.ndarray] = {}


class _SumStatistics(beam.CombineFn):
    def __init__(
        self,
        task: str,
        keys: dict[str, metric_types.MetricKey],
        eval_config: Any,
        model_name: str,
        output_name: str,
        part: Part | None,
    ) -> None:
        self._part = part
        self._task = task
        self._keys = keys
        self._eval_config = eval_config
        self._model_name = model_name
        self._output_name = output_name

    def create_accumulator(self) -> _Accumulator:
        return _Accumulator()

    def add_input(
        self, mutable_accumulator: _Accumulator, element: metric_types.StandardMetricInputs
    ) -> _Accumulator:
        judged = load_task(self._task).evaluation
        target, prediction, _ = next(
            metric_util.to_label_prediction_example_weight(
                element,
                eval_config=self._eval_config,
                model_name=self._model_name,
                output_name=self._output_name,
                flatten=False,
                squeeze=False,
                allow_none=judged.target is None,
                example_weighted=False,
            )
        )
        if judged.target is not None:
            mutable_accumulator.targets.append(np.squeeze(target))
            prediction = np.squeeze(prediction)
        if self._part is not None:
            name = np.asarray(element.features[self._part.key]).item().decode()
            if name not in self._part.places:
                return mutable_accumulator
            prediction = prediction[list(self._part.places[name])]
        mutable_accumulator.predictions.append(prediction)
        # Predictions of a part differ in their number.
        if self._part is not None or self._is_full(mutable_accumulator):
            self._sum(mutable_accumulator)
        return mutable_accumulator

    @staticmethod
    def _is_full(accumulator: _Accumulator) -> bool:
        rows = accumulator.predictions
        return len(rows) >= _BUFFER or len(rows) * np.size(rows[:1]) >= _BUFFER_NUMBERS

    def _sum(self, accumulator: _Accumulator) -> None:
        if not accumulator.predictions:
            return
        evaluation = load_task(self._task).evaluation
        found = evaluation.statistics(
            np.stack(accumulator.targets) if evaluation.target is not None else None,
            np.stack(accumulator.predictions),
        )
        for name, value in found.items():
            accumulator.sums[name] = accumulator.sums.get(name, 0) + value
        accumulator.targets, accumulator.predictions = [], []

    def merge_accumulators(self, accumulators: Iterable[_Accumulator]) -> _Accumulator:
        total = _Accumulator()
        for accumulator in accumulators:
            total.targets += accumulator.targets
            total.predictions += accumulator.predictions
            for name, value in accumulator.sums.items():
                total.sums[name] = total.sums.get(name, 0) + value
            if self._is_full(total):
                self._sum(total)
        return total

    def extract_output(self, accumulator: _Accumulator) -> dict[metric_types.MetricKey, Any]:
        self._sum(accumulator)
        evaluation = load_task(self._task).evaluation
        # A slice may have nothing of a part.
        figures = evaluation.summarise(accumulator.sums) if accumulator.sums else {}
        return {
            key: figures[name] if name in evaluation.scalars else ArrayValue(figures[name])
            for name, key in self._keys.items()
            if figures
        }
