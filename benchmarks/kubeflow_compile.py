"""Seconds that `tidegate compile` takes, and the size of what it writes, for each task.

    python -m benchmarks.kubeflow_compile --runs 3

The command as a process, with its imports, and the compiling alone in a process that has imported
TensorFlow and TFX already, the first time and again (the code's fingerprints are made anew each
time; its files are read once). The spec is the task's with its defaults and a test split.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

from benchmarks import measure, report, workplace
from benchmarks.tidegate_run import command

TASKS = ("text_classification", "forecasting")
_DATA, _TEST, _ROOT = "gs://bucket/train.csv", "gs://bucket/test.csv", "gs://bucket/root"
_IMAGE = "registry/tidegate:1"


def _process(task: str, work: Path, number: int) -> measure.Measured:
    output = work / f"{task}-{number}.json"
    return measure.run(
        [
            *(command(), "compile", task, "--data", _DATA, "--test", _TEST),
            *("--pipeline-root", _ROOT, "--image", _IMAGE, "--output", str(output)),
        ],
        env=workplace.environment(work / "home"),
    )


def _compiling(task: str, runs: int) -> list[float]:
    """Seconds of each compilation in this process."""
    from tidegate.models.core.task import load_task
    from tidegate.pipeline.config import make_config
    from tidegate.pipeline.kubeflow.runner import Target, compile_spec

    config, target = make_config(load_task(task)), Target(_DATA, _TEST, _ROOT, _IMAGE)
    seconds = []
    for _ in range(runs):
        begin = time.monotonic()
        compile_spec(config, target)
        seconds.append(time.monotonic() - begin)
    return seconds


def _size(path: Path) -> dict[str, int]:
    content: dict[str, Any] = json.loads(path.read_bytes())
    return {"bytes": path.stat().st_size, "tasks": len(content["root"]["dag"]["tasks"])}


def _measure(task: str, work: Path, runs: int) -> list[str]:
    """A line of the table; each run's figures as a line of JSON on the way."""
    processes = []
    for number in range(runs):
        measure.note(f"{task}: run {number + 1} of {runs}")
        processes.append(_process(task, work, number))
    sizes = [_size(work / f"{task}-{number}.json") for number in range(runs)]
    written = {(work / f"{task}-{number}.json").read_bytes() for number in range(runs)}
    if len(written) > 1:
        raise measure.ChildError(f"{task}: the runs wrote different files")
    first, *again = _compiling(task, runs + 1)
    for process, size, seconds in zip(processes, sizes, again, strict=True):
        figures = {
            "wall": round(process.wall, 2),
            "compile": round(seconds, 2),
            "first": round(first, 2),
        }
        print(json.dumps({"task": task, **figures, **size}))
    return [
        task,
        *report.measured_cells(processes),
        f"{first:.1f}",
        report.spread(again),
        f"{sizes[0]['bytes']:,}",
        str(sizes[0]["tasks"]),
    ]


def _arguments() -> argparse.Namespace:
    parser = workplace.parser(__doc__)
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    return parser.parse_args()


def main() -> None:
    """Measures and prints the table."""
    arguments = _arguments()
    machine = report.machine()
    with workplace.workplace(arguments) as work:
        rows = [_measure(task, work, arguments.runs) for task in arguments.tasks]
    columns = ["tidegate compile", *report.MEASURED_COLUMNS]
    columns += ["compiling alone, first s", "again s", "bytes", "tasks"]
    print(f"\n{machine} Runs: {arguments.runs}.\n")
    print(report.table(columns, rows))


if __name__ == "__main__":
    measure.finish(main)
