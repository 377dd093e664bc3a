"""TFX's Evaluator, where there may be no model to compare with, or no split to judge."""

import json
import os
from collections.abc import Mapping
from typing import Any, ClassVar

from google.protobuf import json_format
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_model_analysis.proto import config_pb2
from tfx.components.evaluator import component as tfx_component
from tfx.components.evaluator import executor as tfx_executor
from tfx.dsl.components.base import executor_spec
from tfx.dsl.io import fileio
from tfx.types import artifact_utils, component_spec, standard_component_specs
from tfx.types.experimental import simple_artifacts
from tfx.types.standard_component_specs import BASELINE_MODEL_KEY, EVAL_CONFIG_KEY
from tfx.utils import path_utils

from tidegate.components.baseline.reference import METRICS_FILE, best_reference, times_references
from tidegate.components.evaluator.task_metrics import TaskMetrics, part_figure
from tidegate.components.latest_model.pushed import GRAPH_FILE
from tidegate.models.core.progress import reporter


class Executor(tfx_executor.Executor):
    """TFX's, for a model to compare with that may be an empty artifact, and for simple models.

    Where one of these has judged a part of the split alone, the model is judged on that part, too.

    `figures` are the simple model's, of the component Baseline; `below` says by metric how far
    below them a candidate may be, and `times` by which figure of the reference an upper bound is
    multiplied: thresholds of TFMA's.
    """

    def Do(
        self,
        input_dict: dict[str, list[Any]],
        output_dict: dict[str, list[Any]],
        exec_properties: dict[str, Any],
    ) -> None:
        """As TFX's; without a baseline where it holds no model, or one that answers otherwise."""
        there = []
        for model in input_dict.get(BASELINE_MODEL_KEY, []):
            path = os.path.join(path_utils.serving_model_path(model.uri), GRAPH_FILE)
            if not fileio.exists(path):
                continue
            lacks = _lacks(path, exec_properties[EVAL_CONFIG_KEY])
            if lacks is None:
                there.append(model)
            else:
                reporter().line(f"{path} has no {lacks}: the last model is not compared with")
        given = {**input_dict, BASELINE_MODEL_KEY: there}
        figures = given.pop("figures", [])
        properties = dict(exec_properties)
        below, times = (json.loads(properties.pop(one, "{}")) for one in ("below", "times"))
        if figures:
            with fileio.open(os.path.join(figures[0].uri, METRICS_FILE)) as file:
                written = json.loads(file.read())
            (split,) = json.loads(properties["example_splits"])
            config = with_parts(properties[EVAL_CONFIG_KEY], written, split)
            properties[EVAL_CONFIG_KEY] = with_bounds(config, written, below, times)
        super().Do(given, output_dict, properties)


def _lacks(path: str, config: str) -> str | None:
    """The answer that is judged, where a model of an earlier tidegate does not give it."""
    spec = json_format.Parse(config, config_pb2.EvalConfig()).model_specs[0]
    saved = saved_model_pb2.SavedModel()
    with fileio.open(path, "rb") as file:
        saved.ParseFromString(file.read())
    signatures = saved.meta_graphs[0].signature_def
    if spec.signature_name not in signatures:
        return f"signature {spec.signature_name!r}"
    if spec.prediction_key not in signatures[spec.signature_name].outputs:
        return f"answer {spec.prediction_key!r} in {spec.signature_name!r}"
    return None


def with_parts(config: str, written: Mapping[str, Any], split: str) -> str:
    """An EvalConfig as JSON that also has the task's metrics on the parts that rivals judged.

    Args:
      config: an EvalConfig as JSON, with `TaskMetrics`.
      written: the content of Baseline's `metrics.json`.
      split: the judged one.
    """
    parsed = json_format.Parse(config, config_pb2.EvalConfig())
    for spec in parsed.metrics_specs:
        (own,) = (metric for metric in spec.metrics if metric.class_name == TaskMetrics.__name__)
        given = json.loads(own.config)
        for title, figures in written.get("rivals", {}).get(split, {}).items():
            if "part" in figures:
                added = spec.metrics.add(class_name=own.class_name, module=own.module)
                added.config = json.dumps({**given, "name": title, "part": figures["part"]})
    return str(json_format.MessageToJson(parsed))


