"""Compiles the project's pipelines: ``python kubeflow_runner.py gs://bucket/folder IMAGE``."""

import sys

from pipeline.configs import CONFIGS
from pipeline.pipeline import create_pipeline
from tfx import v1 as tfx


def run(folder: str, image: str) -> None:
    """Writes a JSON file for each pipeline.

    Args:
      folder: URI of what holds `data`, and gets artifacts and models.
      image: has TFX, tidegate and this project.
    """
    runner = tfx.orchestration.experimental
    for name, config in CONFIGS.items():
        runner.KubeflowV2DagRunner(
            runner.KubeflowV2DagRunnerConfig(default_image=image), output_filename=f"{name}.json"
        ).run(
            create_pipeline(
                config,
                data=f"{folder}/data/{name}.csv",
                pipeline_root=f"{folder}/artifacts",
                serving_dir=f"{folder}/serving",
            )
        )


if __name__ == "__main__":
    run(*sys.argv[1:])
