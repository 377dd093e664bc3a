"""The pipeline: TFX's components beside tidegate's."""

from typing import Any

from tfx import v1 as tfx

from pipeline.configs import EVAL_STEPS, TRAIN_STEPS, Config
from tidegate.components import Pusher, ServingCheck


def create_pipeline(
    config: Config,
    data: str,
    pipeline_root: str,
    serving_dir: str,
    metadata: Any = None,
    beam_pipeline_args: list[str] | None = None,
) -> tfx.dsl.Pipeline:
    """From a file, or a folder of files, to a pushed model.

    Args:
      config: which of the project's pipelines.
      data: path or URI.
      pipeline_root: where the artifacts are kept.
      serving_dir: the folder of the models.
      metadata: ML Metadata's connection, for a run on this machine.
      beam_pipeline_args: Beam's options.
    """
    example_gen = config.example_gen(data=data, reads=config.reads, splits=config.splits)
    examples = example_gen.outputs["examples"]
    statistics_gen = tfx.components.StatisticsGen(examples=examples)
    schema_gen = tfx.components.SchemaGen(
        statistics=statistics_gen.outputs["statistics"], infer_feature_shape=False
    )
    schema = schema_gen.outputs["schema"]
    transform = tfx.components.Transform(
        examples=examples,
        schema=schema,
        preprocessing_fn=f"{config.module}.preprocessing_fn",
    )
    trainer = tfx.components.Trainer(
        run_fn=f"{config.module}.run_fn",
        examples=transform.outputs["transformed_examples"],
        transform_graph=transform.outputs["transform_graph"],
        train_args=tfx.proto.TrainArgs(splits=["train"], num_steps=TRAIN_STEPS),
        eval_args=tfx.proto.EvalArgs(splits=["valid"], num_steps=EVAL_STEPS),
    )
    model = trainer.outputs["model"]
    components = [example_gen, statistics_gen, schema_gen, transform, trainer]
    blessings: dict[str, Any] = {}
    if config.eval_config is not None:
        evaluator = tfx.components.Evaluator(
            examples=examples, model=model, eval_config=config.eval_config
        )
        components.append(evaluator)
        blessings["model_blessing"] = evaluator.outputs["blessing"]
    # In the embedded server, in a process of its own: what a client is answered decides.
    check = ServingCheck(model=model, examples=examples)
    push = Pusher(
        model=model,
        infra_blessing=check.outputs["blessing"],
        models=serving_dir,
        model_name=config.name,
        **blessings,
    )
    return tfx.dsl.Pipeline(
        pipeline_name=f"project-{config.name}",
        pipeline_root=pipeline_root,
        components=[*components, check, push],
        enable_cache=True,
        metadata_connection_config=metadata,
        beam_pipeline_args=beam_pipeline_args,
    )
