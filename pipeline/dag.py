"""The DAG: one function from settings to a TFX pipeline, without side effects."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import tensorflow_model_analysis as tfma
from tfx.components import (
    Evaluator,
    Pusher,
    StatisticsGen,
    Trainer,
    Transform,
    Tuner,
)
from tfx.components.schema_gen.import_schema_gen.component import ImportSchemaGen
from tfx.dsl.components.base import base_node, executor_spec
from tfx.dsl.components.common.resolver import Resolver
from tfx.orchestration import pipeline
from tfx.proto import pusher_pb2, trainer_pb2, transform_pb2
from tfx.types import channel, standard_artifacts

from components import pusher
from components.baseline.component import Baseline
from components.example_validator import StrictExampleValidator
from components.latest_other_model import LatestOtherBlessedModelStrategy
from components.optional_evaluator import OptionalEvaluator
from components.run_parameters import write_raw_features
from components.serving_check.component import ServingCheck
from models.core.export import TRANSFORM_SIGNATURE
from models.core.fingerprint import code_fingerprint
from models.core.task import Gate
from pipeline.config import RunConfig


@dataclass(frozen=True)
class Locations:
    """Where a run reads and writes.

    Attributes:
      train: data file or folder.
      test: the same for a fixed test split, or None.
      data_fingerprint: of the data's content.
      schema: a file with the task's schema.
      root: the folder of the artifacts.
      serving: the folder of the models.
    """

    train: str
    test: str | None
    data_fingerprint: str
    schema: str
    root: str
    serving: str


def model_name(config: RunConfig) -> str:
    """The name under which the model is served."""
    return str(config.serving.model_name or config.task.name)


def create_pipeline(
    config: RunConfig,
    locations: Locations,
    metadata: Any,
    enable_cache: bool = True,
    baseline_strategy: Any = LatestOtherBlessedModelStrategy,
) -> pipeline.Pipeline:
    """The whole pipeline of a task.

    Args:
      config: task and settings.
      locations: where it reads and writes.
      metadata: ML Metadata's connection, or None where the orchestrator has its own.
      enable_cache: whether finished work may be used again.
      baseline_strategy: which blessed model the candidate is compared with.

    Returns:
      The pipeline; nothing has run.
    """
    return pipeline.Pipeline(
        pipeline_name=f"tidegate-{config.task.name}",
        pipeline_root=locations.root,
        components=_components(config, locations, baseline_strategy),
        enable_cache=enable_cache,
        metadata_connection_config=metadata,
        beam_pipeline_args=config.beam.arguments(),
    )


def _components(
    config: RunConfig, locations: Locations, baseline_strategy: Any
) -> list[base_node.BaseNode]:
    task = config.task
    settings = config.as_dict()
    raw = task.raw_features(config.data)
    has_test = locations.test is not None or config.data.has_test

    gen_class = task.example_gen.load()
    example_gen = gen_class(
        task=task.name,
        data=settings["data"],
        features=settings["features"],
        train=locations.train,
        test=locations.test,
        fingerprint=f"{locations.data_fingerprint}-{code_fingerprint(task.example_gen.module)}",
    )
    examples = example_gen.outputs["examples"]
    statistics = StatisticsGen(examples=examples)
    schema_gen = ImportSchemaGen(schema_file=locations.schema)
    schema = schema_gen.outputs["schema"]
    validator = StrictExampleValidator(
        statistics=statistics.outputs["statistics"], schema=schema
    ).with_id("ExampleValidator")

    transform = Transform(
        examples=examples,
        schema=schema,
        preprocessing_fn="components.transform_fn.preprocessing_fn",
        splits_config=transform_pb2.SplitsConfig(
            analyze=["train"], transform=["train", "valid"] if task.materialize else []
        ),
        materialize=task.materialize,
        disable_statistics=True,
        custom_config={
            "task": task.name,
            "features": settings["features"],
            "raw_features": write_raw_features(raw),
            "fingerprint": code_fingerprint("components.transform_fn", task.preprocess.module),
        },
    )
    # Nothing expensive starts before the data has been found fit.
    transform.add_upstream_node(validator)
    custom_config: dict[str, Any] = {
        "task": task.name,
        "features": settings["features"],
        "model": settings["model"],
        "training": settings["training"],
        "raw_features": write_raw_features(raw),
        "fingerprint": code_fingerprint(
            "components.trainer_fn",
            f"models.{task.name}.task",
            *(signature.to_features.module for signature in task.signatures(raw).values()),
            task.build_model.module,
            task.objective.module,
            task.inputs.module,
            task.batches.module,
            task.predict.module,
            *(
                hook.module
                for hook in (task.count, task.warm_start, task.calibrate, task.evaluation.answers)
                if hook is not None
            ),
        ),
    }
    learn: dict[str, Any] = {
        "examples": transform.outputs["transformed_examples"] if task.materialize else examples,
        "transform_graph": transform.outputs["transform_graph"],
        "train_args": trainer_pb2.TrainArgs(splits=["train"]),
        "eval_args": trainer_pb2.EvalArgs(splits=["valid"]),
    }
    nodes: list[base_node.BaseNode] = [
        example_gen,
        statistics,
        schema_gen,
        validator,
        transform,
    ]
    if config.baseline.enabled:
        simple = _baseline(config, settings, examples)
        simple.add_upstream_node(validator)
        nodes.append(simple)
    hyperparameters = None
    if config.tuner.trials:
        tuner = Tuner(
            tuner_fn="components.tuner_fn.tuner_fn",
            custom_config={
                **custom_config,
                "tuner": settings["tuner"],
                "fingerprint": custom_config["fingerprint"]
                + code_fingerprint("components.tuner_fn"),
            },
            **learn,
        )
        nodes.append(tuner)
        hyperparameters = tuner.outputs["best_hyperparameters"]
    trainer = Trainer(
        run_fn="components.trainer_fn.run_fn",
        schema=schema,
        hyperparameters=hyperparameters,
        custom_config=custom_config,
        **learn,
    )
    model = trainer.outputs["model"]
    latest = Resolver(
        strategy_class=baseline_strategy,
        model=channel.Channel(type=standard_artifacts.Model),
        model_blessing=channel.Channel(type=standard_artifacts.ModelBlessing),
        **({"candidate": model} if baseline_strategy is LatestOtherBlessedModelStrategy else {}),
    ).with_id("LatestBlessedModel")
    evaluator = Evaluator(
        examples=examples,
        model=model,
        baseline_model=latest.outputs["model"],
        eval_config=evaluation_config(config),
        example_splits=["eval"],
        schema=schema,
    )
    check = ServingCheck(
        model=model,
        tolerance=config.serving.tolerance,
        timeout=config.serving.timeout,
        latency_ms=config.serving.latency_ms,
        memory_mb=config.serving.memory_mb,
        fingerprint=code_fingerprint(
            "components.serving_check.executor", "components.serving_check.process"
        ),
    )
    # On one machine its process loads the model while the Evaluator is at work.
    check.add_upstream_node(evaluator)
    push = Pusher(
        model=model,
        model_blessing=evaluator.outputs["blessing"],
        infra_blessing=check.outputs["blessing"],
        push_destination=pusher_pb2.PushDestination(
            filesystem=pusher_pb2.PushDestination.Filesystem(
                base_directory=f"{locations.serving}/{model_name(config)}"
            )
        ),
        custom_executor_spec=executor_spec.ExecutorClassSpec(pusher.Executor),
    )
    nodes += [trainer, latest, evaluator]
    if has_test:
        # Judged apart: no threshold, so it blesses nothing.
        nodes.append(
            OptionalEvaluator(
                examples=examples,
                model=model,
                eval_config=evaluation_config(config, gated=False),
                example_splits=["test"],
                schema=schema,
            ).with_id("TestEvaluator")
        )
    return [*nodes, check, push]


def _baseline(
    config: RunConfig, settings: Mapping[str, Mapping[str, Any]], examples: Any
) -> Baseline:
    task = config.task
    return Baseline(
        task=task.name,
        data=dict(settings["data"]),
        features=dict(settings["features"]),
        examples=examples,
        max_rows=config.baseline.max_rows,
        fingerprint=code_fingerprint(
            "components.baseline.executor",
            task.baseline.module,
            task.evaluation.statistics.module,
            *([task.rivals.module] if task.rivals else []),
        ),
    )


def evaluation_config(config: RunConfig, gated: bool = True) -> tfma.EvalConfig:
    """The task's metrics, slices and gates in TFMA's terms.

    Args:
      config: task and settings.
      gated: False leaves the thresholds out, and the comparison with another model.
    """
    task = config.task
    evaluation = task.evaluation
    gates: tuple[Gate, ...] = evaluation.gates(config.gates)
    names = ["candidate", "baseline"] if gated else ["candidate"]
    specs = [
        tfma.ModelSpec(
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
    metrics = tfma.MetricsSpec(
        metrics=[
            tfma.MetricConfig(
                class_name="TaskMetrics",
                module="components.task_metrics",
                # The fingerprint reaches TFX's cache key: changed metrics are computed anew.
                config=f'{{"task": "{task.name}", "name": "task_metrics-{_metrics_code(task)}"}}',
            ),
            tfma.MetricConfig(class_name="ExampleCount"),
        ],
        model_names=names,
    )
    if gated:
        for gate in gates:
            # By slice, the overall one alone: `thresholds` would hold for each slice.
            metrics.per_slice_thresholds[gate.metric].thresholds.append(
                tfma.PerSliceMetricThreshold(
                    slicing_specs=[tfma.SlicingSpec()], threshold=_threshold(gate)
                )
            )
    return tfma.EvalConfig(
        model_specs=specs,
        metrics_specs=[metrics],
        slicing_specs=[
            tfma.SlicingSpec(),
            *(tfma.SlicingSpec(feature_keys=list(keys)) for keys in evaluation.slices),
            *(
                tfma.SlicingSpec(feature_keys=[feature.name])
                for feature in task.raw_features(config.data)
                if feature.slice
            ),
        ],
    )


def _metrics_code(task: Any) -> str:
    return code_fingerprint(
        "components.task_metrics",
        task.evaluation.statistics.module,
        task.evaluation.summarise.module,
    )


def _threshold(gate: Gate) -> tfma.MetricThreshold:
    threshold = tfma.MetricThreshold()
    if gate.at_least is not None:
        threshold.value_threshold.lower_bound.value = gate.at_least
    if gate.at_most is not None:
        threshold.value_threshold.upper_bound.value = gate.at_most
    if gate.max_loss is not None:
        change = threshold.change_threshold
        higher = gate.higher_is_better
        change.direction = (
            tfma.MetricDirection.HIGHER_IS_BETTER
            if higher
            else tfma.MetricDirection.LOWER_IS_BETTER
        )
        change.absolute.value = -gate.max_loss if higher else gate.max_loss
    return threshold
