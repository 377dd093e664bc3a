"""IMDb, official split: tidegate, the linear model, and on request Keras's own example.

Runs are seeds of training, in one output folder: the data stages run once. Each runs tidegate,
then the linear model (TF-IDF of words and pairs, logistic regression) on the same files, then
Keras's two-layer bidirectional LSTM for a given time. Also counts the padding in tidegate's
training batches.
"""

from pathlib import Path
from typing import Any

from benchmarks import keras_example, linear_peer, measure, padding, quality, report, workplace
from benchmarks.texts import spaced_rows


def _keras_rows(runs: list[list[dict[str, float]]]) -> list[list[str]]:
    """By scoring (after each epoch, at the end), over the runs that reached it."""
    rows = []
    for number in range(max(len(points) for points in runs)):
        reached = [points[number] for points in runs if len(points) > number]
        epochs = report.spread((point["epochs"] for point in reached), 1)
        seconds = report.spread(point["seconds"] for point in reached)
        name = f"Keras's example, {epochs} epochs"
        rows.append([name, *quality.scores(reached), seconds, "", ""])
    return rows


def main() -> None:
    """Runs the peers and prints the tables."""
    parser = workplace.parser(__doc__, runs=None)
    parser.add_argument(
        "--data", type=Path, required=True, help="a folder with train.csv.gz and test.csv.gz"
    )
    workplace.add_seeds(parser)
    workplace.add_settings(parser)
    workplace.add_rows(parser)
    parser.add_argument("--keras-example", action="store_true", help="run it too, once a seed")
    parser.add_argument(
        "--keras-seconds", type=float, default=350.0, help="its seconds of training"
    )
    arguments = parser.parse_args()
    machine = report.machine()
    shares: list[dict[str, float]] = []
    with workplace.workplace(arguments) as work:
        train, test = (
            spaced_rows(arguments.data / name, arguments.rows, work)
            for name in ("train.csv.gz", "test.csv.gz")
        )

        def tidegate(number: int) -> Any:
            seed = arguments.seeds[number]
            folder = work / "tidegate"
            run = quality.tidegate(train, test, arguments.settings, seed, folder)
            if not shares:
                shares.append(padding.run(folder / "out"))
            return quality.note_run(run)

        peers: dict[str, Any] = {
            "tidegate": tidegate,
            "linear model": lambda number: linear_peer.run(train, test, "words"),
        }
        if arguments.keras_example:
            peers["Keras's example"] = lambda number: keras_example.run(
                train, test, arguments.keras_seconds, arguments.seeds[number]
            )
        results = measure.interleaved(peers, len(arguments.seeds))
    print(f"{machine} Seeds: {arguments.seeds}. Settings: {arguments.settings or 'defaults'}.\n")
    rows = quality.rows(results["tidegate"], results["linear model"])
    if arguments.keras_example:
        rows += _keras_rows(results["Keras's example"])
    print(report.table(["IMDb", *quality.COLUMNS], rows))
    print("", *quality.remarks(results["tidegate"]), sep="\n")
    (found,) = shares
    print(
        f"Padding in an epoch of training batches: {found['share']:.1%} of "
        f"{found['tokens']:,.0f} tokens in {found['batches']:,.0f} batches "
        f"({found['unbucketed']:.1%} without length buckets)."
    )


if __name__ == "__main__":
    measure.finish(main)