def with_bounds(
    config: str,
    written: Mapping[str, Any],
    below: Mapping[str, float],
    times: Mapping[str, str],
) -> str:
    """An EvalConfig as JSON with the bounds that follow from the figures of simple models.

    Of a metric whose change has to go down, less is better. Where a simple model that has judged a
    part of the split is a reference, the model's figure on that part has a bound of its own.

    Args:
      config: an EvalConfig as JSON.
      written: the content of Baseline's `metrics.json`.
      below: by metric, how much worse than the best one a candidate may be.
      times: by metric, the figure of the reference by which its upper bound is multiplied.
    """
    parsed = json_format.Parse(config, config_pb2.EvalConfig())
    for metric, less in below.items():
        for spec in parsed.metrics_specs:
            for one in spec.per_slice_thresholds[metric].thresholds:
                lower = config_pb2.MetricDirection.LOWER_IS_BETTER
                higher = one.threshold.change_threshold.direction != lower
                reference = best_reference(written, "eval", metric, higher)
                if reference is None:
                    continue
                bounds = one.threshold.value_threshold
                side = bounds.lower_bound if higher else bounds.upper_bound
                side.value = reference.bound(less)
    for metric, figure in times.items():
        references = dict(times_references(written, figure))
        for spec in parsed.metrics_specs:
            for one in list(spec.per_slice_thresholds[metric].thresholds):
                bounds = one.threshold.value_threshold
                times_it = bounds.upper_bound.value
                if whole := references.get(True):
                    bounds.upper_bound.value = whole.bound(times=times_it)
                if part := references.get(False):
                    name = part_figure(part.title, metric)
                    added = spec.per_slice_thresholds[name].thresholds.add()
                    added.slicing_specs.extend(one.slicing_specs)
                    bounds = added.threshold.value_threshold
                    bounds.upper_bound.value = part.bound(times=times_it)
    return str(json_format.MessageToJson(parsed))


class OptionalExecutor(Executor):
    """Evaluates the splits asked for, or nothing where one of them is not there."""

    def Do(
        self,
        input_dict: dict[str, list[Any]],
        output_dict: dict[str, list[Any]],
        exec_properties: dict[str, Any],
    ) -> None:
        """As TFX's; without any output where a split is missing."""
        examples = artifact_utils.get_single_instance(input_dict["examples"])
        there = artifact_utils.decode_split_names(examples.split_names)
        missing = sorted(set(json.loads(exec_properties["example_splits"])) - set(there))
        if missing:
            reporter().line(f"no {', '.join(missing)} split in the data: nothing to judge apart")
            return
        super().Do(input_dict, output_dict, exec_properties)


class EvaluatorSpec(standard_component_specs.EvaluatorSpec):
    """TFX's, with the figures of a simple model."""

    PARAMETERS: ClassVar[dict[str, Any]] = {
        **standard_component_specs.EvaluatorSpec.PARAMETERS,
        "below": component_spec.ExecutionParameter(type=str, optional=True),
        "times": component_spec.ExecutionParameter(type=str, optional=True),
    }
    INPUTS: ClassVar[dict[str, Any]] = {
        **standard_component_specs.EvaluatorSpec.INPUTS,
        "figures": component_spec.ChannelParameter(type=simple_artifacts.Metrics, optional=True),
    }


class Evaluator(tfx_component.Evaluator):
    """TFX's Evaluator; on a cluster each input is an artifact, even where there is no model.

    Args:
      figures: of the component Baseline, or None.
      below: by metric, how much worse than the simple model a candidate may be.
      times: by metric, the figure of the reference by which its upper bound is multiplied.
      kwargs: TFX's.
    """

    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)

    def __init__(
        self,
        figures: Any = None,
        below: Mapping[str, float] | None = None,
        times: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if figures is not None:
            # TFX's constructor makes a spec of its own class.
            made: Any = vars(self)["spec"]
            self.spec: Any = EvaluatorSpec(
                **made.inputs,
                **made.outputs,
                **made.exec_properties,
                figures=figures,
                below=json.dumps(below or {}, sort_keys=True),
                times=json.dumps(times or {}, sort_keys=True),
            )


class OptionalEvaluator(Evaluator):
    """The same; a split column need not name a test split."""

    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(OptionalExecutor)
