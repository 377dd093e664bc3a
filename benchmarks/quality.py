"""tidegate's accuracy on a fixed test split beside the linear models'."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import measure, report, tidegate_run

COLUMNS = ("test accuracy %", "macro F1 %", "training s", "total s", "peak MB")
LINEAR = "linear model, on the whole of train"


def tidegate(
    train: Path, test: Path, settings: Sequence[str], seed: int, work: Path
) -> tidegate_run.TidegateRun:
    """One run of tidegate with a seed, in a fresh folder with an empty home."""
    return tidegate_run.run(
        str(train),
        work / "out",
        home=work / "home",
        test=str(test),
        settings=[*settings, f"training.seed={seed}"],
    )


def rows(
    runs: Sequence[tidegate_run.TidegateRun], linear: Sequence[Mapping[str, float]]
) -> list[list[str]]:
    """The rows below `COLUMNS`, and the lead over the linear model.

    Args:
      runs: tidegate's.
      linear: `linear_peer`'s, of the same split.
    """
    found = [run.summary for run in runs]
    figures = [summary["metrics"]["test"] for summary in found]
    own = [figure["baseline"] for figure in figures]
    best = linear[0]
    return [
        [
            "tidegate",
            *scores(figures),
            report.spread(summary["training"]["seconds"] for summary in found),
            report.spread(run.measured.wall for run in runs),
            report.spread((run.measured.peak / 1e6 for run in runs), 0),
        ],
        [f"tidegate's own: {own[0]['title']}", *scores(own), "", "", ""],
        [LINEAR, *scores(linear), report.spread(run["seconds"] for run in linear), "", ""],
        [
            "tidegate less the linear model, points",
            report.percent(figure["accuracy"] - best["accuracy"] for figure in figures),
            report.percent(figure["macro_f1"] - best["macro_f1"] for figure in figures),
            "",
            "",
            "",
        ],
    ]


def scores(figures: Sequence[Mapping[str, Any]]) -> list[str]:
    """Accuracy and macro F1, in percent."""
    return [report.percent(figure[name] for figure in figures) for name in ("accuracy", "macro_f1")]


def remarks(runs: Sequence[tidegate_run.TidegateRun]) -> list[str]:
    """Rows, steps, parameters, and gates that were not passed."""
    first = runs[0].summary
    count = ", ".join(f"{split} {number:,}" for split, number in first["rows"].items())
    steps = report.spread((run.summary["training"]["steps"] for run in runs), 0)
    lines = [
        f"Rows: {count}. Steps: {steps}. Parameters: {first['training']['parameters']:,}.",
    ]
    held = [run for run in runs if run.measured.code == tidegate_run.EXIT_NOT_PUSHED]
    if held:
        failed = {
            gate["metric"] for run in held for gate in run.summary["gates"] if not gate["passed"]
        }
        lines.append(f"Not pushed: {len(held)} of {len(runs)} runs (gates: {sorted(failed)}).")
    return lines


def note_run(run: tidegate_run.TidegateRun) -> tidegate_run.TidegateRun:
    """Tells of a run as soon as it has ended."""
    figure = run.summary["metrics"]["test"]
    measure.note(
        f"  accuracy {figure['accuracy']:.4f}, macro F1 {figure['macro_f1']:.4f}, "
        f"{run.summary['training']['seconds']:.0f} s of training"
    )
    return run
