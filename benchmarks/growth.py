"""Growth with the rows: seconds per 1,000 rows and peak memory from ExampleGen to Transform.

Makes files of several sizes from IMDb's training texts: the first 25,000 rows are the texts
themselves, later ones have their words in another order (see `repeated_texts`). For each size, a
process of its own runs the pipeline up to Transform, without a cache; sizes take turns. A
component's peak is that of the process tree while it ran, what earlier components and imports
left in memory included; it is read every 0.2 s.
"""

import shutil
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks import data_stages, executions, measure, repeated_texts, report, workplace

# Components that take fewer seconds than this, also with the most rows, are not shown.
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
    return work / f"{size}.csv.gz"


def _stages(work: Path, size: int, settings: Sequence[str], number: int) -> dict[str, Stage]:
    """Runs the stages in a child process; the last entry is the whole of it."""
    folder = work / f"run-{size}-{number}"
    words = [word for setting in settings for word in ("--set", setting)]
    command = [sys.executable, "-m", "benchmarks.data_stages", str(_file(work, size)), str(folder)]
    measured = measure.run(
        [*command, *words], env=workplace.environment(work / f"home-{size}-{number}")
    )
    found = {}
    for name, (begin, end) in executions.windows(data_stages.metadata_file(folder)).items():
        during = [size for moment, size in measured.samples if begin <= moment <= end]
        found[name] = Stage(end - begin, max(during, default=0))
    shutil.rmtree(folder)
    all_seconds = sum(stage.seconds for stage in found.values())
    return {**found, "all": Stage(all_seconds, measured.peak)}


def _rows(results: dict[int, list[dict[str, Stage]]]) -> list[list[str]]:
    """By component, the figures of each size and the last size's over the first's."""
    sizes = sorted(results)
    rows = []
    for name in results[sizes[0]][0]:
        rates = {size: [run[name].seconds / size * 1000 for run in results[size]] for size in sizes}
        peaks = {size: [run[name].peak / 1e6 for run in results[size]] for size in sizes}
        if max(run[name].seconds for run in results[sizes[-1]]) < _SHORT:
            continue
        for what, values, digits in (("s per 1,000 rows", rates, 3), ("peak MB", peaks, 0)):
            first, last = (statistics.median(values[size]) for size in (sizes[0], sizes[-1]))
            ratio = f"{last / first:.2f}" if first else "–"
            rows.append(
                [f"{name}, {what}", *(report.spread(values[size], digits) for size in sizes), ratio]
            )
    return rows


def main() -> None:
    """Makes the data, runs each size and prints the table."""
    parser = workplace.parser(__doc__, runs=1)
    parser.add_argument(
        "--data", type=Path, required=True, help="IMDb's train.csv.gz, columns text and label"
    )
    parser.add_argument(
        "--sizes",
        type=workplace.at_least_one,
        nargs="+",
        default=[25_000, 100_000, 250_000],
        help="rows of the files that are made",
    )
    workplace.add_settings(parser)
    arguments = parser.parse_args()
    sizes = sorted(set(arguments.sizes))
    machine = report.machine()
    with workplace.workplace(arguments) as work:
        for size in sizes:
            measure.note(f"making {size:,} rows")
            repeated_texts.write(arguments.data, _file(work, size), size)
        results = measure.interleaved(
            {f"{size:,} rows": partial(_stages, work, size, arguments.settings) for size in sizes},
            arguments.runs,
        )
    print(f"{machine} Runs: {arguments.runs}.\n")
    by_size = dict(zip(sizes, results.values(), strict=True))
    columns = ["component", *(f"{size:,} rows" for size in sizes), "largest / smallest"]
    print(report.table(columns, _rows(by_size)))


if __name__ == "__main__":
    measure.finish(main)
