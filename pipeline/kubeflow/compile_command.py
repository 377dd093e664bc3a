"""`tidegate compile`: a task's pipeline as a file for Kubeflow Pipelines v2."""

import importlib.util
import os
import re
from pathlib import Path

import click

from tidegate.components import files
from tidegate.pipeline.beam import beam_option, parse_beam
from tidegate.tables.errors import InputError, nearest

# What Beam and TensorFlow read, some of it with an extra that only the image need have.
_SCHEMES = frozenset({"abfs", "abfss", "azfs", "gs", "hdfs", "s3", "viewfs"})
# Where Kubeflow keeps artifacts. Its launcher copies them from the last two and back.
_ROOT = re.compile(r"(gs|s3|minio)://[^/?]+(/[^?]*)?(\?.+)?")


@click.command("compile")
@click.argument("task")
@click.option(
    "--data", required=True, help="A data file or folder, as the cluster reads it: a URI."
)
@click.option("--test", help="The same with a fixed test split.")
@click.option(
    "--pipeline-root",
    required=True,
    help="Where the artifacts are kept: gs://, s3:// or minio://BUCKET/PATH.",
)
@click.option(
    "--models", help="A URI of the served models' folder; PIPELINE_ROOT/serving if not given."
)
@click.option("--image", required=True, help="The container image with tidegate[kubeflow].")
@click.option(
    "--output", required=True, type=click.Path(path_type=Path), help="The file, pipeline.json."
)
@click.option("--config", help="A YAML file of settings.")
@click.option("--set", "assignments", multiple=True, metavar="SECTION.KEY=VALUE", help="A setting.")
@beam_option
def compile_pipeline(
    task: str,
    data: str,
    test: str | None,
    pipeline_root: str,
    models: str | None,
    image: str,
    output: Path,
    config: str | None,
    assignments: tuple[str, ...],
    beam: tuple[str, ...],
) -> None:
    """Compile a task's pipeline for Kubeflow Pipelines v2.

    The file needs nothing beside it. Data, folder of the models, training steps, and model and
    training settings are parameters of each run.
    """
    from tidegate.models.core.task import load_task
    from tidegate.pipeline.config import input_files, make_config, parse_assignments, read_file

    known = load_task(task)
    settings = make_config(
        known,
        {"beam": {"sdk_container_image": image}},  # For workers in containers of their own.
        read_file(config) if config else {},
        parse_assignments(assignments),
        parse_beam(beam),
    )
    for option, uri in (("data", data), ("test", test), ("models", models)):
        if uri is not None:
            check_uri(f"--{option} {uri}", uri)
    for setting, paths in input_files(settings).items():
        for path in paths:
            check_uri(f"{setting}={path}", path)
    if not _ROOT.fullmatch(pipeline_root):
        raise InputError(
            f"--pipeline-root {pipeline_root}: Kubeflow keeps artifacts in gs://, s3:// and "
            "minio:// alone; expected one of these, as gs://BUCKET/PATH"
        )
    if pipeline_root.startswith("minio://") and models is None:
        raise InputError(
            f"--pipeline-root {pipeline_root}: no server reads models from there; give --models "
            "URI, a folder that one does"
        )
    if not image.strip():
        raise InputError("--image is empty; expected the name of a container image")
    if output.is_dir() or not output.parent.is_dir():
        raise InputError(f"--output {output}: expected a file in a folder that is there")
    check_installed()
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # TensorFlow has nothing to say here.
    import absl.logging

    absl.logging.set_verbosity(absl.logging.ERROR)
    from tidegate.pipeline.run.console import quiet_imports

    with quiet_imports():
        from tidegate.pipeline.kubeflow.runner import Target, compile_spec, write_spec

    spec = compile_spec(settings, Target(data, test, pipeline_root, image, models))
    write_spec(spec, output)
    click.echo(
        f"{output}: {spec['pipelineInfo']['name']}, {len(spec['root']['dag']['tasks'])} tasks, "
        f"{output.stat().st_size:,} bytes"
    )
    click.echo(f"next: tidegate submit {output} --endpoint URL")


def check_uri(given: str, uri: str) -> None:
    """Finds out whether a step on a cluster may be able to read a place.

    Args:
      given: the option with its value, to begin the message.
      uri: a URI.

    Raises:
      InputError: a path, or a scheme that nothing reads.
    """
    scheme, _, rest = uri.partition("://")
    if files.is_local(uri) or scheme == "file":
        raise InputError(
            f"{given}: a cluster does not see this machine's files, and its steps have no volumes; "
            "expected a URI, as gs://BUCKET/PATH"
        )
    if not scheme or not rest:
        raise InputError(f"{given}: expected a URI, as gs://BUCKET/PATH")
    if scheme in _SCHEMES:
        return
    try:
        files.check_scheme(uri)
    except ValueError:
        raise InputError(
            f"{given}: no file system for {scheme}://. {nearest(scheme, _SCHEMES)}"
        ) from None


def check_installed() -> None:
    """Looks for Kubeflow's packages, an extra.

    Raises:
      InputError: they are not there.
    """
    if importlib.util.find_spec("kfp") is None:
        raise InputError(
            "Kubeflow's client is not installed; first: pip install 'tidegate[kubeflow]'"
        )
