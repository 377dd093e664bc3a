"""The default run, its rerun from the cache, a changed setting, and the quick commands.

Each run, in a fresh folder with an empty home:

1. first: `tidegate run text_classification --data languages`, as `make run` does after set-up;
2. again: the same command, all from the cache;
3. changed: the same with another `model.units`, which must not run Transform again.

Then the commands that answer without heavy imports, in turn.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from benchmarks import measure, report, tidegate_run, workplace
from benchmarks.tidegate_run import TidegateRun

_DATA = "languages"
# With the exit codes that are no failure: doctor ends with 1 where it has found something.
_QUICK = {("--help",): (0,), ("tasks",): (0,), ("doctor",): (0, 1), ("data", "list"): (0,)}


def _three_runs(work: Path, settings: Sequence[str]) -> dict[str, TidegateRun]:
    """First, again, changed: one after the other in one folder."""
    runs: dict[str, TidegateRun] = {}
    for name in ("first", "again", "changed"):
        given = list(settings)
        if name == "changed":
            units = runs["first"].summary["settings"]["model"]["units"]
            given.append(f"model.units={units + 32}")
        measure.note(f"  {name}")
        runs[name] = tidegate_run.run(_DATA, work / "out", home=work / "home", settings=given)
    return runs


def _quick(words: tuple[str, ...], env: Mapping[str, str], number: int) -> measure.Measured:
    del number
    return measure.run([tidegate_run.command(), *words], env=env, accept=_QUICK[words])


def _ran(runs: Sequence[TidegateRun]) -> list[str]:
    """The components that did work, in order."""
    last = runs[-1].summary
    left_out = {"imports", "total", *last["cached"]}
    return [name for name in last["seconds"] if name not in left_out]


def _print_runs(runs: dict[str, list[TidegateRun]]) -> None:
    rows = []
    for name, found in runs.items():
        trained = [run for run in found if not run.summary["training"]["cached"]]
        rows.append(
            [
                name,
                *report.measured_cells([run.measured for run in found]),
                f"{len(trained)} of {len(found)}",
                "no" if "Transform" not in _ran(found) else "yes",
            ]
        )
    columns = ["run", *report.MEASURED_COLUMNS, "runs that trained", "Transform ran"]
    print(report.table(columns, rows))
    print(f"\nRan again after the change: {', '.join(_ran(runs['changed']))}.")
    print(f"Ran in the rerun: {', '.join(_ran(runs['again'])) or 'nothing'}.\n")
    parts = list(runs["first"][0].seconds)
    print(
        report.table(
            ["seconds", *runs],
            [
                [
                    part,
                    *(report.spread(run.seconds[part] for run in found) for found in runs.values()),
                ]
                for part in parts
            ],
        )
    )


def _print_figures(first: Sequence[TidegateRun]) -> None:
    held_out = [run.summary["metrics"]["eval"] for run in first]
    linear = [figures["baseline"] for figures in held_out]
    rows = [
        [
            title,
            *(report.percent(one[name] for one in figures) for name in ("accuracy", "macro_f1")),
        ]
        for title, figures in (("tidegate", held_out), (linear[0]["title"], linear))
    ]
    print()
    print(
        report.table([f"{held_out[0]['rows']:,} held-out texts", "accuracy %", "macro F1 %"], rows)
    )
    training = [run.summary["training"] for run in first]
    seconds = report.spread(one["seconds"] for one in training)
    print(f"\nTraining: {training[0]['steps']:,} steps in {seconds} s.\n")


def main() -> None:
    """Runs all and prints the tables."""
    parser = workplace.parser(__doc__)
    parser.add_argument(
        "--quick-runs", type=workplace.at_least_one, default=10, help="runs of each quick command"
    )
    workplace.add_settings(parser)
    arguments = parser.parse_args()
    machine = report.machine()
    with workplace.workplace(arguments) as work:
        results = measure.interleaved(
            {
                f"tidegate run --data {_DATA}": lambda number: _three_runs(
                    work / str(number), arguments.settings
                )
            },
            arguments.runs,
        )
        home = workplace.environment(work / "quick")
        quick = measure.interleaved(
            {" ".join(words): partial(_quick, words, home) for words in _QUICK},
            arguments.quick_runs,
        )
    (found,) = results.values()
    print(
        f"{machine} Runs: {arguments.runs}, {arguments.quick_runs} of the quick commands. "
        f"Settings: {arguments.settings or 'defaults'}.\n"
    )
    _print_runs({name: [runs[name] for runs in found] for name in found[0]})
    _print_figures([runs["first"] for runs in found])
    rows = [
        [f"tidegate {name}", report.spread((run.wall for run in runs), 2)]
        for name, runs in quick.items()
    ]
    print(report.table(["command", "wall s"], rows))


if __name__ == "__main__":
    measure.finish(main)
