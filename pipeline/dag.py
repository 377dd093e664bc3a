"""The DAG: one function from settings to a TFX pipeline, without side effects."""

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import tensorflow_data_validation as tfdv
from tfx.components import StatisticsGen, Transform
from tfx.dsl.components.base import base_node
from tfx.dsl.components.common.importer import Importer
from tfx.dsl.components.common.resolver import Resolver
from tfx.orchestration import pipeline
from tfx.proto import trainer_pb2, transform_pb2
from tfx.types import channel, standard_artifacts

from tidegate.components.baseline.component import Baseline
from tidegate.components.evaluator.component import Evaluator, OptionalEvaluator
from tidegate.components.example_validator.component import StrictExampleValidator
from tidegate.components.latest_model.blessed import LatestOtherBlessedModelStrategy
from tidegate.components.latest_model.pushed import LatestPushedModel
from tidegate.components.pictures.component import Pictures
from tidegate.components.pusher.component import Pusher
from tidegate.components.schema_gen.component import SchemaGen, task_schema
from tidegate.components.serving_check.component import ServingCheck
from tidegate.components.trainer.component import Trainer
from tidegate.components.tuner.component import Tuner
from tidegate.models.core.fingerprint import code_fingerprint, task_fingerprint
from tidegate.models.core.settings import ModelFile
from tidegate.models.core.task import RawFeature, Stage
from tidegate.pipeline.config import RunConfig
from tidegate.pipeline.evaluation_config import evaluation_config
from tidegate.tables.reads import as_dict


@dataclass(frozen=True)
class Locations:
    """Where a run reads and writes.

    Attributes:
      train: data file or folder; a str, or a RuntimeParameter of one.
      test: the same for a fixed test split, or None.
      data_fingerprint: of the data's content; empty where a run alone knows its data.
      root: the folder of the artifacts.
      serving: the folder of the models; a str, or a RuntimeParameter of one.
      file_fingerprints: by path or URI, of the content of the files that settings name; without
        those of which a run alone knows the content.
    """

    train: Any
    test: Any
    data_fingerprint: str
    root: str
    serving: Any
    file_fingerprints: Mapping[str, str] = field(default_factory=dict)

    def files_of(self, config: RunConfig, *sections: str) -> str:
        """The fingerprints of the files that sections name, for the keys of what reads them."""
        named = [
            paths for name in sections for paths in config.sections[name].input_files().values()
        ]
        known = [self.file_fingerprints.get(path, "") for paths in named for path in paths]
        return "".join(f"+{fingerprint}" for fingerprint in known if fingerprint)


@dataclass(frozen=True)
class RunOverrides:
    """What a single run may say otherwise than the settings of its pipeline.

    Attributes:
      training_steps: over `training.steps`, 0 for none; an int, or a RuntimeParameter of one.
      settings: of model and training, as text; a str, or a RuntimeParameter of one.
    """

    training_steps: Any = 0
    settings: Any = ""


def model_name(config: RunConfig) -> str:
    """The name under which the model is served."""
    return str(config.serving.model_name or config.task.name)


def create_pipeline(
    config: RunConfig,
    locations: Locations,
    metadata: Any,
    enable_cache: bool = True,
    overrides: RunOverrides = RunOverrides(),
    name: str | None = None,
) -> pipeline.Pipeline:
    """The whole pipeline of a task.

    Args:
      config: task and settings.
      locations: where it reads and writes.
      metadata: ML Metadata's connection, or None where the orchestrator has its own: then the
        candidate is compared with the latest model pushed, else with the latest one blessed.
      enable_cache: whether finished work may be used again.
      overrides: what the run says otherwise.
      name: the pipeline's; from the task's name if not given.

    Returns:
      The pipeline; nothing has run.
    """
    return pipeline.Pipeline(
        pipeline_name=name or f"tidegate-{config.task.name}",
        pipeline_root=locations.root,
        components=_components(config, locations, overrides, metadata is not None),
        enable_cache=enable_cache,
        metadata_connection_config=metadata,
        beam_pipeline_args=config.beam.arguments(),
    )


