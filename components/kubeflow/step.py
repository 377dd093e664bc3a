"""A container's command on Kubeflow Pipelines: TFX's, behind what Kubeflow's own launcher needs.

``python -m tidegate.components.kubeflow.step`` takes the arguments of
``tfx.orchestration.kubeflow.v2.container.kubeflow_v2_run_executor`` and runs it. TFX wrote that for
Vertex AI; the open-source backend (backend/src/v2 of kubeflow/pipelines) asks for more:

- Artifacts are those that the component declares, and inputs have the types that it declares. The
  store of metadata there keeps no types, and kfp's local runner calls each input a
  `system.Artifact`. Where logs are published, the driver adds an output `executor-logs`, which the
  launcher has made as a file. What is not declared is left alone: TFX does not see it, and no
  folder is made of it.
- An artifact may lie where TFX's file systems do not reach, as in the MinIO that comes with
  Kubeflow. The launcher has copied the inputs to a local folder, and uploads what lies in the
  outputs' local folders afterwards; the step works on these.
- Outputs' folders are not there yet. TFX's other launchers make them before a component runs.

An error of the user's ends it with one line and exit code 2.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from absl import app
from absl.flags import argparse_flags
from tfx.dsl.io import fileio
from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_run_executor

from tidegate.tables.errors import InputError

# TFX reads and writes these itself: what is there need not fit into the container.
_READ_BY_TFX = "gs://"
# The launcher leaves a placeholder as it is where it has no copy, as of an imported hdfs:// file.
_PLACEHOLDER = "{{$"


def local_uri(uri: str, path: str) -> str:
    """Where a step finds an artifact: the launcher's copy, or the URI where TFX can read it.

    Args:
      uri: the artifact's.
      path: what the launcher has made of the artifact's placeholder for a local path.
    """
    return uri if uri.startswith(_READ_BY_TFX) or path.startswith(_PLACEHOLDER) else path


def for_tfx(
    executor_input: dict[str, Any],
    inputs_spec: Mapping[str, Any],
    paths: Mapping[str, Mapping[str, str]],
) -> dict[str, str]:
    """Changes an `ExecutorInput` in JSON to what TFX's entry point can use.

    Args:
      executor_input: is changed: the artifacts that are not declared go; inputs get their declared
        types, inputs and outputs URIs that TFX can read.
      inputs_spec: the component's `ComponentInputsSpec` in JSON.
      paths: of its `inputs` and `outputs`, the local paths by key.

    Returns:
      By output key, the URI that the launcher has given, where it was changed.
    """
    changed = {}
    for side in ("inputs", "outputs"):
        given = executor_input.get(side, {})
        given["artifacts"] = {
            key: artifacts
            for key, artifacts in given.get("artifacts", {}).items()
            if key in paths[side]
        }
        for key, artifact in _artifacts(given):
            local = local_uri(artifact["uri"], paths[side][key])
            if side == "inputs":
                artifact["type"] = inputs_spec["artifacts"][key]["artifactType"]
            elif local != artifact["uri"]:
                changed[key] = artifact["uri"]
            artifact["uri"] = local
    return changed


def for_launcher(output_file: str, changed: Mapping[str, str]) -> None:
    """Gives the outputs in an `ExecutorOutput` file the URIs that the launcher knows."""
    if not changed:
        return
    with open(output_file, encoding="utf-8") as file:
        output = json.load(file)
    for key, artifact in _artifacts(output):
        artifact["uri"] = changed.get(key, artifact.get("uri"))
    beside = f"{output_file}.part"
    with open(beside, "w", encoding="utf-8") as file:
        json.dump(output, file)
    os.replace(beside, output_file)


def _artifacts(side: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for key, found in side.get("artifacts", {}).items():
        for artifact in found.get("artifacts", []):
            yield key, artifact


def _parse(argv: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    parser = argparse_flags.ArgumentParser(description=__doc__)
    parser.add_argument("--executor_class_path", required=True)
    parser.add_argument("--json_serialized_invocation_args", required=True)
    parser.add_argument("--json_serialized_inputs_spec_args", default="{}")
    parser.add_argument("--json_local_paths", required=True)
    known, others = parser.parse_known_args(argv[1:])
    return known, others


def run(parsed: tuple[argparse.Namespace, list[str]]) -> None:
    """Runs a step.

    Args:
      parsed: the arguments, and Beam's.
    """
    arguments, beam = parsed
    executor_input = json.loads(arguments.json_serialized_invocation_args)
    inputs_spec = json.loads(arguments.json_serialized_inputs_spec_args)
    changed = for_tfx(executor_input, inputs_spec, json.loads(arguments.json_local_paths))
    for _, artifact in _artifacts(executor_input["outputs"]):
        fileio.makedirs(artifact["uri"])
    arguments.json_serialized_invocation_args = json.dumps(executor_input)
    try:
        kubeflow_v2_run_executor.main((arguments, beam))
    except InputError as error:
        print(f"tidegate: {error}", file=sys.stderr)
        sys.exit(2)
    for_launcher(executor_input["outputs"]["outputFile"], changed)


if __name__ == "__main__":
    app.run(run, flags_parser=_parse)
