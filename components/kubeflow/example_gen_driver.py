"""Runs before Kubeflow looks an ExampleGen up in its cache: tells it what the data hold.

The data of a compiled pipeline are a parameter of the run, so their content is not known when it is
compiled. This command reads them and overrides the parameter `fingerprint`, which is part of the
cache's key. Vertex AI Pipelines runs it as the container's `preCacheCheck`; open-source Kubeflow
Pipelines does not know that hook.

    python -m tidegate.components.kubeflow.example_gen_driver \\
        --json_serialized_invocation_args EXECUTOR_INPUT ...

It speaks the protocol of TFX's driver for file-based ExampleGens: an ExecutorInput as JSON in, an
ExecutorOutput as JSON written to the file that the input names.
"""

import argparse
import os
import sys
from collections.abc import Sequence

from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2
from tfx.dsl.io import fileio

from tidegate.components import files
from tidegate.components.example_gen import data_fingerprint
from tidegate.tables.errors import InputError


def run(executor_input: pipeline_spec_pb2.ExecutorInput) -> None:
    """Writes the completed fingerprint to the input's output file.

    Args:
      executor_input: of an ExampleGen's task.

    Raises:
      InputError: the data are not there.
    """
    given = executor_input.inputs.parameter_values
    test = given["test"].string_value if "test" in given else None
    output = pipeline_spec_pb2.ExecutorOutput()
    output.parameter_values["fingerprint"].string_value = data_fingerprint.complete(
        given["fingerprint"].string_value,
        given["train"].string_value,
        test,
        given["reads"].string_value,
    )
    target = executor_input.outputs.output_file
    fileio.makedirs(os.path.dirname(target))
    with fileio.open(target, "w") as file:
        file.write(json_format.MessageToJson(output, sort_keys=True))


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs with the command line's arguments; Beam's follow, which its file systems may need."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json_serialized_invocation_args", required=True)
    known, beam = parser.parse_known_args(arguments)
    files.set_beam_options(beam)
    executor_input = pipeline_spec_pb2.ExecutorInput()
    json_format.Parse(
        known.json_serialized_invocation_args, executor_input, ignore_unknown_fields=True
    )
    try:
        run(executor_input)
    except InputError as error:
        print(f"tidegate: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