def _components(
    config: RunConfig, locations: Locations, overrides: RunOverrides, asks_metadata: bool
) -> list[base_node.BaseNode]:
    task = config.task
    settings = config.as_dict()
    raw, reads = task.raw_features(config.data), task.reads(config.data)
    has_test = locations.test is not None or config.data.has_test

    gen_class = task.example_gen.load()
    example_gen = gen_class(
        data=locations.train,
        test=locations.test,
        reads=reads,
        splits=task.splits(config.data, config.features),
        fingerprint=locations.data_fingerprint + locations.files_of(config, "data"),
    )
    examples = example_gen.outputs["examples"]
    statistics = StatisticsGen(
        examples=examples,
        # Else each distinct text is held and counted: memory would grow with the rows.
        stats_options=tfdv.StatsOptions(use_sketch_based_topk_uniques=True),
    )
    schema_gen = SchemaGen(text=task_schema(raw))
    schema = schema_gen.outputs["schema"]
    validator = StrictExampleValidator(
        statistics=statistics.outputs["statistics"], schema=schema
    ).with_id("ExampleValidator")

    transform = Transform(
        examples=examples,
        schema=schema,
        preprocessing_fn="tidegate.components.transform.preprocessing_fn.preprocessing_fn",
        splits_config=transform_pb2.SplitsConfig(
            analyze=["train"], transform=["train", "valid"] if task.materialize else []
        ),
        materialize=task.materialize,
        disable_statistics=True,
        custom_config={
            "task": task.name,
            "features": settings["features"],
            "raw_features": [asdict(feature) for feature in raw],
            "fingerprint": task_fingerprint(
                task,
                Stage.TRANSFORM,
                raw,
                "tidegate.components.transform.preprocessing_fn",
            )
            + locations.files_of(config, "features"),
        },
    )
    # Nothing expensive starts before the data has been found fit.
    transform.add_upstream_node(validator)
    custom_config: dict[str, Any] = {
        "task": task.name,
        "features": settings["features"],
        "model": settings["model"],
        "training": settings["training"],
        "raw_features": [asdict(feature) for feature in raw],
        # How files were read travels with the model; it changes only where ExampleGen runs anew.
        "reads": as_dict(reads),
        "fingerprint": task_fingerprint(
            task, Stage.TRAINING, raw, "tidegate.components.trainer.run_fn"
        )
        + locations.files_of(config, "features", "model", "training"),
    }
    learn: dict[str, Any] = {
        "examples": transform.outputs["transformed_examples"] if task.materialize else examples,
        "transform_graph": transform.outputs["transform_graph"],
        "train_args": trainer_pb2.TrainArgs(splits=["train"]),
        "eval_args": trainer_pb2.EvalArgs(splits=["valid"]),
        "training_steps": overrides.training_steps,
        "settings": overrides.settings,
    }
    nodes: list[base_node.BaseNode] = [
        example_gen,
        statistics,
        schema_gen,
        validator,
        transform,
    ]
    simple = None
    if config.baseline.enabled:
        simple = _baseline(config, settings, raw, examples, locations)
        simple.add_upstream_node(validator)
        nodes.append(simple)
    hyperparameters = None
    if config.tuner.trials:
        tuner = Tuner(
            tuner_fn="tidegate.components.tuner.tuner_fn.tuner_fn",
            custom_config={
                **custom_config,
                "tuner": settings["tuner"],
                "fingerprint": custom_config["fingerprint"]
                + code_fingerprint("tidegate.components.tuner.tuner_fn"),
            },
            **learn,
        )
        nodes.append(tuner)
        hyperparameters = tuner.outputs["best_hyperparameters"]
    started = _pretrained(config)
    if started is not None:
        nodes.append(started)
        learn["base_model"] = started.outputs["result"]
    trainer = Trainer(
        run_fn="tidegate.components.trainer.run_fn.run_fn",
        schema=schema,
        hyperparameters=hyperparameters,
        custom_config=custom_config,
        **learn,
    )
    model = trainer.outputs["model"]
    latest = _latest_model(model, locations, config, asks_metadata)
    evaluator = Evaluator(
        figures=None if simple is None else simple.outputs["figures"],
        below={
            gate.metric: gate.below_baseline
            for gate in task.evaluation.gates(config.gates)
            if gate.below_baseline is not None
        },
        times={
            gate.metric: gate.times_baseline
            for gate in task.evaluation.gates(config.gates)
            if gate.times_baseline is not None
        },
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
    )
    # On one machine its process loads the model while the Evaluator is at work.
    check.add_upstream_node(evaluator)
    push = Pusher(
        model=model,
        model_blessing=evaluator.outputs["blessing"],
        infra_blessing=check.outputs["blessing"],
        models=locations.serving,
        model_name=model_name(config),
    )
    nodes += [trainer, latest, evaluator]
    if has_test:
        # Judged apart: no threshold, so it blesses nothing.
        nodes.append(
            OptionalEvaluator(
                figures=None if simple is None else simple.outputs["figures"],
                examples=examples,
                model=model,
                eval_config=evaluation_config(config, gated=False),
                example_splits=["test"],
                schema=schema,
            ).with_id("TestEvaluator")
        )
    # Last: a picture that cannot be drawn keeps no model from being pushed.
    drawn = _pictures(config, settings, raw, examples, trainer, locations)
    drawn.add_upstream_node(push)
    return [*nodes, check, push, drawn]


