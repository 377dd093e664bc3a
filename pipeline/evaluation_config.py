"""A task's metrics, slices and gates, as the Evaluator reads them."""

from tensorflow_model_analysis.proto import config_pb2

from tidegate.models.core.export import TRANSFORM_SIGNATURE
from tidegate.models.core.fingerprint import task_fingerprint
from tidegate.models.core.task import Gate, Stage
from tidegate.pipeline.config import RunConfig


def evaluation_config(config: RunConfig, gated: bool = True) -> config_pb2.EvalConfig:
    """The task's metrics, slices and gates in TFMA's terms.

    Args:
      config: task and settings.
      gated: False leaves the thresholds out, and the comparison with another model.
    """
    task = config.task
    evaluation = task.evaluation
    gates: tuple[Gate, ...] = evaluation.gates(config.gates)
    code = task_fingerprint(
        task,
        Stage.EVALUATION,
        task.raw_features(config.data),
        "tidegate.components.evaluator.component",
        "tidegate.components.evaluator.task_metrics",
    )
    names = ["candidate", "baseline"] if gated else ["candidate"]
    specs = [
        config_pb2.ModelSpec(
            name=name,
            model_type="tf_generic",
            signature_name=evaluation.signature,
            prediction_key=evaluation.prediction,
            label_key=evaluation.target,
            preprocessing_function_names=[TRANSFORM_SIGNATURE],
            is_baseline=name == "baseline",
        )
        for name in names
    ]
    metrics = config_pb2.MetricsSpec(
        metrics=[
            config_pb2.MetricConfig(
                class_name="TaskMetrics",
                module="tidegate.components.evaluator.task_metrics",
                # The fingerprint reaches TFX's cache key: changed metrics are computed anew.
                config=f'{{"task": "{task.name}", "name": "task_metrics-{code}"}}',
            ),
            config_pb2.MetricConfig(class_name="ExampleCount"),
        ],
        model_names=names,
    )
    if gated:
        for gate in gates:
            # By slice, the overall one alone: `thresholds` would hold for each slice.
            metrics.per_slice_thresholds[gate.metric].thresholds.append(
                config_pb2.PerSliceMetricThreshold(
                    slicing_specs=[config_pb2.SlicingSpec()], threshold=_threshold(gate)
                )
            )
    return config_pb2.EvalConfig(
        model_specs=specs,
        metrics_specs=[metrics],
        slicing_specs=[
            config_pb2.SlicingSpec(),
            *(config_pb2.SlicingSpec(feature_keys=list(keys)) for keys in evaluation.slices),
            *(
                config_pb2.SlicingSpec(feature_keys=[feature.name])
                for feature in task.raw_features(config.data)
                if feature.slice
            ),
        ],
    )


def _threshold(gate: Gate) -> config_pb2.MetricThreshold:
    threshold = config_pb2.MetricThreshold()
    if gate.at_least is not None:
        threshold.value_threshold.lower_bound.value = gate.at_least
    if gate.at_most is not None:
        threshold.value_threshold.upper_bound.value = gate.at_most
    if gate.max_loss is not None:
        change = threshold.change_threshold
        higher = gate.higher_is_better
        change.direction = (
            config_pb2.MetricDirection.HIGHER_IS_BETTER
            if higher
            else config_pb2.MetricDirection.LOWER_IS_BETTER
        )
        change.absolute.value = -gate.max_loss if higher else gate.max_loss
    return threshold
