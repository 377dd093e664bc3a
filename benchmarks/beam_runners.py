"""Beam's runners side by side: seconds and peak memory from ExampleGen to Transform.

    python -m benchmarks.beam_runners --data FOLDER/train.csv.gz
    python -m benchmarks.beam_runners --data FOLDER/train.csv.gz --rows 5000 25000 100000 \\
        --runners in_memory multi_processing:2

Makes files of several sizes from IMDb's training texts (see `repeated_texts`). For each size and
runner a process of its own runs the pipeline up to Transform, without a cache; runners take turns.
The second command shows from how many rows on a second process is worth its start.

A runner is the direct runner's mode, with its workers behind a colon, or ``job_service:N``: a job
service and N worker pools as processes of this machine, each job with a worker in every pool
(`worker_pools`). Peaks are those of all these processes together; pages that they share count in
each.
"""

import argparse
import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from benchmarks import data_stages, executions, measure, repeated_texts, report, workplace
from benchmarks.growth import Stage

_MODES = ("in_memory", "multi_threading", "multi_processing")
_SERVICE = "job_service"
# What is shown by itself; the others take less than a second.
_SHOWN = ("ExampleGen", "StatisticsGen", "Transform")


@dataclass(frozen=True)
class Runner:
    """What runs Beam's part.

    Attributes:
      kind: a mode of the direct runner, or ``job_service``.
      workers: processes, or threads, that work at the same time.
    """

    kind: str
    workers: int

    def __str__(self) -> str:
        return self.kind if self.workers == 1 else f"{self.kind}:{self.workers}"

    def words(self) -> list[str]:
        """Arguments of `data_stages`."""
        if self.kind == _SERVICE:
            return ["--pools", str(self.workers)]
        options = (f"direct_running_mode={self.kind}", f"direct_num_workers={self.workers}")
        return [word for option in options for word in ("--beam", option)]


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes:
      stages: by component; ``all`` is the sum of the seconds, and the peak of the whole process.
      wall: seconds of the process, imports and the start of a job service included.
    """

    stages: dict[str, Stage]
    wall: float


def runner(text: str) -> Runner:
    """``KIND`` or ``KIND:WORKERS`` on the command line."""
    kind, _, workers = text.partition(":")
    if kind not in (*_MODES, _SERVICE):
        raise argparse.ArgumentTypeError(
            f"{text}: expected {', '.join((*_MODES, _SERVICE))}, with :WORKERS"
        )
    return Runner(kind, workplace.at_least_one(workers or "1"))


def _run(work: Path, rows: int, which: Runner, settings: Sequence[str], number: int) -> Run:
    name = f"{rows}-{which.kind}-{which.workers}-{number}"
    folder = work / name
    command = [sys.executable, "-m", "benchmarks.data_stages", str(_file(work, rows)), str(folder)]
    given = [word for setting in settings for word in ("--set", setting)]
    measured = measure.run(
        [*command, *which.words(), *given], env=workplace.environment(work / f"home-{name}")
    )
    stages = {}
    for component, (begin, end) in executions.windows(data_stages.metadata_file(folder)).items():
        during = [size for moment, size in measured.samples if begin <= moment <= end]
        stages[component] = Stage(end - begin, max(during, default=0))
    stages["all"] = Stage(sum(stage.seconds for stage in stages.values()), measured.peak)
    for left in work.glob(f"*{name}*"):
        shutil.rmtree(left)
    found = {name: asdict(stage) for name, stage in stages.items()}
    line = {"rows": rows, "runner": str(which), "wall": measured.wall, "stages": found}
    measure.note(json.dumps(line))
    return Run(stages, measured.wall)


def _file(work: Path, rows: int) -> Path:
    return work / f"{rows}.csv.gz"


def _cells(runs: Sequence[Run]) -> list[str]:
    """Seconds of each component, of all and of the process, and the peak."""
    (names,) = {tuple(run.stages) for run in runs}
    shown = [name for part in _SHOWN for name in names if name.endswith(part)]
    return [
        *(report.spread(run.stages[name].seconds for run in runs) for name in (*shown, "all")),
        report.spread(run.wall for run in runs),
        *(report.spread((run.stages[name].peak / 1e6 for run in runs), 0) for name in shown),
        report.spread((run.stages["all"].peak / 1e6 for run in runs), 0),
    ]


def main() -> None:
    """Makes the data, runs each runner on each size and prints the table."""
    parser = workplace.parser(__doc__, runs=1)
    parser.add_argument(
        "--data", type=Path, required=True, help="IMDb's train.csv.gz, columns text and label"
    )
    parser.add_argument(
        "--rows",
        type=workplace.at_least_one,
        nargs="+",
        default=[250_000],
        help="rows of the files that are made",
    )
    parser.add_argument(
        "--runners",
        type=runner,
        nargs="+",
        default=[
            Runner("in_memory", 1),
            Runner("multi_processing", 2),
            Runner(_SERVICE, 2),
        ],
        help="KIND or KIND:WORKERS",
    )
    workplace.add_settings(parser)
    arguments = parser.parse_args()
    sizes = sorted(set(arguments.rows))
    machine = report.machine()
    with workplace.workplace(arguments) as work:
        for rows in sizes:
            measure.note(f"making {rows:,} rows")
            repeated_texts.write(arguments.data, _file(work, rows), rows)
        peers = [(rows, which) for rows in sizes for which in arguments.runners]
        results = measure.interleaved(
            {
                f"{rows:,} rows, {which}": partial(_run, work, rows, which, arguments.settings)
                for rows, which in peers
            },
            arguments.runs,
        )
    print(f"{machine} Runs: {arguments.runs}.\n")
    columns = [
        "rows, runner",
        *(f"{name} s" for name in _SHOWN),
        "all s",
        "wall s",
        *(f"{name} peak MB" for name in _SHOWN),
        "peak MB",
    ]
    print(report.table(columns, [[name, *_cells(runs)] for name, runs in results.items()]))


if __name__ == "__main__":
    measure.finish(main)
