"""The compiled pipeline, whole, through the local runner of kfp itself: another reader of the spec.

    python -m benchmarks.kubeflow_local text_classification languages

Compiles the pipeline with tidegate's wheel. An environment of its own, fetched by pip, has a kfp
that cannot live beside TFX 1.16 (another protobuf); `kfp.local` loads the file, checks it, orders
the tasks, fills in the commands, and carries each task's outputs to the next. The commands run as
processes of the wheel's environment, as there is no Docker engine (see `kfp_local_child.py`).
The pushed model is then loaded and asked for its own samples.

Prints a line of JSON for each task, then one for the run.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks import measure, report, workplace
from benchmarks.kubeflow_run import compiled_spec, data_file, read_arguments
from tests.wheel_environment import outside_environment, wheel_environment

# Pinned, as a runner of one's own for container steps is no part of its public API.
_KFP = "kfp==2.17.3"


def _kfp_environment(folder: Path) -> Path:
    """Makes an environment with kfp; returns its Python."""
    environment = outside_environment()
    measure.run([sys.executable, "-m", "venv", str(folder)], env=environment)
    python = folder / "bin" / "python"
    measure.run([str(python), "-m", "pip", "--quiet", "install", _KFP], env=environment)
    return python


def _ask(model: Path) -> float:
    """How far a model's answers are from those that it gave when it had been trained."""
    from tests.kubeflow.proof import largest_difference

    return largest_difference(model, model)


def main() -> None:
    """Runs the pipeline once and asks its model."""
    arguments, settings = read_arguments(__doc__, runs=None)
    machine = report.machine()
    with workplace.workplace(arguments) as work:
        home = work / "home"
        data = data_file(arguments.data, home)
        python, kfp_python = wheel_environment(work), _kfp_environment(work / "kfp")
        spec, _ = compiled_spec(python, arguments.task, work, settings, home)
        request: dict[str, Any] = {
            "spec": str(spec),
            "root": str(work / "root"),
            "logs": str(work / "logs"),
            "python": str(python),
            "parameters": {"data": str(data), "output": str(work / "serving")},
        }
        child = Path(__file__).with_name("kfp_local_child.py")
        begin = time.monotonic()
        done = measure.run(
            [str(kfp_python), str(child), json.dumps(request)], env=outside_environment(), cwd=work
        )
        seconds = time.monotonic() - begin
        print(done.output, end="")
        steps = [json.loads(line) for line in done.output.splitlines()]
        tasks = json.loads(spec.read_text(encoding="utf-8"))["root"]["dag"]["tasks"]
        (model,) = (work / "serving" / arguments.task).iterdir()
        result = {
            "kfp": _KFP,
            "task": arguments.task,
            "tasks": len(tasks),
            "passed": sum(step["code"] == 0 for step in steps),
            "seconds": round(seconds, 1),
            "largest difference": _ask(model),
        }
    print(json.dumps(result))
    print(f"\n{machine} {arguments.task}, {arguments.data}.")


if __name__ == "__main__":
    measure.finish(main)
