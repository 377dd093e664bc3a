"""A container step without a container: its own command, in a process that sees no checkout."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2 as pb

from tests.kubeflow.pipeline_spec import SpecError, as_text

_TAIL = 25
_PLACEHOLDER = re.compile(r"\{\{\$[^}]*\}\}")


class StepError(RuntimeError):
    """A step failed; the message ends with the last lines of its output.

    Attributes:
      task: the step's name.
    """

    def __init__(self, task: str, what: str, log: Path) -> None:
        with log.open(encoding="utf-8", errors="replace") as file:
            tail = [f"  | {line.rstrip()}" for line in file.readlines()[-_TAIL:]]
        super().__init__("\n".join([f"task {task}: {what}", *tail]))
        self.task = task


class Container:
    """What a container gives a command: a folder to start in, a home, a temporary folder.

    Args:
      task: the step's name.
      folder: for all of the step's own files; made anew.
      python: the Python that the image has on its PATH.
      timeout: seconds after which a command has failed.
    """

    def __init__(self, task: str, folder: Path, python: Path, timeout: float) -> None:
        self.task = task
        self.log = folder / "output.txt"
        # On a cluster /tmp/kfp_outputs/output_metadata.json of the step's own container.
        self.output_file = folder / "tmp" / "kfp_outputs" / "output_metadata.json"
        self._folder = folder
        self._python = python
        self._timeout = timeout
        for name in ("work", "home", "tmp"):
            (folder / name).mkdir(parents=True)
        self.log.touch()

    def run(self, command: Sequence[str], environment: Sequence[Any]) -> float:
        """Runs a command to its end.

        Args:
          command: program and arguments.
          environment: the container's variables, each with `name` and `value`.

        Returns:
          The seconds it took.

        Raises:
          StepError: an exit code other than 0, no such program, or too long.
        """
        begin = time.monotonic()
        with self.log.open("a") as log:
            try:
                process = subprocess.Popen(
                    command,
                    cwd=self._folder / "work",
                    env=self._environment() | {one.name: one.value for one in environment},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            except OSError as error:
                raise StepError(self.task, f"cannot start: {error}", self.log) from None
            try:
                code = process.wait(self._timeout)
            except subprocess.TimeoutExpired:
                raise StepError(
                    self.task, f"not done after {self._timeout:g} s", self.log
                ) from None
            finally:
                _end_session(process)
        if code:
            raise StepError(self.task, f"exit code {code}", self.log)
        return time.monotonic() - begin

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.pathsep.join([str(self._python.parent), "/usr/local/bin:/usr/bin:/bin"]),
            "HOME": str(self._folder / "home"),
            "TMPDIR": str(self._folder / "tmp"),
            "LANG": "C.UTF-8",
        }

    def output(self) -> Any:
        """What the container says of its outputs; empty where it says nothing.

        Raises:
          json_format.ParseError: the file is no `ExecutorOutput`.
        """
        output = pb.ExecutorOutput()
        if self.output_file.exists():
            json_format.Parse(self.output_file.read_text("utf-8"), output)
        return output


def _end_session(process: subprocess.Popen[bytes]) -> None:
    """A container's end takes its processes along."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait()


def outputs(component: Any, container: Container, folder: str) -> Any:
    """Where a container is to write.

    Args:
      component: with its `output_definitions`.
      container: the container.
      folder: the URI below which its artifacts go.
    """
    made = pb.ExecutorInput.Outputs(output_file=str(container.output_file))
    for key, declared in component.output_definitions.artifacts.items():
        artifact = made.artifacts[key].artifacts.add(uri=f"{folder}/{key}")
        artifact.type.CopyFrom(declared.artifact_type)
        if declared.HasField("metadata"):
            artifact.metadata.CopyFrom(declared.metadata)
        Path(artifact.uri).parent.mkdir(parents=True, exist_ok=True)
    for name in component.output_definitions.parameters:
        path = container.output_file.parents[1] / "kfp" / "outputs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        made.parameters[name].output_file = str(path)
    return made


def filled_in(task: str, words: Sequence[str], executor_input: Any) -> list[str]:
    """A command's words with their placeholders replaced.

    Raises:
      SpecError: a placeholder that does not exist.
    """
    known = {"{{$}}": json_format.MessageToJson(executor_input, indent=None)}
    for side in ("inputs", "outputs"):
        for key, found in getattr(executor_input, side).artifacts.items():
            if found.artifacts:
                # The roots of these tests are folders: a URI is its own local path.
                for part in ("uri", "path"):
                    known[f"{{{{$.{side}.artifacts['{key}'].{part}}}}}"] = found.artifacts[0].uri
    for name, value in executor_input.inputs.parameter_values.items():
        known[f"{{{{$.inputs.parameters['{name}']}}}}"] = as_text(value)
    for name, parameter in executor_input.outputs.parameters.items():
        known[f"{{{{$.outputs.parameters['{name}'].output_file}}}}"] = parameter.output_file

    def replace(match: re.Match[str]) -> str:
        if match[0] not in known:
            raise SpecError(f"task {task}: no such placeholder: {match[0]}")
        return known[match[0]]

    return [_PLACEHOLDER.sub(replace, word) for word in words]
