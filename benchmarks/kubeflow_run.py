"""The compiled pipeline, step by step, against the local run: seconds of each component.

    python -m benchmarks.kubeflow_run text_classification languages --runs 3

Compiles the pipeline with tidegate's wheel, and runs the spec as Kubeflow does (see
`tests/kubeflow/spec_runner.py`): each step in a process of its own, which imports TFX and
TensorFlow anew, one after the other, with its artifacts on an S3 server. Beside it `tidegate run`
on the same data with the same settings, one process in all. What a step takes more than in the
local run is the price of its process; on a cluster the start of its container comes on top. The
spec's size and the seconds of `tidegate compile` are told too.

A run prints a line of JSON, the end prints Markdown tables.
"""

import json
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import measure, report, workplace
from benchmarks.tidegate_run import command as local_command
from tests.kubeflow import bucket
from tests.kubeflow.spec_runner import SpecRunner
from tests.wheel_environment import wheel_environment

_OPEN_GATES = {
    "text_classification": ("gates.margin=-1",),
    "forecasting": (
        *("gates.relative_mase=1000", "gates.relative_wql=1000", "gates.coverage_error=1"),
    ),
}
# What a compiled pipeline has in place of a node that asks ML Metadata.
_LOCAL_NAMES = {"LatestPushedModel": "LatestBlessedModel"}


def data_file(given: str, home: Path) -> Path:
    """A file, or a data set by its name, which is put below `home`."""
    data = Path(given).resolve()
    if data.exists():
        return data
    words = [local_command(), "data", "get", given]
    return Path(measure.run(words, env=workplace.environment(home)).output.strip().splitlines()[-1])


def compiled_spec(
    python: Path, task: str, folder: Path, settings: Sequence[str], home: Path
) -> tuple[Path, float]:
    """The spec's file, of data that a run names, and the seconds of the command that made it."""
    spec = folder / "pipeline.json"
    words = [str(python.with_name("tidegate")), "compile", task, "--data", "gs://bucket/rows.csv"]
    words += ["--pipeline-root", "gs://bucket/root", "--image", "tidegate", "--output", str(spec)]
    words += settings
    measured = measure.run(words, env=workplace.environment(home), cwd=folder)
    return spec, measured.wall


def _as_spec(
    python: Path, task: str, data: Path, folder: Path, settings: Sequence[str], home: Path
) -> dict[str, Any]:
    folder.mkdir()
    spec, compile_seconds = compiled_spec(python, task, folder, settings, home)
    with bucket.s3_server() as s3:
        runner = SpecRunner(
            spec,
            s3=s3,
            root=f"minio://{bucket.NAME}/{task}",
            work=folder / "containers",
            python=python,
        )
        steps = runner.run({"data": str(data), "output": str(folder / "serving")})
    seconds = {name: step.seconds for name, step in steps.items()}
    return {
        "how": "compiled",
        "compile": compile_seconds,
        "bytes": spec.stat().st_size,
        "seconds": seconds,
        "total": sum(seconds.values()),
    }


def _locally(
    task: str, data: Path, folder: Path, settings: Sequence[str], home: Path
) -> dict[str, Any]:
    words = [local_command(), "run", task, "--data", str(data), "--output", str(folder)]
    measured = measure.run(
        [*words, *settings], env=workplace.environment(home), log=folder / "run.log"
    )
    seconds = json.loads((folder / "summary.json").read_text(encoding="utf-8"))["seconds"]
    return {"how": "local", "seconds": seconds, "total": measured.wall}


def _print(compiled: Sequence[dict[str, Any]], local: Sequence[dict[str, Any]]) -> None:
    rows = []
    for name in compiled[0]["seconds"]:
        here = [one["seconds"].get(_LOCAL_NAMES.get(name, name)) for one in local]
        cells = [report.spread(one["seconds"][name] for one in compiled)]
        cells.append("–" if None in here else report.spread(here))
        rows.append([name, *cells])
    imports = report.spread(one["seconds"]["imports"] for one in local)
    rows.append(["imports, once", "–", imports])
    totals = (report.spread(one["total"] for one in runs) for runs in (compiled, local))
    rows.append(["in all", *totals])
    print(report.table(["component", "step's process, s", "in the local run, s"], rows))
    print()
    made = [
        report.spread(one["compile"] for one in compiled),
        f"{compiled[0]['bytes']:,}",
        str(len(compiled[0]["seconds"])),
    ]
    print(report.table(["", "tidegate compile, s", "spec, bytes", "tasks"], [["the spec", *made]]))


def read_arguments(text: str | None, runs: int | None = 3) -> tuple[Namespace, list[str]]:
    """Task and data as given on the command line; settings as tidegate's words, gates open."""
    parser = workplace.parser(text, runs)
    parser.add_argument("task", choices=sorted(_OPEN_GATES), help="the task")
    parser.add_argument("data", help="a data set's name or a file")
    workplace.add_settings(parser)
    arguments = parser.parse_args()
    given = [*_OPEN_GATES[arguments.task], *arguments.settings]
    return arguments, [word for one in given for word in ("--set", one)]


def main() -> None:
    """Runs both in turn and prints the tables."""
    arguments, settings = read_arguments(__doc__)
    machine = report.machine()
    with workplace.workplace(arguments) as work:
        home = work / "home"
        data = data_file(arguments.data, home)
        python = wheel_environment(work)

        def compiled(number: int) -> dict[str, Any]:
            folder = work / f"compiled-{number}"
            return _as_spec(python, arguments.task, data, folder, settings, home)

        def local(number: int) -> dict[str, Any]:
            return _locally(arguments.task, data, work / f"local-{number}", settings, home)

        def told(start: Any) -> Any:
            def run(number: int) -> dict[str, Any]:
                found: dict[str, Any] = start(number)
                print(json.dumps({"task": arguments.task, "run": number, **found}), flush=True)
                return found

            return run

        results = measure.interleaved(
            {"compiled": told(compiled), "local": told(local)}, arguments.runs
        )
    print(f"\n{machine} {arguments.task}, {arguments.data}. Runs: {arguments.runs}.\n")
    _print(results["compiled"], results["local"])


if __name__ == "__main__":
    measure.finish(main)
