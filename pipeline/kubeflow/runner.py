"""Compiles a pipeline for Kubeflow Pipelines v2."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2
from tfx.dsl.components.base import base_component
from tfx.orchestration import data_types, pipeline
from tfx.orchestration.kubeflow.v2 import kubeflow_v2_dag_runner, pipeline_builder

from tidegate.pipeline.config import RunConfig
from tidegate.pipeline.dag import Locations, RunOverrides, create_pipeline
from tidegate.pipeline.kubeflow.settings import KubeflowSettings, ResourceSettings
from tidegate.tables.errors import InputError, nearest

_ResourceSpec = pipeline_spec_pb2.PipelineDeploymentConfig.PipelineContainerSpec.ResourceSpec
_DRIVER = ("python", "-m", "tidegate.components.kubeflow.example_gen_driver")
_STEP = ("python", "-m", "tidegate.components.kubeflow.step")
# Kubeflow's placeholder for the task's ExecutorInput as JSON.
_EXECUTOR_INPUT = "{{$}}"


@dataclass(frozen=True)
class Target:
    """What the compiled pipeline runs on.

    Attributes:
      data: data file or folder, the default of the run's `data`.
      test: the same for a fixed test split, or None.
      pipeline_root: the folder of the artifacts.
      image: of all components that the settings give no other.
      models: the folder of the served models, the default of the run's `output`; below the
        pipeline root if None.
    """

    data: str
    test: str | None
    pipeline_root: str
    image: str
    models: str | None = None


def run_parameters(target: Target) -> dict[str, data_types.RuntimeParameter]:
    """The parameters of a run, by name, with their defaults."""
    # A query may follow a root's path, as s3://bucket/path?region=eu-west-1.
    root = target.pipeline_root.partition("?")[0].rstrip("/")
    values: dict[str, Any] = {
        "data": target.data,
        "output": target.models or f"{root}/serving",
        "training_steps": 0,
        "settings": "",
    }
    if target.test is not None:
        values["test"] = target.test
    return {
        name: data_types.RuntimeParameter(name=name, ptype=type(value), default=value)
        for name, value in values.items()
    }


_DESCRIPTIONS = {
    "data": "data file or folder",
    "test": "file or folder of the fixed test split",
    "output": "folder of the models; a blessed one is pushed to OUTPUT/MODEL/VERSION",
    "training_steps": "exact number of training steps; 0: as the pipeline's settings say",
    "settings": 'model and training settings over the pipeline\'s, as {"model": {"units": 64}}',
}


def compile_spec(config: RunConfig, target: Target) -> dict[str, Any]:
    """The pipeline as a PipelineSpec of schema version 2.1, ready for JSON.

    Open-source Kubeflow Pipelines v2 takes it as it is, and so does Vertex AI Pipelines, whose
    client wraps it in a PipelineJob. Equal arguments give an equal spec.

    Args:
      config: task and settings.
      target: where it runs.

    Raises:
      InputError: the settings name a component that the pipeline does not have.
    """
    settings: KubeflowSettings = config.kubeflow
    parameters = run_parameters(target)
    dag = create_pipeline(
        config,
        Locations(
            train=parameters["data"],
            test=parameters.get("test"),
            data_fingerprint="",
            root=target.pipeline_root,
            serving=parameters["output"],
        ),
        metadata=None,
        enable_cache=settings.cache,
        overrides=RunOverrides(parameters["training_steps"], parameters["settings"]),
        name=settings.pipeline_name or f"tidegate-{config.task.name}".replace("_", "-"),
    )
    _place(dag, settings)
    job = kubeflow_v2_dag_runner.KubeflowV2DagRunner(
        kubeflow_v2_dag_runner.KubeflowV2DagRunnerConfig(
            default_image={
                pipeline_builder.DEFAULT_IMAGE_PATH_KEY: target.image,
                **settings.images,
            },
            default_commands=list(_STEP),
            use_pipeline_spec_2_1=True,
        )
    ).run(dag, write_out=False)
    spec: dict[str, Any] = job["pipelineSpec"]
    spec["defaultPipelineRoot"] = target.pipeline_root
    for name, parameter in parameters.items():
        # TFX states the type alone; without a default each run would have to name them all.
        spec["root"]["inputDefinitions"]["parameters"][name].update(
            defaultValue=parameter.default, isOptional=True, description=_DESCRIPTIONS[name]
        )
    _name_artifacts(spec)
    _drive(spec, config.task.example_gen.load().__name__, config)
    json_format.ParseDict(spec, pipeline_spec_pb2.PipelineSpec())  # It must be one.
    return spec


def _place(dag: pipeline.Pipeline, settings: KubeflowSettings) -> None:
    """Gives components their resources.

    Raises:
      InputError: an unknown component.
    """
    components = {
        node.id: node for node in dag.components if isinstance(node, base_component.BaseComponent)
    }
    named: Mapping[str, Mapping[str, Any]] = {
        "images": settings.images,
        "resources": settings.resources,
    }
    for key, values in named.items():
        for name in values:
            if name not in components:
                raise InputError(
                    f"kubeflow.{key}: no component {name!r}. {nearest(name, components)}"
                )
    for name, resources in settings.resources.items():
        components[name].with_platform_config(_resources(resources))


def _resources(settings: ResourceSettings) -> Any:
    spec = _ResourceSpec(cpu_limit=settings.cpu or 0.0, memory_limit=settings.gigabytes())
    if settings.gpu:
        spec.accelerator.type = settings.gpu_type
        spec.accelerator.count = settings.gpu
    return spec


def _name_artifacts(spec: dict[str, Any]) -> None:
    """Tells each step which artifacts are its own, and where the launcher has copies of them.

    Kubeflow adds outputs that the spec does not have, and its launcher alone knows its folders.
    """
    for component in spec["components"].values():
        paths = {
            side: {
                key: f"{{{{$.{side}.artifacts['{key}'].path}}}}"
                for key in component.get(definitions, {}).get("artifacts", {})
            }
            for side, definitions in (
                ("inputs", "inputDefinitions"),
                ("outputs", "outputDefinitions"),
            )
        }
        container = spec["deploymentSpec"]["executors"][component["executorLabel"]]["container"]
        container["args"] = [
            *("--json_local_paths", json.dumps(paths, sort_keys=True)),
            *container["args"],
        ]


def _drive(spec: dict[str, Any], example_gen: str, config: RunConfig) -> None:
    """Lets a cache see that data have changed behind an unchanged URI.

    The hook is TFX's own for its file-based ExampleGens, which ours are not. Vertex AI Pipelines
    runs it before it looks into its cache. Open-source Kubeflow Pipelines passes it over, so that
    the ExampleGen may be cached only where the settings say that this is not where it runs; its
    executor reads the data's fingerprint itself there.
    """
    executors = spec["deploymentSpec"]["executors"]
    executors[f"{example_gen}_executor"]["container"]["lifecycle"] = {
        "preCacheCheck": {
            "command": list(_DRIVER),
            "args": [
                *("--json_serialized_invocation_args", _EXECUTOR_INPUT),
                *config.beam.arguments(),
            ],
        }
    }
    if not config.kubeflow.cache_data:
        spec["root"]["dag"]["tasks"][example_gen]["cachingOptions"] = {}


def write_spec(spec: Mapping[str, Any], path: Path) -> None:
    """Writes a spec as JSON: beside, then renamed.

    Raises:
      InputError: the file cannot be written.
    """
    # Kubeflow's client reads it as YAML, which would take an escaped pair of surrogates apart.
    text = json.dumps(spec, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    beside = path.with_name(f".{path.name}.part")
    try:
        beside.write_text(text, encoding="utf-8")
        os.replace(beside, path)
    except OSError as error:
        raise InputError(
            f"--output {path}: cannot be written: {error.strerror}; give a file in a folder that "
            "is there"
        ) from None
