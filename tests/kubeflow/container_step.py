"""A container step without a container: its own command, in a process that sees no checkout."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2 as pb

from tests.kubeflow.bucket import local_path
from tests.kubeflow.pipeline_spec import as_text

_TAIL = 25
# What the driver adds where logs are published, which the API server's default is.
LOGS = "executor-logs"


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
      folder: for all of the step's own files; made anew. It stands for the root of the container's
        file system.
      python: the Python that the image has on its PATH.
      timeout: seconds after which a command has failed.
    """

    def __init__(self, task: str, folder: Path, python: Path, timeout: float) -> None:
        self.task = task
        self.folder = folder
        self.log = folder / "output.txt"
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
                    cwd=self.folder / "work",
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
            "HOME": str(self.folder / "home"),
            "TMPDIR": str(self.folder / "tmp"),
            "LANG": "C.UTF-8",
        }

    def empty(self) -> None:
        """Removes its files; the log and the folder that commands start in stay to be looked at."""
        for entry in self.folder.iterdir():
            if entry.is_dir() and entry.name != "work":
                shutil.rmtree(entry)


def executor_output(path: str) -> Any:
    """What a container says of its outputs; empty where it says nothing.

    Raises:
      json_format.ParseError: the file is no `ExecutorOutput`.
    """
    output = pb.ExecutorOutput()
    if Path(path).exists():
        json_format.Parse(Path(path).read_text("utf-8"), output)
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
    local = local_path(container.folder, folder)
    made = pb.ExecutorInput.Outputs(output_file=f"{local}/output_metadata.json")
    for key, declared in component.output_definitions.artifacts.items():
        artifact = made.artifacts[key].artifacts.add(uri=f"{folder}/{key}")
        artifact.type.CopyFrom(declared.artifact_type)
        if declared.HasField("metadata"):
            artifact.metadata.CopyFrom(declared.metadata)
    # The number is that of the try.
    logs = made.artifacts[LOGS].artifacts.add(uri=f"{folder}/{LOGS}-0")
    logs.type.schema_title = "system.Artifact"
    for name in component.output_definitions.parameters:
        made.parameters[name].output_file = f"{container.folder}/tmp/kfp/outputs/{name}"
    return made


def filled_in(words: Sequence[str], executor_input: Any, folder: Path) -> list[str]:
    """A command's words with their placeholders replaced.

    Text for text, as the backend does: within what has been filled in as well, and what is no
    placeholder of this step stays. The driver begins with the parameters.

    Args:
      words: program and arguments.
      executor_input: the step's.
      folder: where the container's file system begins.
    """
    inputs = executor_input.inputs
    parameters = {
        f"{{{{$.inputs.parameters['{name}']}}}}": as_text(value)
        for name, value in inputs.parameter_values.items()
    }
    known = {"{{$}}": json_format.MessageToJson(executor_input, indent=None)}
    for side in ("inputs", "outputs"):
        for key, given in getattr(executor_input, side).artifacts.items():
            start = f"{{{{$.{side}.artifacts['{key}']"
            known[f"{start}.uri}}}}"] = given.artifacts[0].uri
            local = local_path(folder, given.artifacts[0].uri)
            if local is not None:
                known[f"{start}.path}}}}"] = str(local)
    for name, parameter in executor_input.outputs.parameters.items():
        known[f"{{{{$.outputs.parameters['{name}'].output_file}}}}"] = parameter.output_file
    filled = []
    for word in words:
        for placeholder, text in [*parameters.items(), *known.items(), *parameters.items()]:
            word = word.replace(placeholder, text)
        filled.append(word)
    return filled
