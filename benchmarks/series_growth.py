"""Growth with the number of series: seconds per series and peak memory up to Transform.

Makes files of 200, 2,000 and 20,000 series of 500 hourly points (see `generated_series`). For
each size, a process of its own runs the pipeline from SeriesExampleGen to Transform, without a
cache; sizes take turns. A component's peak is that of the process tree while it ran, what earlier
components and imports left in memory included; it is read every 0.2 s.
"""

import shutil
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks import data_stages, executions, generated_series, measure, report, workplace

# Components that take fewer seconds than this, also with the most series, are not shown.
_SHORT = 1.0


@dataclass(frozen=True)
class Stage:
    """A component's part of a run.

    Attributes:
      seconds: it took.
      peak: bytes of resident memory of the process tree while it ran.
    """

    seconds: float
    peak: int


def _file(work: Path, size: int) -> Path:
    return work / f"{size}.csv"


def _stages(
    work: Path, last: str, settings: Sequence[str], size: int, number: int
) -> dict[str, Stage]:
    """Runs the stages in a child process; the last entry is the whole of it."""
    folder = work / f"run-{size}-{number}"
    command = [
        *(sys.executable, "-m", "benchmarks.data_stages", str(_file(work, size)), str(folder)),
        *("--task", "forecasting", "--last", last),
        *(word for setting in settings for word in ("--set", setting)),
    ]
    measured = measure.run(command, env=workplace.environment(work / f"home-{size}-{number}"))
    found = {}
    for name, (begin, end) in executions.windows(data_stages.metadata_file(folder)).items():
        during = [resident for moment, resident in measured.samples if begin <= moment <= end]
        found[name] = Stage(end - begin, max(during, default=0))
    shutil.rmtree(folder)
    return {**found, "all": Stage(sum(one.seconds for one in found.values()), measured.peak)}


def _rows(results: dict[int, list[dict[str, Stage]]]) -> list[list[str]]:
    """By component, the figures of each size, and those of the last size over the first's."""
    sizes = sorted(results)
    rows = []
    for name in results[sizes[0]][0]:
        if max(run[name].seconds for run in results[sizes[-1]]) < _SHORT:
            continue
        rates = {size: [1e3 * run[name].seconds / size for run in results[size]] for size in sizes}
        peaks = {size: [run[name].peak / 1e6 for run in results[size]] for size in sizes}
        for what, values, digits in (("ms per series", rates, 2), ("peak MB", peaks, 0)):
            first, last = (statistics.median(values[size]) for size in (sizes[0], sizes[-1]))
            ratio = f"{last / first:.2f}" if first else "–"
            cells = [report.spread(values[size], digits) for size in sizes]
            rows.append([f"{name}, {what}", *cells, ratio])
    return rows


def main() -> None:
    """Makes the data, runs each size and prints the table."""
    parser = workplace.parser(__doc__, runs=1)
    parser.add_argument(
        "--sizes", type=workplace.at_least_one, nargs="+", default=[200, 2_000, 20_000]
    )
    parser.add_argument("--steps", type=workplace.at_least_one, default=500, help="of each series")
    parser.add_argument("--last", default=data_stages.LAST, help="component to stop after")
    workplace.add_settings(parser)
    arguments = parser.parse_args()
    sizes = sorted(set(arguments.sizes))
    machine = report.machine()
    with workplace.workplace(arguments) as work:
        for size in sizes:
            measure.note(f"making {size:,} series")
            generated_series.write(_file(work, size), size, arguments.steps)
        run = partial(_stages, work, arguments.last, arguments.settings)
        results = measure.interleaved(
            {f"{size:,} series": partial(run, size) for size in sizes}, arguments.runs
        )
    print(f"{machine} Runs: {arguments.runs}; {arguments.steps} points a series.\n")
    by_size = dict(zip(sizes, results.values(), strict=True))
    columns = ["component", *(f"{size:,} series" for size in sizes), "largest / smallest"]
    print(report.table(columns, _rows(by_size)))


if __name__ == "__main__":
    measure.finish(main)
