"""Growth with the number of series: seconds per series and peak memory up to Transform.

Makes files of 200, 2,000 and 20,000 series of 500 hourly points (see `generated_series`). For
each size, a process of its own runs the pipeline from SeriesExampleGen to Transform, without a
cache; sizes take turns. A component's peak is that of the process tree while it ran, what earlier
components and imports left in memory included; it is read every 0.2 s. With `--last Evaluator` or a
later one the errors and the coverage of the intervals on `eval` are told as well; `--last all` runs
what `tidegate run` does.
"""

import shutil
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks import data_stages, executions, generated_series, measure, report, workplace

# Of the evaluation, with the decimals that are shown.
_FIGURES = {"mase": 3, "relative_mase": 3, "coverage_80": 3, "coverage_95": 3, "windows": 0}
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


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes:
      stages: by component; the last entry is the whole of them.
      figures: the overall metrics of the evaluation; none where it was not come to.
    """

    stages: dict[str, Stage]
    figures: dict[str, float]


def _file(work: Path, size: int) -> Path:
    return work / f"{size}.csv"


def _run(work: Path, last: str, settings: Sequence[str], size: int, number: int) -> Run:
    """Runs the stages in a child process."""
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
    found["all"] = Stage(sum(one.seconds for one in found.values()), measured.peak)
    figures = _figures(folder)
    shutil.rmtree(folder)
    return Run(found, figures)


def _figures(folder: Path) -> dict[str, float]:
    evaluations = [*folder.glob("artifacts/Evaluator/evaluation/*")]
    if not evaluations:
        return {}
    import tensorflow_model_analysis as tfma

    (overall,) = (
        found
        for found in tfma.load_metrics(str(evaluations[0]))
        if not found.slice_key.single_slice_keys
    )
    return {
        pair.key.name: pair.value.double_value.value
        for pair in overall.metric_keys_and_values
        if pair.key.name in _FIGURES and not pair.key.is_diff
    }


def _rows(results: dict[int, list[Run]]) -> list[list[str]]:
    """By component, the figures of each size, and those of the last size over the first's."""
    sizes = sorted(results)
    rows = []
    for name in results[sizes[0]][0].stages:
        stages = {size: [run.stages[name] for run in results[size]] for size in sizes}
        if max(stage.seconds for stage in stages[sizes[-1]]) < _SHORT:
            continue
        rates = {size: [1e3 * stage.seconds / size for stage in stages[size]] for size in sizes}
        peaks = {size: [stage.peak / 1e6 for stage in stages[size]] for size in sizes}
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
    parser.add_argument(
        "--last", default=data_stages.LAST, help="component to stop after, or `all` for none"
    )
    workplace.add_settings(parser)
    arguments = parser.parse_args()
    sizes = sorted(set(arguments.sizes))
    machine = report.machine()
    with workplace.workplace(arguments) as work:
        for size in sizes:
            measure.note(f"making {size:,} series")
            generated_series.write(_file(work, size), size, arguments.steps)
        run = partial(_run, work, arguments.last, arguments.settings)
        results = measure.interleaved(
            {f"{size:,} series": partial(run, size) for size in sizes}, arguments.runs
        )
    print(f"{machine} Runs: {arguments.runs}; {arguments.steps} points a series.\n")
    by_size = dict(zip(sizes, results.values(), strict=True))
    columns = ["component", *(f"{size:,} series" for size in sizes), "largest / smallest"]
    print(report.table(columns, _rows(by_size)))
    if by_size[sizes[0]][0].figures:
        print()
        rows = [
            [
                f"{size:,} series",
                *(
                    report.spread((run.figures[name] for run in by_size[size]), digits)
                    for name, digits in _FIGURES.items()
                ),
            ]
            for size in sizes
        ]
        print(report.table(["on eval", *_FIGURES], rows))


if __name__ == "__main__":
    measure.finish(main)