def _pretrained(config: RunConfig) -> Importer | None:
    """The pushed model that training starts from, so that ML Metadata knows it as an origin."""
    for paths in config.model.input_files().values():
        for path in paths:
            if isinstance(path, ModelFile):
                version = posixpath.dirname(posixpath.dirname(path))
                return Importer(source_uri=version, artifact_type=standard_artifacts.Model).with_id(
                    "PretrainedModel"
                )
    return None


def _pictures(
    config: RunConfig,
    settings: Mapping[str, Mapping[str, Any]],
    raw: Sequence[RawFeature],
    examples: Any,
    trainer: Any,
    locations: Locations,
) -> Pictures:
    return Pictures(
        task=config.task.name,
        data=settings["data"],
        features=settings["features"],
        examples=examples,
        model=trainer.outputs["model"],
        model_run=trainer.outputs["model_run"],
        fingerprint=task_fingerprint(config.task, Stage.PICTURES, raw)
        + locations.files_of(config, "data", "features"),
    )


def _latest_model(
    candidate: Any, locations: Locations, config: RunConfig, asks_metadata: bool
) -> base_node.BaseNode:
    """The node whose output `model` the candidate is compared with."""
    if not asks_metadata:
        return LatestPushedModel(
            candidate=candidate, models=locations.serving, model_name=model_name(config)
        )
    return Resolver(
        strategy_class=LatestOtherBlessedModelStrategy,
        model=channel.Channel(type=standard_artifacts.Model),
        model_blessing=channel.Channel(type=standard_artifacts.ModelBlessing),
        candidate=candidate,
    ).with_id("LatestBlessedModel")


def _baseline(
    config: RunConfig,
    settings: Mapping[str, Mapping[str, Any]],
    raw: Sequence[RawFeature],
    examples: Any,
    locations: Locations,
) -> Baseline:
    return Baseline(
        task=config.task.name,
        data=settings["data"],
        features=settings["features"],
        examples=examples,
        max_rows=config.baseline.max_rows,
        fingerprint=task_fingerprint(config.task, Stage.BASELINE, raw)
        + locations.files_of(config, "data", "features"),
    )
