"""TFX's own IMDb example against tidegate: the same 100 reviews, the same steps and batch.

Each run goes from process start to pushed model, in a fresh folder with an empty home, so that
nothing is cached. Peers take turns.

- TFX's example: as shipped (its own Beam arguments), and with Beam in memory.
- tidegate, the example's model: its sizes, as far as tidegate has them as settings (it has no
  hidden layer behind the LSTM), its steps and batch.
- tidegate, its own model: tidegate's default settings, with the example's steps and batch.
- tidegate, as it comes: default settings alone, steps and batch included.

tidegate's gates are open, as 4 of the 100 reviews are held out: it is the seconds that count
here. Early stopping is off where the steps are the example's.
"""

import statistics
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks import measure, report, tfx_layout, tidegate_run, workplace

_OPEN_GATES = "gates.margin=-1"


def _same_work(sizes: tfx_layout.Sizes, steps: int) -> list[str]:
    return [
        _OPEN_GATES,
        f"training.steps={steps}",
        f"training.batch_size={sizes.batch}",
        # No early stopping: validations are as many as the steps hold epochs.
        f"training.patience={steps}",
    ]


def _same_model(sizes: tfx_layout.Sizes) -> list[str]:
    return [
        f"features.vocabulary_size={sizes.vocabulary}",
        f"features.max_tokens={sizes.length}",
        "features.min_count=1",
        "features.truncation=head",
        f"model.embedding={sizes.embedding}",
        f"model.units={sizes.units}",
        "model.layers=1",
        "model.bidirectional=true",
        "model.pooling=last",
        "model.linear=false",
        "model.embedding_dropout=0",
        "model.dropout=0",
        f"training.learning_rate={sizes.rate}",
    ]


def _components(runs: Sequence[dict[str, float]], walls: Sequence[float]) -> list[list[str]]:
    """Rows of seconds per component, and what is left of the wall."""
    names = [name for name in runs[0] if name != "total"]
    rows = [[name, report.spread(run[name] for run in runs)] for name in names]
    rest = [wall - sum(run[name] for name in names) for wall, run in zip(walls, runs, strict=True)]
    return [*rows, ["the rest", report.spread(rest)]]


def main() -> None:
    """Runs the peers and prints the tables."""
    parser = workplace.parser(__doc__)
    parser.add_argument(
        "--steps", type=workplace.at_least_one, help="other steps for all: to try the script"
    )
    arguments = parser.parse_args()
    sizes = tfx_layout.read_sizes()
    steps = arguments.steps or sizes.steps
    machine = report.machine()
    with workplace.workplace(arguments) as work:

        def example(
            beam: Sequence[str] | None, name: str
        ) -> Callable[[int], tfx_layout.ExampleRun]:
            return lambda number: tfx_layout.run(work / f"{name}-{number}", beam, arguments.steps)

        def tidegate(
            settings: Sequence[str], name: str
        ) -> Callable[[int], tidegate_run.TidegateRun]:
            def start(number: int) -> tidegate_run.TidegateRun:
                folder: Path = work / f"{name}-{number}"
                return tidegate_run.run(
                    "imdb-small",
                    folder / "out",
                    home=folder / "home",
                    settings=settings,
                    must_push=True,
                )

            return start

        same_work = _same_work(sizes, steps)
        peers: dict[str, Callable[[int], tfx_layout.ExampleRun | tidegate_run.TidegateRun]] = {
            "TFX's example, as shipped": example(None, "shipped"),
            "TFX's example, Beam in memory": example(tfx_layout.IN_MEMORY, "memory"),
            "tidegate, the example's model": tidegate([*same_work, *_same_model(sizes)], "same"),
            "tidegate, its own model": tidegate(same_work, "own"),
            "tidegate, as it comes": tidegate([_OPEN_GATES], "default"),
        }
        results = measure.interleaved(peers, arguments.runs)
    print(f"{machine} Runs: {arguments.runs}.")
    print(f"\nThe example's code states: {sizes}. Steps used: {steps}.\n")
    _print_totals(results, steps, sizes.batch)
    for name, runs in results.items():
        print(f"\nSeconds of: {name}\n")
        walls = [run.measured.wall for run in runs]
        print(report.table(["part", "s"], _components([run.seconds for run in runs], walls)))


def _print_totals(
    results: dict[str, list[tfx_layout.ExampleRun | tidegate_run.TidegateRun]],
    steps: int,
    batch: int,
) -> None:
    rows = []
    first = statistics.median(run.measured.wall for run in next(iter(results.values())))
    for name, runs in results.items():
        last = runs[-1]
        done, size = steps, batch
        if isinstance(last, tidegate_run.TidegateRun):
            done = last.summary["training"]["steps"]
            size = last.summary["settings"]["training"]["batch_size"]
        wall = statistics.median(run.measured.wall for run in runs)
        cells = report.measured_cells([run.measured for run in runs])
        rows.append([name, *cells, str(done), str(size), f"{wall / first:.2f}"])
    columns = ["process start to pushed model", *report.MEASURED_COLUMNS]
    print(report.table([*columns, "steps", "batch", "share of the first's wall"], rows))


if __name__ == "__main__":
    measure.finish(main)
