"""A compiled pipeline in `kfp.local`, where container steps are processes of another Python.

Run by `benchmarks.kubeflow_local` as a file, with the Python of kfp's environment; imports nothing
of tidegate.
"""

import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import kfp
from kfp import local
from kfp.local import status, subprocess_task_handler, task_handler_interface

_TAIL = 25


def handler(python: Path, logs: Path) -> type[task_handler_interface.ITaskHandler]:
    """A task handler that runs a container's command with another Python first on the PATH.

    Args:
      python: the Python.
      logs: a folder for what the commands print and for the folders that they start in.
    """

    class Process(task_handler_interface.ITaskHandler):
        def __init__(
            self,
            image: str,
            full_command: list[str],
            pipeline_root: str,
            runner: Any,
            env_vars: dict[str, str] | None = None,
        ) -> None:
            del image, pipeline_root, runner
            self._command = full_command
            self._variables = env_vars or {}

        def run(self) -> status.Status:
            number = len(list(logs.iterdir()))
            folder = logs / str(number)
            folder.mkdir()
            path = os.pathsep.join([str(python.parent), "/usr/local/bin:/usr/bin:/bin"])
            begin = time.monotonic()
            with (logs / str(number) / "output.txt").open("w+", encoding="utf-8") as log:
                done = subprocess.run(
                    self._command,
                    cwd=folder,
                    env={**os.environ, "PATH": path, **self._variables},
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    check=False,
                )
                log.seek(0)
                tail = log.readlines()[-_TAIL:]
            executor = self._command[self._command.index("--executor_class_path") + 1]
            line = {"executor": executor, "code": done.returncode}
            line["seconds"] = round(time.monotonic() - begin, 1)
            print(json.dumps(line), file=sys.__stdout__, flush=True)
            if done.returncode:
                print("".join(tail), file=sys.stderr)
                return status.Status.FAILURE
            return status.Status.SUCCESS

    return Process


def main() -> None:
    """Runs the pipeline that the one argument describes, in JSON."""
    request = json.loads(sys.argv[1])
    logs = Path(request["logs"])
    logs.mkdir()
    # The name is looked up at each task; kfp.local knows subprocesses of Python functions alone.
    subprocess_task_handler.SubprocessTaskHandler = handler(Path(request["python"]), logs)
    local.init(runner=local.SubprocessRunner(use_venv=False), pipeline_root=request["root"])
    pipeline = kfp.components.load_component_from_text(Path(request["spec"]).read_text("utf-8"))
    with contextlib.redirect_stdout(sys.stderr):
        pipeline(**request["parameters"])


if __name__ == "__main__":
    main()
