"""Runs one of the project's pipelines on this machine: ``python local_runner.py texts FILE``."""

import os
import sys

from pipeline.configs import CONFIGS
from pipeline.pipeline import create_pipeline
from tfx import v1 as tfx

OUTPUT = "output"


def run(name: str, data: str) -> None:
    """Leaves artifacts and models in `OUTPUT`."""
    metadata = os.path.join(OUTPUT, name, "metadata.sqlite")
    tfx.orchestration.LocalDagRunner().run(
        create_pipeline(
            CONFIGS[name],
            data=os.path.abspath(data),
            pipeline_root=os.path.abspath(os.path.join(OUTPUT, name, "artifacts")),
            serving_dir=os.path.abspath(os.path.join(OUTPUT, "serving")),
            metadata=tfx.orchestration.metadata.sqlite_metadata_connection_config(metadata),
            beam_pipeline_args=["--direct_running_mode=in_memory"],
        )
    )


if __name__ == "__main__":
    run(*sys.argv[1:])
